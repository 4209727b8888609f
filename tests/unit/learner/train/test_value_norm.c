/* SPDX-License-Identifier: MIT */
/* test_value_norm.c - the statistics of the value targets and what follows from them. */
#include "learner/train/value_norm.h"

#include "common/base/rng.h"
#include "tests/onic_test.h"

/* n targets of a head in the sums of a minibatch. */
static struct value_sums targets(const double *target, int n)
{
    struct value_sums s = {.steps = n};
    for (int i = 0; i < n; i++) {
        s.target += target[i];
        s.target_squares += target[i] * target[i];
    }
    return s;
}

static void see(struct value_norm *n, double a, double b, double factor)
{
    const double ext[] = {a, b}, intrinsic[] = {factor * a, factor * b};
    value_norm_see(n, (struct value_sums[]){targets(ext, 2), targets(intrinsic, 2)});
}

/* Whatever the rate, the first minibatch alone is what is known after it. */
static void averages_have_no_bias_towards_their_start(void **state)
{
    static const double rates[] = {1e-4, 0.01, 0.5, 1};
    (void)state;
    for (int r = 0; r < 4; r++) {
        struct value_norm n = {.rate = rates[r]};
        assert_close(value_norm_sigma(&n, POLICY_EXT), 1, 0, 0);
        see(&n, 7, 11, 0.5);
        for (int i = 0; i < 3; i++) {
            assert_close(value_norm_sigma(&n, POLICY_EXT), 2, 1e-9, 0);
            assert_close(value_norm_sigma(&n, POLICY_INT), 1, 1e-9, 0);
            see(&n, 7, 11, 0.5);
        }
    }
}

/* The weights of minibatches are rate (1 - rate)^age, divided by their sum. */
static void averages_are_those_of_the_definition(void **state)
{
    enum { BATCHES = 9 };
    struct value_norm n = {.rate = 0.2};
    double x[BATCHES][2], weight = 0, mean = 0, square = 0;
    struct rng r = rng_stream(5, "test", 0, 0, 0);
    (void)state;
    for (int i = 0; i < BATCHES; i++)
        for (int k = 0; k < 2; k++)
            x[i][k] = 3 + 2 * (double)rng_normal(&r);
    for (int i = 0; i < BATCHES; i++) {
        double w = 0.2 * pow(0.8, BATCHES - 1 - i);
        see(&n, x[i][0], x[i][1], 10);
        weight += w;
        mean += w * (x[i][0] + x[i][1]) / 2;
        square += w * (x[i][0] * x[i][0] + x[i][1] * x[i][1]) / 2;
    }
    double sigma = sqrt(square / weight - mean / weight * (mean / weight));
    assert_close(value_norm_sigma(&n, POLICY_EXT), sigma, 1e-9, 0);
    assert_close(value_norm_sigma(&n, POLICY_INT), 10 * sigma, 1e-9, 0);
}

static void equal_targets_and_batches_without_steps(void **state)
{
    (void)state;
    struct value_norm n = {.rate = 0.1}, before;
    see(&n, 4, 4, 0);
    assert_close(value_norm_sigma(&n, POLICY_EXT), 4e-4, 1e-9, 0); /* of a mean of 4 */
    assert_close(value_norm_sigma(&n, POLICY_INT), 1e-5, 1e-9, 0);
    before = n;
    value_norm_see(&n, (const struct value_sums[POLICY_HEADS]){{.steps = 0}});
    assert_memory_equal(&n, &before, sizeof n);
}

/* Targets that are all equal say something, unless they are 0; near ones in their unit are reached
 * by learning. */
