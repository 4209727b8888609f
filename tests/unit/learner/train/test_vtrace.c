/* SPDX-License-Identifier: MIT */
/* V-trace against published golden numbers and against the sum form of its definition. */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "learner/train/vtrace.h"

enum { T4 = 4 };

static const float reward4[T4] = {0.0f, 1.0f, 0.0f, 0.5f};
static const float value4[T4] = {0.5f, 0.4f, 0.3f, 0.2f};
static const float ratio4[T4] = {1.2f, 0.8f, 1.0f, 0.5f};

static void check4(int ended_at, float bootstrap, const double *vs_want, const double *adv_want)
{
    uint8_t ended[T4] = {0};
    float end_value[T4] = {0}, vs[T4], adv[T4];
    if (ended_at >= 0)
        ended[ended_at] = 1;
    vtrace(vs, adv, ratio4, reward4, value4, ended, end_value, &bootstrap, T4, 1,
           &(struct vtrace_rule){0.99, 1, 1, 1});
    for (int t = 0; t < T4; t++) {
        assert_close(vs[t], vs_want[t], 0, 1.1e-6);
        assert_close(adv[t], adv_want[t], 0, 1.1e-6);
    }
}

/* oni-spec 2.8: ONI has no V(x_T) and uses (V_{T-1} - r_{T-1}) / gamma, which makes its last
 * advantage 0. */
static const float oni_bootstrap = (0.2f - 0.5f) / 0.99f;

static void golden_numbers_of_oni_without_an_end(void **state)
{
    (void)state;
    check4(-1, oni_bootstrap, (const double[]){1.026448, 1.036816, 0.198, 0.2},
           (const double[]){0.526448, 0.636816, -0.102, 0.0});
}

static void golden_numbers_of_oni_with_an_end_in_the_middle(void **state)
{
    (void)state;
    check4(1, oni_bootstrap, (const double[]){0.8712, 0.88, 0.198, 0.2},
           (const double[]){0.3712, 0.48, -0.102, 0.0});
}

static void golden_numbers_of_oni_with_an_end_at_the_last_step(void **state)
{
    (void)state;
    check4(3, oni_bootstrap, (const double[]){1.142884, 1.154428, 0.3465, 0.35},
           (const double[]){0.642884, 0.754428, 0.0465, 0.15});
}

static void golden_numbers_with_the_value_of_the_next_observation(void **state)
{
    (void)state;
    check4(-1, 0.6f, (const double[]){1.373427, 1.3873, 0.64053, 0.647},
           (const double[]){0.873427, 0.9873, 0.34053, 0.447});
}

/* --- the definition, written as the sum of the paper ----------------------------------------- */

struct column {
    int T;
    const float *ratio, *reward, *value, *end_value;
    const uint8_t *ended;
    double bootstrap, gamma, lambda, rho_bar, c_bar;
};

static double next_value(const struct column *k, int t)
{
    if (k->ended[t])
        return (double)k->end_value[t];
    return t + 1 < k->T ? (double)k->value[t + 1] : k->bootstrap;
}

/* v_s = V(x_s) + sum_{t >= s} gamma^{t-s} (prod_{s<=i<t} c_i) delta_t, to the episode's end */
static double target_by_sum(const struct column *k, int s)
{
    double v = (double)k->value[s], weight = 1.0;
    for (int t = s; t < k->T; t++) {
        double w = (double)k->ratio[t];
        v += weight * fmin(k->rho_bar, w) *
             ((double)k->reward[t] + k->gamma * next_value(k, t) - (double)k->value[t]);
        if (k->ended[t])
            break;
        weight *= k->gamma * k->lambda * fmin(k->c_bar, w);
    }
    return v;
}

static void compare_with_the_sum(double lambda)
{
    enum { T = 37, B = 131 };
    static float ratio[T * B], reward[T * B], value[T * B], end_value[T * B], boot[B], vs[T * B],
        adv[T * B];
    static uint8_t ended[T * B];
    struct rng r = rng_stream(1, "test", 0, 0, 0);
    for (int i = 0; i < T * B; i++) {
        ratio[i] = 0.2f + 2.0f * rng_float(&r);
        reward[i] = rng_normal(&r);
        value[i] = rng_normal(&r);
        ended[i] = rng_below(&r, 9) == 0;
        end_value[i] =
            ended[i] && rng_below(&r, 2) ? rng_normal(&r) : 0.0f; /* a time limit or a true end */
    }
    for (int b = 0; b < B; b++)
        boot[b] = rng_normal(&r);
    vtrace(vs, adv, ratio, reward, value, ended, end_value, boot, T, B,
           &(struct vtrace_rule){0.97, lambda, 1.3, 0.9});
    for (int b = 0; b < B; b++) {
        float cr[T], cw[T], cv[T], ce[T];
        uint8_t cd[T];
        for (int t = 0; t < T; t++) {
            cr[t] = ratio[t * B + b];
            cw[t] = reward[t * B + b];
            cv[t] = value[t * B + b];
            ce[t] = end_value[t * B + b];
            cd[t] = ended[t * B + b];
        }
        struct column k = {T, cr, cw, cv, ce, cd, (double)boot[b], 0.97, lambda, 1.3, 0.9};
        for (int t = 0; t < T; t++) {
            double v_next = cd[t]       ? (double)ce[t]
                            : t + 1 < T ? target_by_sum(&k, t + 1)
                                        : k.bootstrap;
            double after = lambda * v_next + (1 - lambda) * next_value(&k, t);
            double a = fmin(1.3, (double)cr[t]) * ((double)cw[t] + 0.97 * after - (double)cv[t]);
            assert_close(vs[t * B + b], target_by_sum(&k, t), 1e-5, 1e-6);
            assert_close(adv[t * B + b], a, 1e-5, 1e-6);
        }
    }
}

