/* SPDX-License-Identifier: MIT */
/* kernels_avx2.c - the kernels for x86-64-v3: eight floats at a time. */
#define KERNELS_SET kernels_avx2
#define KERNELS_PATH "avx2"
#define KERNELS_LANES 8
#include "common/nn/kernels_impl.h"
