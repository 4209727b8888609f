/* SPDX-License-Identifier: MIT */
/* kernels.c - which set of kernels this CPU gets; see kernels.h.
 *
 * cpuid traps in virtual machines (microseconds), so the answer is kept. Racing first calls store
 * the same pointer. */
#include "common/nn/kernels.h"

#include <stdatomic.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/nn/kernels_sets.h"

const struct kernels *kernels_named(const char *path)
{
    if (strcmp(path, kernels_avx512.path) == 0)
        return cpu_features().avx512 ? &kernels_avx512 : NULL;
    return strcmp(path, kernels_avx2.path) == 0 ? &kernels_avx2 : NULL;
}

const struct kernels *kernels(void)
{
    static const struct kernels *_Atomic chosen;
    const struct kernels *k = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!k) {
        k = kernels_named(cpu_path());
        atomic_store_explicit(&chosen, k, memory_order_relaxed);
    }
    return k;
}
