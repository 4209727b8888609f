/* SPDX-License-Identifier: MIT */
/* test_compare_stats.c - interquartile means and their intervals against the package rliable, whose
 * numbers tests/golden/make_iqm.py wrote. */
#include <math.h>

#include "deploy/cli/compare_stats.h"
#include "tests/onic_test.h"

enum { VALUES_MAX = 16, REPS = 50000 };

static const struct {
    const char *name;
    int runs, environments;
    double value[VALUES_MAX]; /* one environment after the other */
    double iqm, lo, hi;
} golden[] = {
    {"five runs", 5, 1, {0.91, 0.97, 0.99, 0.45, 0.98}, 0.953333, 0.603333, 0.986667},
    {"four runs", 4, 1, {1, 2, 3, 10}, 2.500000, 1.000000, 10.000000},
    {"eight runs", 8, 1, {0.1, 0.2, 0.35, 0.4, 0.4, 0.6, 0.75, 5}, 0.437500, 0.250000, 1.687500},
    {"three runs, two environments",
     3,
     2,
     {0.9, 0.8, 1, 0.1, 0.3, 0.25},
     0.562500,
     0.487500,
     0.625000},
    {"five runs, three environments",
     5,
     3,
     {0.95, 0.99, 0.9, 1, 0.97, 0.2, 0.1, 0.4, 0.25, 0.3, 0.6, 0.55, 0.8, 0.7, 0.5},
     0.633333,
     0.574444,
     0.688889},
};

static void interval_of(const double *value, int runs, int environments, int reps,
                        struct compare_interval *out)
{
    int size[VALUES_MAX];
    for (int i = 0; i < environments; i++)
        size[i] = runs;
    struct compare_draws *d = compare_draws_create(size, environments, reps);
    compare_bootstrap(d, value, out);
    compare_draws_free(d);
}

static void means_and_intervals_are_rliables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct compare_interval got;
        print_message("%s\n", golden[i].name);
        interval_of(golden[i].value, golden[i].runs, golden[i].environments, REPS, &got);
        assert_close(got.mid, golden[i].iqm, 1e-5, 1e-6);
        /* both are estimates of 50,000 draws */
        double room = 0.01 * (golden[i].hi - golden[i].lo);
        assert_close(got.lo, golden[i].lo, 0, room);
        assert_close(got.hi, golden[i].hi, 0, room);
    }
}

/* All draws of three values can be counted: 27, of which the mean of one is certain. */
static void the_interval_is_that_of_all_draws(void **state)
{
    (void)state;
    const double value[] = {3, 1, 2};
    struct compare_interval got;
    interval_of(value, 3, 1, REPS, &got);
    assert_close(got.mid, 2, 1e-12, 0);
    assert_close(got.lo, 1, 1e-12, 0); /* 1 of 27 draws is 1 1 1: more than 2.5 % */
    assert_close(got.hi, 3, 1e-12, 0);
}

static void one_value_has_no_interval(void **state)
{
    (void)state;
    const double value = 0.25;
    struct compare_interval got;
    interval_of(&value, 1, 1, 100, &got);
    assert_true(got.mid == 0.25 && got.lo == 0.25 && got.hi == 0.25);
}

static void the_same_runs_give_the_same_interval(void **state)
{
    (void)state;
    struct compare_interval a, b;
    interval_of(golden[0].value, golden[0].runs, 1, 100, &a);
    interval_of(golden[0].value, golden[0].runs, 1, 100, &b);
    assert_true(a.lo == b.lo && a.hi == b.hi);
}

/* Environments of unequal numbers of runs: what varies in one is not drawn into the other. */
static void runs_are_drawn_within_their_environment(void **state)
{
    (void)state;
    const double value[] = {0, 0, 0, 0, 0, 0, 5, 7};
    const int size[] = {6, 2};
    struct compare_interval got;
    struct compare_draws *d = compare_draws_create(size, 2, 1000);
    compare_bootstrap(d, value, &got);
    compare_draws_free(d);
    /* at most two of eight are not 0, and the highest two are cut */
    assert_true(got.lo == 0 && got.mid == 0 && got.hi == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_and_intervals_are_rliables),
        cmocka_unit_test(the_interval_is_that_of_all_draws),
        cmocka_unit_test(one_value_has_no_interval),
        cmocka_unit_test(the_same_runs_give_the_same_interval),
        cmocka_unit_test(runs_are_drawn_within_their_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
