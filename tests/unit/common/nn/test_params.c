/* SPDX-License-Identifier: MIT */
/* test_params.c - layout and initial values of the parameter block. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/params.h"
#include "tests/onic_test.h"

static void tensors_start_at_64_bytes_and_padding_stays_zero(void **state)
{
    (void)state;
    static struct params p;
    memset(&p, 0, sizeof p);
    assert_int_equal(params_add(&p, "a", 3, 5, PARAM_CONSTANT, 2.5f), 0);
    assert_int_equal(params_add(&p, "b", 1, 16, PARAM_NORMAL, 1), 16);
    assert_int_equal(params_add(&p, "c", 1, 1, PARAM_CONSTANT, 1), 32);
    assert_int_equal(p.floats, 48);
    assert_int_equal(params_count(&p), 15 + 16 + 1);
    float block[48];
    memset(block, 0xff, sizeof block);
    params_init(&p, block, 1);
    assert_close(block[14], 2.5, 0, 0);
    assert_close(block[15], 0, 0, 0);
    for (int i = 33; i < 48; i++)
        assert_close(block[i], 0, 0, 0);
    assert_int_equal(params_find(&p, "b")->cols, 16);
    assert_null(params_find(&p, "d"));
}

static void check_orthogonal(int rows, int cols)
{
    static struct params p;
    memset(&p, 0, sizeof p);
    params_add(&p, "w", rows, cols, PARAM_ORTHOGONAL, 3.0f);
    float *w = xaligned(p.floats * sizeof *w);
    params_init(&p, w, 4);
    bool wide = rows <= cols;
    int count = wide ? rows : cols, len = wide ? cols : rows;
    for (int a = 0; a < count; a++)
        for (int b = 0; b <= a; b++) {
            double dot = 0;
            for (int i = 0; i < len; i++)
                dot += wide ? (double)w[a * cols + i] * (double)w[b * cols + i]
                            : (double)w[i * cols + a] * (double)w[i * cols + b];
            assert_close(dot, a == b ? 9.0 : 0.0, 0, 1e-5);
        }
    free(w);
}

static void orthogonal_matrices_are_orthogonal(void **state)
{
    (void)state;
    check_orthogonal(1, 1);
    check_orthogonal(40, 13);
    check_orthogonal(13, 40);
    check_orthogonal(32, 32);
}

static void draws_have_the_stated_scale(void **state)
{
    (void)state;
    static struct params p;
    memset(&p, 0, sizeof p);
    params_add(&p, "n", 200, 100, PARAM_NORMAL, 0.5f);
    params_add(&p, "u", 200, 100, PARAM_UNIFORM, 2.0f);
    float *w = xaligned(p.floats * sizeof *w);
    params_init(&p, w, 9);
    double sum = 0, squares = 0, top = 0, mean_u = 0;
    for (int i = 0; i < 20000; i++) {
        sum += (double)w[i];
        squares += (double)w[i] * (double)w[i];
        mean_u += (double)w[20000 + i];
        top = fmax(top, fabs((double)w[20000 + i]));
    }
    assert_close(sum / 20000, 0, 0, 0.02);
    assert_close(squares / 20000, 0.25, 0.05, 0);
    assert_close(mean_u / 20000, 0, 0, 0.05);
    assert_true(top <= 2.0 && top > 1.99);
    free(w);
}

static void a_tensor_keeps_its_values_when_others_are_added(void **state)
{
    (void)state;
    static struct params a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    params_add(&a, "w", 4, 4, PARAM_NORMAL, 1);
    params_add(&b, "v", 4, 4, PARAM_NORMAL, 1);
    params_add(&b, "w", 4, 4, PARAM_NORMAL, 1);
    float x[16], y[32], z[16];
    params_init(&a, x, 3);
    params_init(&b, y, 3);
    params_init(&a, z, 4);
    assert_memory_equal(x, y + 16, sizeof x);
    assert_memory_not_equal(x, y, sizeof x);
    assert_memory_not_equal(x, z, sizeof x); /* another seed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_start_at_64_bytes_and_padding_stays_zero),
        cmocka_unit_test(orthogonal_matrices_are_orthogonal),
        cmocka_unit_test(draws_have_the_stated_scale),
        cmocka_unit_test(a_tensor_keeps_its_values_when_others_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
