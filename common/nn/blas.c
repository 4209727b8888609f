/* SPDX-License-Identifier: MIT */
/* blas.c - the only file that includes cblas.h; see blas.h.
 *
 * OpenBLAS is loaded here and not linked, because it acts when it is loaded: it starts a thread per
 * core, which we never use, and where there is no memory for its buffers (128 MB of address space
 * for every thread that multiplies) it tries for ever, at 100 % and before main. So what it will
 * take is asked for first, its threads are set before it looks, and its buffers are taken at once.
 *
 * It exists in three builds. The serial and the pthread build obey openblas_set_num_threads; the
 * OpenMP build spins its own team in every process and falls to 1 % of its speed when two processes
 * share the cores, so it is refused unless the environment has already pinned it to one thread. */
#include "common/nn/blas.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cpu.h"
#include "common/base/exec_self.h"
#include "common/base/limits.h"

enum {
    BUILD_OPENMP = 2, /* openblas_get_parallel(): 0 serial, 1 pthread, 2 OpenMP */
    LIBRARY_MB = 40,
    BUFFER_MB = 129,
    BUFFERS_MAX = 64
};

#define LIBRARY "libopenblas.so.0"

static struct {
    pthread_once_t once;
    __typeof__(cblas_sgemm) *sgemm;
    __typeof__(openblas_get_parallel) *get_parallel;
    __typeof__(openblas_set_num_threads) *set_num_threads;
    __typeof__(openblas_get_num_threads) *get_num_threads;
    __typeof__(openblas_get_corename) *get_corename;
    void *(*memory_alloc)(int); /* NULL in a build that hides it, like the next */
    void (*memory_free)(void *);
    int buffers;         /* that it has by now */
    struct onic_err err; /* why it is not there */
} blas = {.once = PTHREAD_ONCE_INIT};

static void blas_find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
}

static void blas_load(void)
{
    struct limits_need need = {.who = "the library of matrix products (OpenBLAS)",
                               .address_mb = LIBRARY_MB + BUFFER_MB};
    if (limits_check(&need, &blas.err) != ONIC_OK)
        return;
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        library = dlopen(ONIC_BLAS_DIR "/" LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(&blas.err, ONIC_ECONFIG,
                "OpenBLAS cannot be loaded (install libopenblas0-pthread): %s", dlerror());
        return;
    }
    blas_find(library, "openblas_get_parallel", &blas.get_parallel);
    blas_find(library, "openblas_set_num_threads", &blas.set_num_threads);
    blas_find(library, "openblas_get_num_threads", &blas.get_num_threads);
    blas_find(library, "openblas_get_corename", &blas.get_corename);
    blas_find(library, "blas_memory_alloc", &blas.memory_alloc);
    blas_find(library, "blas_memory_free", &blas.memory_free);
    if (blas.get_parallel && blas.set_num_threads && blas.get_num_threads && blas.get_corename)
        blas_find(library, "cblas_sgemm", &blas.sgemm);
    if (!blas.sgemm)
        err_set(&blas.err, ONIC_ECONFIG,
                LIBRARY " is another library than OpenBLAS: it lacks "
                        "cblas_sgemm or openblas_get_corename");
}

static bool is_loaded(void)
{
    pthread_once(&blas.once, blas_load);
    return blas.sgemm != NULL;
}

static int take_buffers(int n, struct onic_err *err)
{
    void *buffer[BUFFERS_MAX];
    n = n < BUFFERS_MAX ? n : BUFFERS_MAX;
    if (n <= blas.buffers)
        return ONIC_OK;
    struct limits_need need = {.who = "training (OpenBLAS)",
                               .address_mb = (size_t)(n - blas.buffers) * BUFFER_MB};
    int rc = limits_check(&need, err);
    if (rc || !blas.memory_alloc || !blas.memory_free)
        return rc;
    for (int i = 0; i < n; i++)
        buffer[i] = blas.memory_alloc(0);
    for (int i = 0; i < n; i++) /* it keeps them for the next who asks */
        blas.memory_free(buffer[i]);
    blas.buffers = n;
    return ONIC_OK;
}

int blas_start(struct onic_err *err)
{
    if (!is_loaded())
        return err_set(err, blas.err.code, "%s", blas.err.msg);
    if (blas.get_parallel() == BUILD_OPENMP) {
        const char *threads = getenv("OMP_NUM_THREADS");
        if (!threads || strcmp(threads, "1") != 0)
            return err_set(err, ONIC_ECONFIG,
                           "this OpenBLAS is the OpenMP build, which is slow when processes share "
                           "cores; install libopenblas0-pthread or set OMP_NUM_THREADS=1");
    }
    blas.set_num_threads(1);
    int n = blas.get_num_threads();
    if (n != 1)
        return err_set(err, ONIC_ECONFIG,
                       "OpenBLAS keeps using %d threads although one was asked for; set "
                       "OPENBLAS_NUM_THREADS=1",
                       n);
    return take_buffers(1, err);
}

int blas_reserve(int threads, struct onic_err *err)
{
    int rc = blas_start(err);
    return rc ? rc : take_buffers(threads, err);
}

const char *blas_core(void)
{
    return is_loaded() ? blas.get_corename() : "none";
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

/* blas_start has been called by whoever made the network. */
void blas_nn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    blas.sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
               ldc);
}

void blas_nt(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    blas.sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
               ldc);
}

void blas_tn(float *c, int ldc, const float *a, int lda, const float *b, int ldb, int M, int N,
             int K, float beta)
{
    blas.sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, M, N, K, 1.0f, a, lda, b, ldb, beta, c,
               ldc);
}

void blas_transpose(float *out, const float *in, int rows, int cols)
{
    for (int i0 = 0; i0 < rows; i0 += 16) /* blocks, so that both sides stay in L1 */
        for (int j0 = 0; j0 < cols; j0 += 16)
            for (int i = i0; i < i0 + 16 && i < rows; i++)
                for (int j = j0; j < j0 + 16 && j < cols; j++)
                    out[(size_t)j * (size_t)rows + (size_t)i] =
                        in[(size_t)i * (size_t)cols + (size_t)j];
}
