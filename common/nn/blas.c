/* SPDX-License-Identifier: MIT */
/* blas.c - the only file that includes cblas.h; see blas.h.
 *
 * OpenBLAS exists in three builds. The serial and the pthread build obey openblas_set_num_threads;
 * the OpenMP build spins its own team in every process and falls to 1 % of its speed when two
 * processes share the cores, so it is refused unless the environment has already pinned it to one
 * thread. */
#include "common/nn/blas.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/exec_self.h"

enum { BUILD_OPENMP = 2 }; /* openblas_get_parallel(): 0 serial, 1 pthread, 2 OpenMP */

int blas_start(struct onic_err *err)
{
    if (openblas_get_parallel() == BUILD_OPENMP) {
        const char *threads = getenv("OMP_NUM_THREADS");
        if (!threads || strcmp(threads, "1") != 0)
            return err_set(err, ONIC_ECONFIG,
                           "this OpenBLAS is the OpenMP build, which is slow when processes share "
                           "cores; install libopenblas0-pthread or set OMP_NUM_THREADS=1");
    }
    openblas_set_num_threads(1);
    int n = openblas_get_num_threads();
    if (n != 1)
        return err_set(err, ONIC_ECONFIG,
                       "OpenBLAS keeps using %d threads although one was asked for; set "
                       "OPENBLAS_NUM_THREADS=1",
                       n);
    return ONIC_OK;
}

const char *blas_core(void)
{
    return openblas_get_corename();
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

const char *blas_better_core(const char *core, const char *cpu)
{
    static const char *const sse_or_avx[] = {
        "Prescott",    "Core2",     "Penryn",  "Dunnington",   "Nehalem",   "Sandybridge",
        "Atom",        "Athlon",    "Opteron", "Opteron_SSE3", "Barcelona", "Bobcat",
        "Steamroller", "Bulldozer", "Nano",    "Piledriver",   NULL};
    static const char *const avx2[] = {"Haswell", "Zen", "Excavator", NULL};
    if (strcmp(cpu, "avx512") == 0)
        return is_one_of(core, sse_or_avx) || is_one_of(core, avx2) ? "SkylakeX" : NULL;
    return is_one_of(core, sse_or_avx) ? "Haswell" : NULL;
}

void blas_choose_kernels(char **argv)
{
    const char *set = getenv("OPENBLAS_CORETYPE");
    const char *better = blas_better_core(blas_core(), cpu_path());
    if ((set && *set) || !better || setenv("OPENBLAS_CORETYPE", better, 1) != 0)
        return;
    exec_self(argv);
    unsetenv("OPENBLAS_CORETYPE"); /* it failed: we go on, slowly, and `onic doctor` tells */
}

void blas_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
                ldc);
}

void blas_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
                ldc);
}

void blas_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
                ldc);
}
