/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_DENORMALS_H
#define ONIC_COMMON_NN_DENORMALS_H

/* denormals.h - arithmetic without denormal numbers, for the length of a call.
 *
 * Moments and gradients that decay towards 0 end among the denormals, where some CPUs need a
 * hundred cycles per operation. The mode is per thread and would leak into whatever else the thread
 * runs (a game library keeps its own), so numerical entry points switch it on and back: two
 * instructions each. */

#include <xmmintrin.h>

/* Flush-to-zero and denormals-are-zero on; returns what denormals_restore wants back. */
static inline unsigned denormals_off(void)
{
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040u);
    return before;
}

static inline void denormals_restore(unsigned before)
{
    _mm_setcsr(before);
}

#endif /* ONIC_COMMON_NN_DENORMALS_H */