static void a_head_starts_at_a_mean_that_is_far_from_0(void **state)
{
    static const struct {
        double a, b, at;
        bool knows;
    } cases[] = {
        {0, 0, 0, false},       {1, 1, 1, true},          {-3, -3, -3, true},  {0, 4, 0, true},
        {7, 11, 9, true},       {2, 4.1, 0, true},        {-7, -11, -9, true}, {-1, 1, 0, true},
        {1e-7, 1e-7, 0, false}, {1e-3, 1e-3, 1e-3, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value_norm n = {.rate = 0.1}, off = {0};
        assert_false(value_norm_knows(&n, POLICY_EXT)); /* nothing seen */
        see(&n, cases[i].a, cases[i].b, 0);
        see(&off, cases[i].a, cases[i].b, 0);
        assert_int_equal(value_norm_knows(&n, POLICY_EXT), cases[i].knows);
        assert_close(value_norm_start(&n, POLICY_EXT), cases[i].at, 1e-9, 0);
        assert_false(value_norm_knows(&n, POLICY_INT));
        assert_false(value_norm_knows(&off, POLICY_EXT));
    }
}

static void shares(void **state)
{
    struct value_norm n = {.rate = 0.1}, off = {0};
    double share[POLICY_HEADS];
    (void)state;
    see(&n, 0, 4, 10); /* sigma 2 and 20 */
    see(&off, 0, 4, 10);
    const struct {
        float coef[2];
        double share[2], unit;
    } cases[] = {
        {{1, 0.1f}, {0.5, 0.5}, 4}, {{3, 0.1f}, {0.75, 0.25}, 8}, {{-3, 0.1f}, {0.75, 0.25}, 8},
        {{10, 0}, {1, 0}, 20},      {{0, 0.2f}, {0, 1}, 4},       {{0, 0}, {0, 0}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        value_norm_shares(&n, cases[i].coef, share);
        assert_close(value_norm_advantage_unit(&n, cases[i].coef), cases[i].unit, 1e-6, 0);
        for (int h = 0; h < 2; h++)
            assert_close(share[h], cases[i].share[h], 1e-6, 0); /* 0 and 1 exactly */
        value_norm_shares(&off, cases[i].coef, share);
        assert_true(share[0] == 1 && share[1] == 1);
        assert_true(value_norm_advantage_unit(&off, cases[i].coef) == 1);
    }
    assert_true(value_norm_sigma(&off, POLICY_EXT) == 1);
}

static void explained_variance(void **state)
{
    const struct value_sums all = {4, 0, 8, 24, 0, 0}, none = {4, 0, 8, 24, 8, 24};
    const struct value_sums half = {4, 0, 8, 24, 4, 8}, flat = {4, 0, 8, 16, 0, 0};
    struct value_sums twice = half;
    (void)state;
    assert_close(value_sums_deviation(&all), sqrt(2), 1e-9, 0);
    assert_close(value_sums_explained(&all), 1, 0, 0);
    assert_close(value_sums_explained(&none), 0, 0, 1e-12);
    assert_close(value_sums_explained(&half), 0.5, 1e-9, 0);
    assert_true(isnan(value_sums_explained(&flat)));
    assert_true(isnan(value_sums_explained(&(struct value_sums){0})));
    value_sums_add(&twice, &half);
    assert_close(value_sums_explained(&twice), 0.5, 1e-9, 0);
    assert_close(twice.steps, 8, 0, 0);
}

static void texts_hold_the_exact_numbers_and_others_are_refused(void **state)
{
    static const char *const bad[] = {
        "",           "1",           "1 2 3 4",     "1 2 3 4 5 6", "a b c d e", "2 0 0 0 0",
        "-1 0 0 0 0", "nan 0 0 0 0", "1 inf 0 0 0", "1 0 -1 0 0",  "1 0 0 0 -1"};
    char text[VALUE_NORM_TEXT_MAX];
    struct value_norm n = {.rate = 0.3}, m = {.rate = 0.3};
    (void)state;
    see(&n, 1.0 / 3, 1e9 / 7, -1e-12);
    see(&n, -2.0 / 3, 1, 1e-300);
    value_norm_write(&n, text);
    assert_ok(value_norm_read(&m, text, &err));
    assert_memory_equal(&n, &m, sizeof n);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_err(value_norm_read(&m, bad[i], &err), ONIC_EDAMAGED,
                   "the statistics of the value targets are '");
        assert_memory_equal(&n, &m, sizeof n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_have_no_bias_towards_their_start),
        cmocka_unit_test(averages_are_those_of_the_definition),
        cmocka_unit_test(equal_targets_and_batches_without_steps),
        cmocka_unit_test(a_head_starts_at_a_mean_that_is_far_from_0),
        cmocka_unit_test(shares),
        cmocka_unit_test(explained_variance),
        cmocka_unit_test(texts_hold_the_exact_numbers_and_others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
