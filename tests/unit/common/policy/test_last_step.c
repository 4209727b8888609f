/* SPDX-License-Identifier: MIT */
/* test_last_step.c - the numbers a policy sees of the step before, against those written down by
 * hand. */
#include <math.h>

#include "common/policy/last_step.h"
#include "tests/onic_test.h"

static void expect(const struct action_space *s, bool action, bool reward,
                   const union action_cell *done, double r, const float *want, int size)
{
    float got[16];
    assert_int_equal(last_step_size(s, action, reward), size);
    for (int i = 0; i < 16; i++)
        got[i] = 77.0f; /* what is not written stays */
    last_step_write(s, action, reward, done, (float)r, got);
    for (int i = 0; i < 16; i++)
        assert_close(got[i], i < size ? (double)want[i] : 77.0, 1e-6, 0);
}

static void a_choice_is_one_of_its_options(void **state)
{
    (void)state;
    const struct action_space s = {.kind = ACTION_DISCRETE, .n = 4};
    expect(&s, true, false, &(union action_cell){.choice = 2}, 5, (float[]){0, 0, 1, 0}, 4);
    expect(&s, true, true, &(union action_cell){.choice = 0}, 0, (float[]){1, 0, 0, 0, 0}, 5);
    expect(&s, true, false, &(union action_cell){.choice = ACTION_NONE}, 0, (float[]){0, 0, 0, 0},
           4);
    expect(&s, true, false, &(union action_cell){.choice = 4}, 0, (float[]){0, 0, 0, 0}, 4);
    expect(&s, false, false, &(union action_cell){.choice = 4}, 0, NULL, 0);
}

static void several_choices_are_one_of_each(void **state)
{
    (void)state;
    const struct action_space s = {.kind = ACTION_MULTI, .n = 3, .choices = {2, 3, 1}};
    const union action_cell done[] = {{.choice = 1}, {.choice = 0}, {.choice = 0}};
    expect(&s, true, false, done, 0, (float[]){0, 1, 1, 0, 0, 1}, 6);
}

static void numbers_are_in_units_of_their_bounds(void **state)
{
    (void)state;
    const struct action_space s = {
        .kind = ACTION_CONTINUOUS, .n = 3, .low = {-2, 0, -3e38f}, .high = {2, 10, 3e38f}};
    const union action_cell done[] = {{.number = -2}, {.number = 7.5f}, {.number = 1.5e38f}};
    expect(&s, true, true, done, -1, (float[]){-1, 0.5f, 0.5f, -0.69314718f}, 4);
    const union action_cell none[] = {{.choice = ACTION_NONE}, {.number = INFINITY}, {.number = 0}};
    expect(&s, true, false, none, 0, (float[]){0, 0, 0}, 3);
}

static void a_reward_keeps_its_sign_and_its_order(void **state)
{
    (void)state;
    const struct action_space s = {.kind = ACTION_DISCRETE, .n = 2};
    static const double rewards[] = {0, 1, -1, 1000, -16.2, 1e30};
    static const float want[] = {0, 0.69314718f, -0.69314718f, 6.9087548f, -2.8449094f, 69.07755f};
    for (int i = 0; i < 6; i++)
        expect(&s, false, true, NULL, rewards[i], &want[i], 1);
    expect(&s, false, true, NULL, (double)NAN, (float[]){0}, 1);
    expect(&s, false, true, NULL, (double)-INFINITY, (float[]){0}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_is_one_of_its_options),
        cmocka_unit_test(several_choices_are_one_of_each),
        cmocka_unit_test(numbers_are_in_units_of_their_bounds),
        cmocka_unit_test(a_reward_keeps_its_sign_and_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