static void recursion_equals_the_sum_of_the_definition(void **state)
{
    (void)state;
    compare_with_the_sum(1);
    compare_with_the_sum(0.8);
    compare_with_the_sum(0);
}

/* tests/golden/make_advantages.py: a time limit at step 1, a true end at step 3. */
static void golden_numbers_with_lambda(void **state)
{
    enum { T6 = 6 };
    static const float reward[T6] = {1, 0, -1, 2, 0.5f, 1},
                       value[T6] = {0.5f, 1, -0.25f, 1.5f, 2, 1},
                       ratio[T6] = {1.25f, 0.5f, 1, 2, 0.75f, 1.5f}, end_value[T6] = {0, 2},
                       bootstrap = 3;
    static const uint8_t ended[T6] = {0, 1, 0, 1};
    static const struct {
        double lambda, vs[T6], adv[T6];
    } want[] = {
        {0, {1.9, 1.4, 0.35, 2, 1.55, 3.7}, {1.4, 0.4, 0.6, 0.5, -0.45, 2.7}},
        {0.6, {2.062, 1.4, 0.5525, 2, 2.6435, 3.7}, {1.616, 0.4, 0.87, 0.5, 0.6435, 2.7}},
        {1, {2.17, 1.4, 0.6875, 2, 3.3725, 3.7}, {1.76, 0.4, 1.05, 0.5, 1.3725, 2.7}},
    };
    float vs[T6], adv[T6];
    (void)state;
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        struct vtrace_rule rule = {0.9, want[k].lambda, 1, 0.75};
        vtrace(vs, adv, ratio, reward, value, ended, end_value, &bootstrap, T6, 1, &rule);
        for (int t = 0; t < T6; t++) {
            assert_close(vs[t], want[k].vs[t], 0, 1e-6);
            assert_close(adv[t], want[k].adv[t], 0, 1e-6);
        }
    }
}

static void on_policy_targets_are_n_step_returns(void **state)
{
    (void)state;
    float ratio[3] = {1, 1, 1}, reward[3] = {1, 2, 4}, value[3] = {9, -7, 3}, end[3] = {0}, vs[3],
          adv[3];
    uint8_t ended[3] = {0};
    float boot = 8.0f;
    vtrace(vs, adv, ratio, reward, value, ended, end, &boot, 3, 1,
           &(struct vtrace_rule){0.5, 1, 1, 1});
    assert_close(vs[2], 4 + 0.5 * 8, 0, 1e-6);
    assert_close(vs[1], 2 + 0.5 * 4 + 0.25 * 8, 0, 1e-6);
    assert_close(vs[0], 1 + 0.5 * 2 + 0.25 * 4 + 0.125 * 8, 0, 1e-6);
    assert_close(adv[0], (double)vs[0] - 9, 0, 1e-6);
}

static void a_time_limit_bootstraps_and_a_death_does_not(void **state)
{
    (void)state;
    float ratio[2] = {1, 1}, reward[2] = {1, 1}, value[2] = {0, 100}, vs[2], adv[2], boot = 50.0f;
    uint8_t ended[2] = {1, 0};
    float death[2] = {0, 0}, limit[2] = {10, 0};
    vtrace(vs, adv, ratio, reward, value, ended, death, &boot, 2, 1,
           &(struct vtrace_rule){0.9, 1, 1, 1});
    assert_close(vs[0], 1.0, 0, 1e-6);
    vtrace(vs, adv, ratio, reward, value, ended, limit, &boot, 2, 1,
           &(struct vtrace_rule){0.9, 1, 1, 1});
    assert_close(vs[0], 1.0 + 0.9 * 10, 0, 1e-6);
    assert_close(vs[1], 1.0 + 0.9 * 50, 0, 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_numbers_of_oni_without_an_end),
        cmocka_unit_test(golden_numbers_of_oni_with_an_end_in_the_middle),
        cmocka_unit_test(golden_numbers_of_oni_with_an_end_at_the_last_step),
        cmocka_unit_test(golden_numbers_with_the_value_of_the_next_observation),
        cmocka_unit_test(golden_numbers_with_lambda),
        cmocka_unit_test(recursion_equals_the_sum_of_the_definition),
        cmocka_unit_test(on_policy_targets_are_n_step_returns),
        cmocka_unit_test(a_time_limit_bootstraps_and_a_death_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
