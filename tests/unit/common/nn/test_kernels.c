/* SPDX-License-Identifier: MIT */
/* test_kernels.c - both sets of kernels against libm and plain loops in double. A set this CPU
 * cannot run is skipped. */
#include <stdlib.h>

#include "common/base/cpu.h"
#include "common/base/rng.h"
#include "common/nn/kernels.h"
#include "tests/onic_test.h"

enum { N = 1003 }; /* odd: vector bodies and tails */

static const struct kernels *set_of(void **state)
{
    const struct kernels *k = kernels_named(*state);
    if (!k)
        skip();
    return k;
}

static void fill(float *x, int n, float scale)
{
    struct rng r = rng_stream(5, "kernels", (uint64_t)n, 0, 0);
    for (int i = 0; i < n; i++)
        x[i] = scale * rng_normal(&r);
}

static void functions_are_accurate_over_their_range(void **state)
{
    const struct kernels *k = set_of(state);
    static float x[N], y[N];
    static const float scales[] = {1e-6f, 1e-3f, 0.1f, 1.0f, 5.0f, 30.0f};
    for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
        fill(x, N, scales[s]);
        k->tanh(y, x, N);
        for (int i = 0; i < N; i++)
            assert_close(y[i], tanh((double)x[i]), 5e-7, 0);
        k->sigmoid(y, x, N);
        for (int i = 0; i < N; i++)
            assert_close(y[i], 1 / (1 + exp(-(double)x[i])), 5e-7, 1e-37);
        k->exp(y, x, N);
        for (int i = 0; i < N; i++)
            if (fabsf(x[i]) < 86)
                assert_close(y[i], exp((double)x[i]), 5e-7, 0);
        k->elu(y, x, N);
        for (int i = 0; i < N; i++)
            assert_close(y[i], x[i] > 0 ? (double)x[i] : expm1((double)x[i]), 1e-6, 1e-7);
    }
}

static void functions_saturate_instead_of_overflowing(void **state)
{
    const struct kernels *k = set_of(state);
    const float x[6] = {-1e30f, -200.0f, -90.0f, 90.0f, 200.0f, 1e30f};
    float y[6];
    k->tanh(y, x, 6);
    for (int i = 0; i < 6; i++)
        assert_close(y[i], i < 3 ? -1 : 1, 0, 2e-7);
    k->sigmoid(y, x, 6);
    for (int i = 0; i < 6; i++)
        assert_close(y[i], i < 3 ? 0 : 1, 0, i < 3 ? 1e-37 : 2e-7);
    k->exp(y, x, 6);
    for (int i = 0; i < 6; i++)
        assert_true(isfinite(y[i]) && y[i] >= 0);
}

static void functions_work_in_place_and_leave_the_rest_alone(void **state)
{
    const struct kernels *k = set_of(state);
    float x[N + 1], y[N + 1];
    fill(x, N, 1);
    void (*const f[])(float *, const float *, size_t) = {k->tanh, k->sigmoid, k->exp, k->relu,
                                                         k->elu};
    for (int j = 0; j < 5; j++)
        for (size_t n = 0; n < 70; n++) {
            memcpy(y, x, sizeof x);
            float z[N + 1];
            f[j](z, x, n);
            f[j](y, y, n);
            assert_memory_equal(y, z, n * sizeof *y);
            assert_memory_equal(y + n, x + n, (N - n) * sizeof *y);
        }
}

static void gather_and_scatter_equal_plain_sums(void **state)
{
    const struct kernels *k = set_of(state);
    static const int widths[] = {1, 7, 8, 16, 31, 64, 65, 147, 256};
    enum { ROWS = 9, COUNT = 13 };
    static float table[ROWS * 256], start[256], y[257], grads[ROWS * 256];
    int32_t idx[COUNT];
    struct rng r = rng_stream(5, "idx", 0, 0, 0);
    fill(table, ROWS * 256, 1);
    fill(start, 256, 1);
    for (int i = 0; i < COUNT; i++)
        idx[i] = (int32_t)rng_below(&r, ROWS);
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
        for (int with_start = 0; with_start < 2; with_start++) {
            int n = widths[w];
            y[n] = 77.0f;
            k->gather_sum(y, with_start ? start : NULL, table, idx, COUNT, n);
            memset(grads, 0, sizeof grads);
            k->scatter_add(grads, start, idx, COUNT, n);
            for (int j = 0; j < n; j++) {
                double sum = with_start ? (double)start[j] : 0;
                for (int i = 0; i < COUNT; i++)
                    sum += (double)table[idx[i] * n + j];
                assert_close(y[j], sum, 1e-5, 1e-5);
            }
            for (int row = 0; row < ROWS; row++)
                for (int j = 0, times = 0; j < n; j++, times = 0) {
                    for (int i = 0; i < COUNT; i++)
                        times += idx[i] == row;
                    assert_close(grads[row * n + j], times * (double)start[j], 1e-5, 1e-6);
                }
            assert_close(y[n], 77, 0, 0);
        }
}

