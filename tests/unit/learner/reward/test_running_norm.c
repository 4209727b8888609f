/* SPDX-License-Identifier: MIT */
/* test_running_norm.c - numbers of an independent script in double precision. */
#include "learner/reward/running_norm.h"

#include "tests/onic_test.h"

static void statistics_are_the_golden_numbers(void **state)
{
    (void)state;
    const float first[] = {1, 2, 3}, second[] = {0, 4};
    struct running_norm s = running_norm_start();
    running_norm_update(&s, first, 3);
    assert_close(s.mean, 1.9999333355554814, 0, 1e-13);
    assert_close(s.var, 1.000133324444889, 0, 1e-13);
    assert_close(s.count, 3.0001, 0, 1e-13);
    running_norm_update(&s, second, 2);
    assert_close(s.mean, 1.9999600007999838, 0, 1e-13);
    assert_close(s.var, 3.800023997920074, 0, 1e-13);
    assert_close(s.count, 5.0001, 0, 1e-13);
    assert_close(running_norm_apply(&s, s.mean + 2 * sqrt(s.var)), 2, 0, 1e-12);
}

static void fewer_than_two_rewards_change_nothing(void **state)
{
    (void)state;
    const float one[] = {7};
    struct running_norm s = running_norm_start();
    running_norm_update(&s, one, 1);
    running_norm_update(&s, one, 0);
    assert_close(s.mean, 0, 0, 0);
    assert_close(s.var, 1, 0, 0);
    assert_close(s.count, 1e-4, 0, 0);
}

static void rewards_that_never_differ_are_zero(void **state)
{
    (void)state;
    struct running_norm s = {.mean = 3, .var = 0, .count = 10};
    assert_close(running_norm_apply(&s, 3), 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_the_golden_numbers),
        cmocka_unit_test(fewer_than_two_rewards_change_nothing),
        cmocka_unit_test(rewards_that_never_differ_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
