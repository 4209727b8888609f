/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_CPU_H
#define ONIC_COMMON_BASE_CPU_H

/* cpu.h - what the machine lets this process use: instruction set and cores.
 *
 * onic is compiled for x86-64-v3. A program that links this file checks the CPU before main() and
 * ends with one sentence and exit code 64 on a machine without AVX2 or FMA, instead of dying of
 * SIGILL later. */

#include <stdbool.h>
#include <stddef.h>

struct cpu_features {
    bool avx2, fma, bmi2, f16c, avx512; /* avx512: F, BW, DQ and VL */
};

struct cpu_features cpu_features(void);
/* Writes the sentence and returns false when this set cannot run onic. */
bool cpu_supported(struct cpu_features f, char *sentence, size_t size);
const char *cpu_path(void); /* "avx2" or "avx512": widest kernels this CPU may run */

enum { CPU_MODEL_MAX = 96 };
/* "AMD EPYC 9R14 (family 25, model 17)": as the CPU calls itself, and, for machines that call
 * themselves by a family's name alone, its numbers. Printable ASCII without commas. */
void cpu_model(char out[CPU_MODEL_MAX]);

/* Cores this process may really use, >= 1: the smaller of its affinity mask and the cgroup CPU
 * quota (v1 and v2, all levels up to the root), a quota rounded up. */
int cpu_usable(void);

/* Pieces of cpu_usable, with the file system root as a parameter for tests: a quota in cores, 0 =
 * none. */
int cpu_affinity(void);
double cpu_quota(const char *root);

#endif /* ONIC_COMMON_BASE_CPU_H */
