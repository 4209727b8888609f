/* SPDX-License-Identifier: MIT */
/* kernels_avx512.c - the kernels for x86-64-v4: sixteen floats at a time. */
#define KERNELS_SET kernels_avx512
#define KERNELS_PATH "avx512"
#define KERNELS_LANES 16
#include "common/nn/kernels_impl.h"
