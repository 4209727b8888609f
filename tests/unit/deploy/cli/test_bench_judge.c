/* SPDX-License-Identifier: MIT */
/* test_bench_judge.c - what is said of given rounds: a difference only where it is larger than what
 * chance makes. */
#include <math.h>
#include <string.h>

#include "deploy/cli/bench.h"
#include "tests/onic_test.h"

enum { ROUNDS = 6 };

static const double one[ROUNDS] = {1, 1, 1, 1, 1, 1};

/* Of rounds whose ratios are given. */
static struct bench_result of(const double *ratio, int n)
{
    struct bench_result r = {.subject = "training with it"};
    bench_ratio(&r, ratio, one, n, false);
    return r;
}

static void assert_says(const double *ratio, int n, enum bench_verdict verdict, const char *words)
{
    struct bench_result r = of(ratio, n);
    char said[BENCH_WORDS_MAX];
    bench_words(&r, said);
    assert_string_equal(said, words);
    assert_int_equal(bench_judge(&r), verdict);
}

static void a_difference_within_the_spread_is_none(void **state)
{
    (void)state;
    const double around[] = {0.95, 1.02, 0.99, 1.04, 1.01};
    const double above[] = {1.01, 1.05, 1.09, 1.06, 1.04}; /* all above 1, and 0.08 apart */
    const double wild[] = {1.85, 0.7, 2.6, 1.1};
    assert_says(around, 5, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 9.0 %)");
    assert_says(above, 5, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 8.0 %)");
    assert_says(wild, 4, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 190.0 %)");
}

static void a_difference_beyond_the_spread_is_told(void **state)
{
    (void)state;
    const double slower[] = {0.90, 0.91, 0.89, 0.90, 0.92};
    const double faster[] = {1.20, 1.25, 1.22, 1.21};
    assert_says(slower, 5, BENCH_SLOWER, "training with it: 10.0 % slower (noise \302\261 3.0 %)");
    assert_says(faster, 4, BENCH_FASTER, "training with it: 21.5 % faster (noise \302\261 5.0 %)");
}

static void equal_rounds_without_noise_differ_by_what_they_differ(void **state)
{
    (void)state;
    const double less[] = {0.5, 0.5, 0.5};
    assert_says(one, 4, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 0.0 %)");
    assert_says(less, 3, BENCH_SLOWER, "training with it: 50.0 % slower (noise \302\261 0.0 %)");
}

static void few_rounds_may_agree_by_chance(void **state)
{
    (void)state;
    const double two[] = {1.06, 1.10}, far[] = {0.60, 0.62}, three[] = {1.04, 1.05, 1.08};
    assert_says(two, 2, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 25.6 %)");
    assert_says(far, 2, BENCH_UNJUDGED,
                "not judged: two rounds are too few to tell a difference from noise");
    assert_says(three, 3, BENCH_NO_DIFFERENCE, "no difference seen (noise \302\261 6.0 %)");
}

static void one_round_or_none_is_not_judged(void **state)
{
    (void)state;
    const double big[] = {1.85}, none[] = {(double)NAN, 0, (double)INFINITY};
    assert_says(big, 1, BENCH_UNJUDGED,
                "not judged: one round is too few to tell a difference from noise");
    assert_says(none, 3, BENCH_UNJUDGED, "not measured: no round got as far as a figure");
    assert_says(none, 0, BENCH_UNJUDGED, "not measured: no round got as far as a figure");
    struct bench_result r = of(none, 3);
    assert_true(isnan(r.ratio) && isnan(r.value) && isnan(bench_noise(&r)) && r.n == 0);
}

static void figures_are_shown_where_there_are_any(void **state)
{
    (void)state;
    const double two[] = {1.06, 1.10}, none[] = {(double)NAN, 0};
    struct buf out;
    struct bench_result r = of(none, 2);
    buf_init(&out, 4096);
    r.unit = "frames/s";
    r.of = "with it / without";
    r.score_us = r.labels_per_s = 3;
    r.train_share = r.beside_share = r.ratio_net = r.labels_cpu = r.cpu_ratio = (double)NAN;
    bench_figures(&r, &out);
    assert_int_equal(out.len, 0);
    bench_ratio(&r, two, one, 2, false);
    bench_figures(&r, &out);
    assert_string_equal(out.data, "ratio 1.080 (1.060 .. 1.100, n=2)  1.08 against 1 frames/s: "
                                  "with it / without; scores 3.000 us/frame; 3 labels/s");
    buf_reset(&out);
    r.score_us = r.labels_per_s = (double)NAN;
    r.cpu_us = 4.5678;
    r.cpu_ratio = 1.0123;
    r.cpu_min = 0.998;
    r.cpu_max = 1.03;
    bench_figures(&r, &out);
    assert_string_equal(out.data, "ratio 1.080 (1.060 .. 1.100, n=2)  1.08 against 1 frames/s: "
                                  "with it / without; CPU 4.57 us/frame, ratio 1.012 (0.998 .. "
                                  "1.030)");
    buf_release(&out);
}

static void rounds_without_a_figure_are_left_out(void **state)
{
    (void)state;
    const double some[] = {0.8, (double)NAN, 0.82, 0, 0.81, 0.79};
    struct bench_result r = of(some, 6);
    assert_int_equal(r.n, 4);
    assert_close(r.ratio, 0.805, 0, 1e-12);
    assert_close(r.min, 0.79, 0, 0);
    assert_close(r.max, 0.82, 0, 0);
    assert_close(bench_noise(&r), 0.03, 0, 1e-12);
}

static void of_costs_the_smaller_is_the_faster(void **state)
{
    (void)state;
    const double a[] = {8, 8, 8, 8}, b[] = {4, 4, 4, 4};
    struct bench_result r = {.subject = "x"};
    bench_ratio(&r, a, b, 4, true);
    assert_close(r.ratio, 0.5, 0, 0);
    assert_close(r.value, 8, 0, 0);
    assert_close(r.value_b, 4, 0, 0);
    assert_int_equal(bench_judge(&r), BENCH_SLOWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_within_the_spread_is_none),
        cmocka_unit_test(a_difference_beyond_the_spread_is_told),
        cmocka_unit_test(equal_rounds_without_noise_differ_by_what_they_differ),
        cmocka_unit_test(few_rounds_may_agree_by_chance),
        cmocka_unit_test(one_round_or_none_is_not_judged),
        cmocka_unit_test(figures_are_shown_where_there_are_any),
        cmocka_unit_test(rounds_without_a_figure_are_left_out),
        cmocka_unit_test(of_costs_the_smaller_is_the_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
