/* SPDX-License-Identifier: MIT */
/* test_env_faults.c - which broken episodes are told. */
#include <stdio.h>

#include "actor/envs/env_faults.h"
#include "common/base/clock.h"
#include "tests/onic_test.h"

static int64_t now_ms;

static int64_t fake_clock(void)
{
    return now_ms * 1000000;
}

static int setup(void **state)
{
    static struct env_faults f;
    f = (struct env_faults){0};
    now_ms = 1000;
    clock_replace(fake_clock);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_replace(NULL);
    return 0;
}

static void each_kind_is_told_at_once(void **state)
{
    static const char *const kinds[] = {"ValueError: in doubt (worlds.py:7)",
                                        "KeyError: 'door' (worlds.py:9)",
                                        "KeyError",
                                        "its Python process 12 was killed by signal 9 (Killed)",
                                        "its Python process 12 gave no answer for 20 s",
                                        "the reward is not a finite number"};
    enum { KINDS = sizeof kinds / sizeof kinds[0] };
    for (int i = 0; i < KINDS; i++)
        assert_int_equal(env_faults_to_tell(*state, kinds[i]), i != 2);
}

static void the_same_is_told_once_a_minute_with_its_number(void **state)
{
    assert_int_equal(env_faults_to_tell(*state, "ValueError: in doubt (worlds.py:7)"), 1);
    assert_int_equal(env_faults_to_tell(*state, "ValueError: lost (worlds.py:70)"), 0);
    assert_int_equal(env_faults_to_tell(*state, "its Python process 12 ended with status 3"), 1);
    now_ms += ENV_FAULT_EVERY_MS - 1;
    assert_int_equal(env_faults_to_tell(*state, "ValueError: in doubt (worlds.py:7)"), 0);
    assert_int_equal(env_faults_to_tell(*state, "its Python process 47 ended with status 3"), 0);
    now_ms++;
    assert_int_equal(env_faults_to_tell(*state, "ValueError: in doubt (worlds.py:7)"), 3);
    assert_int_equal(env_faults_to_tell(*state, "ValueError: in doubt (worlds.py:7)"), 0);
    now_ms += ENV_FAULT_EVERY_MS;
    assert_int_equal(env_faults_to_tell(*state, "ValueError: in doubt (worlds.py:7)"), 2);
}

static void kinds_without_number_are_no_flood(void **state)
{
    char why[32];
    int told = 0;
    for (int minute = 0; minute < 2; minute++, now_ms += ENV_FAULT_EVERY_MS)
        for (int i = 0; i < 600; i++) {
            snprintf(why, sizeof why, "%c%cError: lost", 'A' + i % 20, 'a' + i / 20);
            told += env_faults_to_tell(*state, why) > 0;
        }
    assert_int_equal(told, 2 * (ENV_FAULT_KINDS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_is_told_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_is_told_once_a_minute_with_its_number, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(kinds_without_number_are_no_flood, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
