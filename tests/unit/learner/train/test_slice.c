/* SPDX-License-Identifier: MIT */
/* The normalisation of advantages; the rest of a slice is tested as a whole in test_trainer.c. */
#include "tests/onic_test.h"

#include "learner/train/slice.h"
#include "learner/train/vtrace.h"

enum { T = 4 };

/* Mean and deviation of all slices, then each is normalised. */
static void normalize(struct slice *s, int slices)
{
    struct advantage_sums sums = {0};
    double mean = (double)NAN, factor = (double)NAN;
    for (int i = 0; i < slices; i++)
        slice_advantage_sums(&s[i], &sums);
    slice_advantage_scale(&sums, 1.0, &mean, &factor);
    for (int i = 0; i < slices; i++)
        slice_normalize(&s[i], mean, factor);
}

/* oni-spec 2.8, first case: from rewards to what the loss is given. */
static void golden_numbers_of_oni(void **state)
{
    static const double want[T] = {0.705062, 1.003059, -0.991761, -0.716359};
    const float reward[T] = {0.0f, 1.0f, 0.0f, 0.5f}, value[T] = {0.5f, 0.4f, 0.3f, 0.2f};
    const float ratio[T] = {1.2f, 0.8f, 1.0f, 0.5f}, bootstrap = (0.2f - 0.5f) / 0.99f;
    const float end_value[T] = {0};
    uint8_t none[T] = {0};
    float target[T], adv[T];
    struct slice s = {.T = T, .N = 1, .advantage = adv, .skip = none};
    (void)state;
    vtrace(target, adv, ratio, reward, value, none, end_value, &bootstrap, T, 1,
           &(struct vtrace_rule){0.99, 1, 1, 1});
    normalize(&s, 1);
    for (int t = 0; t < T; t++)
        assert_close(adv[t], want[t], 0, 1.1e-6);
}

static void slices_agree_on_the_numbers_and_steps_that_are_masked_do_not_count(void **state)
{
    static const double want[T] = {0.705062, 1.003059, -0.991761, -0.716359};
    float a[3] = {0.526448f, 100.0f, 0.636816f}, b[3] = {-0.102f, 0.0f, -100.0f};
    uint8_t skip_a[3] = {0, 1, 0}, skip_b[3] = {0, 0, 1};
    struct slice s[2] = {{.T = 3, .N = 1, .advantage = a, .skip = skip_a},
                         {.T = 1, .N = 3, .advantage = b, .skip = skip_b}};
    (void)state;
    normalize(s, 2);
    assert_close(a[0], want[0], 0, 1.1e-6);
    assert_close(a[2], want[1], 0, 1.1e-6);
    assert_close(b[0], want[2], 0, 1.1e-6);
    assert_close(b[1], want[3], 0, 1.1e-6);
}

static void equal_advantages_are_not_blown_up(void **state)
{
    float adv[T] = {0.25f, 0.25f, 0.25f, 0.2500001f};
    uint8_t none[T] = {0};
    struct slice s = {.T = T, .N = 1, .advantage = adv, .skip = none};
    (void)state;
    normalize(&s, 1);
    for (int t = 0; t < T; t++)
        assert_close(adv[t], 0, 0, 1e-3);
}

/* The least deviation is 0.001 of the unit that advantages come in. */
static void small_advantages_are_small_in_their_unit(void **state)
{
    static const float adv[2] = {1e-5f, -1e-5f};
    struct advantage_sums sums = {
        .sum = 0, .squares = 2 * (double)adv[0] * (double)adv[0], .count = 2};
    double mean, factor;
    (void)state;
    slice_advantage_scale(&sums, 1.0, &mean, &factor);
    assert_close(factor, 1e3, 1e-9, 0);
    slice_advantage_scale(&sums, 0.05, &mean, &factor);
    assert_close(factor, 2e4, 1e-9, 0);
    slice_advantage_scale(&sums, 1e-3, &mean, &factor);
    assert_close(factor, sqrt(0.5) * 1e5, 1e-6, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_numbers_of_oni),
        cmocka_unit_test(slices_agree_on_the_numbers_and_steps_that_are_masked_do_not_count),
        cmocka_unit_test(equal_advantages_are_not_blown_up),
        cmocka_unit_test(small_advantages_are_small_in_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
