/* SPDX-License-Identifier: MIT */
/* test_quantile.c - against definition 7, worked out apart (numpy.quantile gives the same). */
#include "learner/reward/quantile.h"
#include "tests/onic_test.h"

static void as_numpy_has_them(void **state)
{
    (void)state;
    float x[] = {3.5f, -1, 0.25f, 8, 2, 2};
    static const struct {
        double q, value;
    } golden[] = {{0, -1}, {0.05, -0.6875}, {0.35, 1.5625}, {0.5, 2}, {0.77, 3.275}, {1, 8}};
    quantile_sort(x, 6);
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++)
        assert_close(quantile_sorted(x, 6, golden[i].q), golden[i].value, 0, 1e-6);
    assert_close(quantile_sorted(x, 1, 0.95), -1, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy_has_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
