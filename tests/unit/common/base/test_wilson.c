/* SPDX-License-Identifier: MIT */
/* test_wilson.c - the interval of a rate: known values, and the equation whose roots its bounds
 * are. */
#include "common/base/wilson.h"
#include "tests/onic_test.h"

static void intervals_have_known_values(void **state)
{
    static const struct {
        int x, n;
        double low, high;
    } known[] = {
        {0, 20, 0.0, 0.1611252},        {20, 20, 0.8388748, 1.0}, {19, 20, 0.7638688, 0.9911186},
        {10, 20, 0.2992980, 0.7007020}, {1, 1, 0.2065493, 1.0},   {395, 400, 0.9710763, 0.9946494},
    };
    double got[2];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        wilson_interval((double)known[i].x / known[i].n, known[i].n, got);
        assert_close(got[0], known[i].low, 0, 1e-6);
        assert_close(got[1], known[i].high, 0, 1e-6);
    }
    wilson_interval(0, 20, got);
    assert_true(got[0] == 0);
    wilson_interval(1, 20, got);
    assert_true(got[1] == 1);
}

/* (rate - p)^2 = z^2 p (1 - p) / n: the deviation is that of the bound, not of the rate. */
static void a_bound_is_1_96_of_its_own_deviations_away(void **state)
{
    double got[2];
    (void)state;
    for (int x = 0; x <= 50; x++) {
        wilson_interval(x / 50.0, 50, got);
        for (int side = 0; side < 2; side++) {
            double p = got[side], away = x / 50.0 - p;
            assert_close(away * away, 1.959964 * 1.959964 * p * (1 - p) / 50, 0, 1e-12);
        }
    }
}

static void it_stays_between_0_and_1_and_holds_the_rate(void **state)
{
    double got[2];
    (void)state;
    for (int n = 1; n < 60; n++)
        for (int x = 0; x <= n; x++) {
            double rate = (double)x / n;
            wilson_interval(rate, n, got);
            assert_true(got[0] >= 0 && got[0] <= rate && rate <= got[1] && got[1] <= 1);
            assert_true(got[1] > got[0]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_have_known_values),
        cmocka_unit_test(a_bound_is_1_96_of_its_own_deviations_away),
        cmocka_unit_test(it_stays_between_0_and_1_and_holds_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
