/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_BLAS_H
#define ONIC_COMMON_NN_BLAS_H

/* blas.h - matrix products. The only door to cblas: its threads, its quirks and its names stay
 * behind it.
 *
 * Exactly one BLAS thread, everywhere: parallelism is ours, because a library's threads collapse
 * where cores are shared (measured: a sixth of the speed beside one busy process). Matrices are
 * row-major; ld is the distance of two rows in floats. The products are thread-safe. */

#include <stdbool.h>

#include "common/base/err.h"

/* Loads the library, sets and checks one thread. ONIC_ECONFIG when it is not there, when a limit of
 * memory does not leave it what it takes, when it is the OpenMP build of OpenBLAS and
 * OMP_NUM_THREADS is not 1, or when it does not obey. Cheap, may be called again; policy_create
 * calls it. To be called before the products. */
int blas_start(struct onic_err *err);
/* For a process in which so many threads will multiply at the same time: takes the memory of all,
 * which OpenBLAS would else ask for later, and for ever. ONIC_ECONFIG names the limit. From one
 * thread, like blas_start. */
int blas_reserve(int threads, struct onic_err *err);
/* In main(), before anything is opened or taken out of the environment (keys.h). OpenBLAS chooses
 * its kernels when it is loaded, and one that is older than the CPU may choose those of 2004
 * (0.3.21 on a Xeon of 2023: training at a quarter of its speed). Where OPENBLAS_CORETYPE leaves
 * the choice to it and there are better kernels for this CPU, the program is executed again with
 * that variable set, which children inherit; otherwise this returns. */
void blas_choose_kernels(char **argv);
const char *blas_core(void); /* kernel set in use: "Cooperlake", "Zen", ...; "none" */
/* The kernel set this CPU (cpu_path() "avx2" or "avx512") should have instead of `core`; NULL when
 * `core` is as wide as the CPU, or unknown. */
const char *blas_better_core(const char *core, const char *cpu);

/* out [cols, rows] = in [rows, cols] transposed; they do not overlap */
void blas_transpose(float *out, const float *in, int rows, int cols);
/* C [M,N] = beta C + A [M,K] B [K,N] */
void blas_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta);
/* C [M,N] = beta C + A [M,K] B^T, B [N,K] */
void blas_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta);
/* C [M,N] = beta C + A^T B, A [K,M], B [K,N] */
void blas_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta);

#endif /* ONIC_COMMON_NN_BLAS_H */
