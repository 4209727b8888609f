/* SPDX-License-Identifier: MIT */
/* cpu.c - instruction set and usable cores; see cpu.h.
 *
 * This file alone is compiled for plain x86-64 (common/CMakeLists.txt): everything else may hold
 * AVX2 instructions anywhere, also in main(), so the check has to run before main() as a
 * constructor.
 *
 * Cores: sysconf() counts the host's. In a container with --cpus=2 on a 64-core host, 64 actors
 * would share two cores and be throttled for most of each 100 ms period, so the quota of every
 * cgroup from our own up to the root is read; the tightest holds. */
#define _GNU_SOURCE
#include "common/base/cpu.h"

#include <cpuid.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cgroup.h"

struct cpu_features cpu_features(void)
{
    __builtin_cpu_init(); /* also checks that the operating system saves the wide registers */
    unsigned a, b, c = 0, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 29));
    return (struct cpu_features){
        .avx2 = __builtin_cpu_supports("avx2"),
        .fma = __builtin_cpu_supports("fma"),
        .bmi2 = __builtin_cpu_supports("bmi2"),
        .f16c = f16c,
        .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"),
    };
}

bool cpu_supported(struct cpu_features f, char *sentence, size_t size)
{
    if (f.avx2 && f.fma && f.bmi2 && f.f16c)
        return true;
    snprintf(
        sentence, size,
        "onic needs a CPU with AVX2, FMA, BMI2 and F16C (x86-64-v3, any Intel since 2013 or AMD "
        "since 2015), and this one lacks%s%s%s%s; run it on another machine",
        f.avx2 ? "" : " AVX2", f.fma ? "" : " FMA", f.bmi2 ? "" : " BMI2", f.f16c ? "" : " F16C");
    return false;
}

/* The one place outside main.c that ends a process: nothing compiled for AVX2 may run before it. */
__attribute__((constructor(101))) static void check_cpu_before_main(void)
{
    char sentence[256];
    if (cpu_supported(cpu_features(), sentence, sizeof sentence))
        return;
    fprintf(stderr, "%s\n", sentence);
    _exit(64);
}

const char *cpu_path(void)
{
    return cpu_features().avx512 ? "avx512" : "avx2";
}

/* The name in leaves 0x80000002 to 4, without what is blank around its words. */
static void read_cpu_name(char out[49])
{
    unsigned reg[12];
    char raw[49] = "";
    size_t n = 0;
    for (unsigned i = 0; i < 3; i++) {
        unsigned *r = reg + 4 * i;
        if (!__get_cpuid(0x80000002u + i, r, r + 1, r + 2, r + 3))
            break;
        memcpy(raw + 16 * i, r, 16);
    }
    for (const char *p = raw; *p; p++) {
        bool blank = *p <= ' ' || *p > '~' || *p == ',';
        if (!blank)
            out[n++] = *p;
        else if (n && out[n - 1] != ' ')
            out[n++] = ' ';
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

void cpu_model(char out[CPU_MODEL_MAX])
{
    char name[49];
    unsigned a = 0, b, c, d;
    read_cpu_name(name);
    __get_cpuid(1, &a, &b, &c, &d);
    unsigned family = (a >> 8) & 15, model = (a >> 4) & 15;
    if (family == 6 || family == 15)
        model += ((a >> 16) & 15) << 4;
    if (family == 15)
        family += (a >> 20) & 255;
    snprintf(out, CPU_MODEL_MAX, "%s (family %u, model %u)", name[0] ? name : "unnamed CPU", family,
             model);
}

int cpu_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 CPUs: the fixed set is too small */
    return n > 0 ? (int)n : 1;
}

static double quota_v2(const char *root, const char *dir)
{
    char line[128];
    double quota, period;
    if (!cgroup_line(root, dir, "/cpu.max", line, sizeof line) ||
        sscanf(line, "%lf %lf", &quota, &period) != 2 || quota <= 0 || period <= 0)
        return 0; /* "max 100000" does not scan: no limit */
    return quota / period;
}

static double quota_v1(const char *root, const char *dir)
{
    char quota[64], period[64];
    if (!cgroup_line(root, dir, "/cpu.cfs_quota_us", quota, sizeof quota) ||
        !cgroup_line(root, dir, "/cpu.cfs_period_us", period, sizeof period))
        return 0;
    double q = strtod(quota, NULL), p = strtod(period, NULL);
    return q > 0 && p > 0 ? q / p : 0;
}

double cpu_quota(const char *root)
{
    return cgroup_tightest(root, "cpu", quota_v2, quota_v1);
}

int cpu_usable(void)
{
    int cores = cpu_affinity();
    double quota = cpu_quota("");
    if (quota > 0 && ceil(quota - 0.01) < cores)
        cores = (int)ceil(quota - 0.01);
    return cores > 1 ? cores : 1;
}