static void adam_equals_the_published_rule(void **state)
{
    const struct kernels *k = set_of(state);
    enum { LEN = 37 };
    float p[LEN], m[LEN] = {0}, v[LEN] = {0}, g[LEN];
    double pd[LEN], md[LEN] = {0}, vd[LEN] = {0};
    fill(p, LEN, 1);
    for (int i = 0; i < LEN; i++)
        pd[i] = (double)p[i];
    for (int step = 1; step <= 5; step++) {
        fill(g, LEN - step, (float)step);
        double c1 = 1 - pow(0.9, step), c2 = 1 - pow(0.999, step);
        k->adam(p, m, v, g, LEN - 5, 0.5f, (float)(1e-2 / c1), 0.9f, 0.999f, (float)(1 / sqrt(c2)),
                1e-6f);
        for (int i = 0; i < LEN - 5; i++) {
            double gi = 0.5 * (double)g[i];
            md[i] = 0.9 * md[i] + 0.1 * gi;
            vd[i] = 0.999 * vd[i] + 0.001 * gi * gi;
            pd[i] -= 1e-2 * (md[i] / c1) / (sqrt(vd[i] / c2) + 1e-6);
        }
        for (int i = 0; i < LEN; i++)
            assert_close(p[i], pd[i], 1e-5, 1e-6);
    }
}

static void adam_leaves_values_without_gradient_alone(void **state)
{
    const struct kernels *k = set_of(state);
    float p[33], m[33] = {0}, v[33] = {0}, g[33] = {0}, before[33];
    fill(p, 33, 1);
    memcpy(before, p, sizeof p);
    k->adam(p, m, v, g, 33, 1.0f, 1.0f, 0.9f, 0.999f, 30.0f, 1e-30f);
    assert_memory_equal(p, before, sizeof p); /* and not NaN: 0 / (sqrt(0) + eps) */
}

static void sums_and_scalings_equal_plain_loops(void **state)
{
    const struct kernels *k = set_of(state);
    static float x[9001], y[9001], z[9001];
    double squares = 0;
    uint8_t bytes[256];
    fill(x, 9001, 1);
    fill(y, 9000, 1);
    for (int i = 0; i < 9001; i++)
        squares += (double)x[i] * (double)x[i];
    assert_close(k->sum_squares(x, 9001), squares, 1e-6, 0);
    assert_close(k->sum_squares(x, 0), 0, 0, 0);
    memcpy(z, y, sizeof y);
    k->axpy(y, x, 0.25f, 9001);
    for (int i = 0; i < 9001; i++)
        assert_close(y[i], (double)z[i] + 0.25 * (double)x[i], 1e-6, 1e-6);
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    k->u8_scale(y, bytes, 0.5f, 256);
    for (int i = 0; i < 256; i++)
        assert_close(y[i], 0.5 * i, 0, 0);
    float sums[29] = {1.0f};
    k->add_columns(sums, x, 31, 10, 29); /* 29 of 31 columns */
    for (int j = 0; j < 29; j++) {
        double want = j ? 0 : 1;
        for (int r = 0; r < 10; r++)
            want += (double)x[r * 31 + j];
        assert_close(sums[j], want, 1e-5, 1e-6);
    }
}

/* The finiteness check of grad_clip.c relies on it, whatever -ffast-math allows. */
static void sum_of_squares_carries_nan_and_infinity(void **state)
{
    const struct kernels *k = set_of(state);
    float x[100] = {0};
    x[63] = NAN;
    assert_false(isfinite(k->sum_squares(x, 100)));
    x[63] = -INFINITY;
    assert_false(isfinite(k->sum_squares(x, 100)));
    x[63] = 1e38f;
    assert_false(
        isfinite(k->sum_squares(x, 100))); /* its square overflows: also not a usable norm */
}

static void softmax_rows_sum_to_one(void **state)
{
    const struct kernels *k = set_of(state);
    const float x[2 * 7] = {0, 1, 2, 3, 4, 5, 6, -1e30f, 1000, 999, -5, 0, 998, 1000};
    float y[2 * 7];
    k->softmax_rows(y, x, 2, 7);
    for (int r = 0; r < 2; r++) {
        double sum = 0, top = r ? 1000 : 6;
        for (int j = 0; j < 7; j++)
            sum += exp((double)x[r * 7 + j] - top);
        for (int j = 0; j < 7; j++)
            assert_close(y[r * 7 + j], exp((double)x[r * 7 + j] - top) / sum, 1e-6, 1e-37);
    }
}

static void the_widest_set_the_cpu_runs_is_chosen(void **state)
{
    (void)state;
    assert_string_equal(kernels()->path, cpu_path());
    assert_ptr_equal(kernels(), kernels());
    assert_null(kernels_named("sse2"));
}

static char avx2[] = "avx2", avx512[] = "avx512";
#define BOTH(test)                                                                                 \
    {#test "/avx2", test, NULL, NULL, avx2},                                                       \
    {                                                                                              \
#test "/avx512", test, NULL, NULL, avx512                                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(functions_are_accurate_over_their_range),
        BOTH(functions_saturate_instead_of_overflowing),
        BOTH(functions_work_in_place_and_leave_the_rest_alone),
        BOTH(gather_and_scatter_equal_plain_sums),
        BOTH(adam_equals_the_published_rule),
        BOTH(adam_leaves_values_without_gradient_alone),
        BOTH(sums_and_scalings_equal_plain_loops),
        BOTH(sum_of_squares_carries_nan_and_infinity),
        BOTH(softmax_rows_sum_to_one),
        cmocka_unit_test(the_widest_set_the_cpu_runs_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
