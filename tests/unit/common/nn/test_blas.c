/* SPDX-License-Identifier: MIT */
/* test_blas.c - the three products with strides against plain loops. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/nn/blas.h"
#include "tests/onic_test.h"
#include "tests/support/sanitized.h"

enum { M = 5, N = 7, K = 9, LD = 13 };

static void products_read_and_write_strided_rows(void **state)
{
    (void)state;
    assert_ok(blas_start(&err));
    float a[LD * LD], b[LD * LD], start[LD * LD], c[LD * LD];
    struct rng r = rng_stream(1, "blas", 0, 0, 0);
    for (int i = 0; i < LD * LD; i++)
        a[i] = rng_normal(&r), b[i] = rng_normal(&r), start[i] = rng_normal(&r);
    for (int form = 0; form < 3; form++)
        for (int beta = 0; beta < 2; beta++) {
            memcpy(c, start, sizeof c);
            (form == 0   ? blas_nn
             : form == 1 ? blas_nt
                         : blas_tn)(c, LD, a, LD, b, LD, M, N, K, (float)beta);
            for (int i = 0; i < LD; i++)
                for (int j = 0; j < LD; j++) {
                    double want = (double)start[i * LD + j];
                    if (i < M && j < N) {
                        want *= beta;
                        for (int k = 0; k < K; k++)
                            want += (double)(form == 2 ? a[k * LD + i] : a[i * LD + k]) *
                                    (double)(form == 1 ? b[j * LD + k] : b[k * LD + j]);
                    }
                    assert_close(c[i * LD + j], want, 1e-5, 1e-5);
                }
        }
}

static void kernels_older_than_the_cpu_are_seen(void **state)
{
    (void)state;
    static const char *const wide[] = {"SkylakeX", "Cooperlake", "SapphireRapids",
                                       "A name of 2030"};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        assert_null(blas_better_core(wide[i], "avx512"));
        assert_null(blas_better_core(wide[i], "avx2"));
    }
    assert_string_equal(blas_better_core("Prescott", "avx512"), "SkylakeX");
    assert_string_equal(blas_better_core("Prescott", "avx2"), "Haswell");
    assert_string_equal(blas_better_core("Haswell", "avx512"), "SkylakeX");
    assert_null(blas_better_core("Haswell", "avx2"));
    assert_null(blas_better_core("Zen", "avx2"));
}

static rlim_t address_space(void)
{
    unsigned long long kb = 0;
    char line[128];
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmSize: %llu", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return (rlim_t)(kb << 10);
}

/* Exit code of a process that has so much more address space and multiplies with so many threads.
 */
static int with_address_space(int mb, int threads)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit r;
        struct onic_err err = {0};
        alarm(20); /* OpenBLAS would try for ever */
        r.rlim_cur = r.rlim_max = address_space() + ((rlim_t)mb << 20);
        if (setrlimit(RLIMIT_AS, &r) != 0)
            _exit(90);
        int rc = blas_reserve(threads, &err);
        _exit(rc && !strstr(err.msg, "(ulimit -v)") ? 91 : err_exit_code(rc));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void too_little_memory_is_an_error_and_no_endless_loop(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* a sanitizer needs more address space than any limit */
    assert_int_equal(with_address_space(2000, 4), 0);
    assert_int_equal(with_address_space(400, 4), 64);
    assert_int_equal(with_address_space(100, 1), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            too_little_memory_is_an_error_and_no_endless_loop), /* before it is loaded */
        cmocka_unit_test(products_read_and_write_strided_rows),
        cmocka_unit_test(kernels_older_than_the_cpu_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
