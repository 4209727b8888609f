/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_KERNELS_SETS_H
#define ONIC_COMMON_NN_KERNELS_SETS_H

/* kernels_sets.h - the sets kernels.c chooses from. Private to common/nn. */

#include "common/nn/kernels.h"

extern const struct kernels kernels_avx2;   /* kernels_avx2.c */
extern const struct kernels kernels_avx512; /* kernels_avx512.c */

#endif /* ONIC_COMMON_NN_KERNELS_SETS_H */
