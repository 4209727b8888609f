/* SPDX-License-Identifier: MIT */
/* test_action_normal.c - normals squashed into bounds: their density and their entropy, against
 * integrals on a fine grid. */
#include <math.h>

#include "common/policy/action_dist.h"
#include "tests/onic_test.h"

/* Entropy of tanh of a normal and its slope by the mean, on a fine grid. */
static double squashed_entropy(double m, double s, double *slope)
{
    double two_pi = 6.283185307179586, sum = s + 0.5 * log(two_pi) + 0.5, step = 0.002;
    *slope = 0;
    for (double t = -9; t < 9; t += step) {
        double p = exp(-0.5 * t * t) / sqrt(two_pi) * step, x = m + exp(s) * t;
        sum -= 2 * p * log(cosh(x));
        *slope -= 2 * p * tanh(x);
    }
    return sum;
}

/* The widest ones are those of an agent that knows nothing yet: what pulls its mean back from the
 * bounds is this slope. */
static void a_wide_squashed_normal_has_its_entropy_and_slope(void **state)
{
    (void)state;
    static const float means[] = {-4, -1, 0, 0.3f, 1, 2.5f};
    static const float deviations[] = {-1, 0, 0.001f, 0.2f, 0.7f, 1, 1.5f, 2};
    struct action_dist d = {.space = {.kind = ACTION_CONTINUOUS, .n = 1, .low = {-1}, .high = {1}},
                            .squash = true};
    float x = 0, logp, entropy, doutputs[2], dlogp = 0, explore = -1;
    uint8_t skip = 0;
    struct action_rows rows = {.number = &x};
    struct action_slopes slopes = {
        .entropy = &entropy, .dlogp = &dlogp, .explore = &explore, .skip = &skip};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 8; k++) {
            float row[2] = {means[i], deviations[k]};
            double slope, want = squashed_entropy((double)row[0], (double)row[1], &slope);
            action_dist_evaluate(&d, row, &rows, 1, &logp, &entropy);
            assert_close(entropy, want, 0, 1e-5);
            action_dist_gradient(&d, row, &rows, 1, &slopes, doutputs);
            assert_close(doutputs[0], slope, 0, 1e-5);
        }
    double ignored;
    assert_close(squashed_entropy(1, 2, &ignored), -7.18136483, 1e-8, 0);
}

/* With the correction exp(logp) is a density of a = tanh(x) between -1 and 1. */
static void the_squashed_density_integrates_to_one(void **state)
{
    (void)state;
    struct action_dist d = {.space = {.kind = ACTION_CONTINUOUS, .n = 1, .low = {-1}, .high = {1}},
                            .squash = true};
    enum { STEPS = 20000 };
    double sum = 0;
    for (int i = 0; i < STEPS; i++) {
        double a = -1 + 2 * (i + 0.5) / STEPS;
        float x = (float)atanh(a), row[2] = {0.4f, -0.5f}, logp, entropy;
        struct action_rows rows = {.number = &x};
        action_dist_evaluate(&d, row, &rows, 1, &logp, &entropy);
        sum += exp((double)logp) * 2 / STEPS;
    }
    assert_close(sum, 1, 1e-4, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_squashed_normal_has_its_entropy_and_slope),
        cmocka_unit_test(the_squashed_density_integrates_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
