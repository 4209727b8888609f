/* SPDX-License-Identifier: MIT */
/* test_deaths.c - counts of deaths by cause, and the sentences about them. */
#include "deploy/cli/deaths.h"

#include <signal.h>

#include "tests/onic_test.h"

static void causes_are_counted_apart(void **state)
{
    (void)state;
    struct deaths d = {0};
    assert_int_equal(deaths_book(&d, 70, 0), 1);
    assert_int_equal(deaths_book(&d, -SIGSEGV, 0), 1);
    assert_int_equal(deaths_book(&d, 70, 0), 2);
    assert_int_equal(deaths_book(&d, -SIGKILL, 0), 1);
    assert_int_equal(deaths_book(&d, -SIGSEGV, 0), 2);
    assert_int_equal(deaths_book(&d, DEATH_NO_PULSE, 0), 1);
}

static void ten_minutes_of_life_clear_all_counts(void **state)
{
    (void)state;
    struct deaths d = {0};
    for (int i = 1; i <= 4; i++)
        assert_int_equal(deaths_book(&d, 70, DEATH_FORGET_MS - 1), i);
    deaths_book(&d, -SIGKILL, 0);
    assert_int_equal(deaths_book(&d, 70, DEATH_FORGET_MS), 1);
    assert_int_equal(deaths_book(&d, -SIGKILL, 0), 1);
}

static void more_causes_than_there_is_room_for_push_out_the_rarest(void **state)
{
    (void)state;
    struct deaths d = {0};
    for (int i = 0; i < 3; i++)
        deaths_book(&d, 70, 0);
    for (int code = 100; code < 100 + 3 * DEATH_CAUSES; code++)
        assert_int_equal(deaths_book(&d, code, 0), 1);
    assert_int_equal(deaths_book(&d, 70, 0), 4);
}

static void a_status_becomes_a_cause_and_a_text(void **state)
{
    (void)state;
    char text[96];
    assert_int_equal(death_cause(70 << 8), 70);
    assert_int_equal(death_cause(SIGSEGV), -SIGSEGV);
    death_text(-SIGSEGV, text, sizeof text);
    assert_string_equal(text, "signal 11 (Segmentation fault)");
    death_text(70, text, sizeof text);
    assert_string_equal(text, "exit code 70");
    death_sentence(70, text, sizeof text);
    assert_string_equal(text, "ended with exit code 70");
    death_sentence(DEATH_NO_START, text, sizeof text);
    assert_string_equal(text, "cannot be started");
    death_sentence(DEATH_NO_PULSE, text, sizeof text);
    assert_string_equal(text, "gave no sign of life and was killed");
    assert_int_equal(death_exit_code(-SIGKILL), 70);
    assert_int_equal(death_exit_code(DEATH_NO_PULSE), 70);
    assert_int_equal(death_exit_code(DEATH_NO_START), 64); /* a limit, as its sentence says */
    assert_int_equal(death_exit_code(127), 70);
    assert_int_equal(death_exit_code(74), 74);
    assert_int_equal(death_exit_code(75), 70); /* nobody should go on trying */
}

static void the_out_of_memory_killer_is_named_when_it_was_seen(void **state)
{
    (void)state;
    char hint[DEATH_HINT_MAX];
    death_hint(-SIGKILL, 1, hint, sizeof hint);
    assert_non_null(strstr(hint, "the out-of-memory killer was at work"));
    death_hint(-SIGKILL, 0, hint, sizeof hint);
    assert_non_null(strstr(hint, "somebody killed it, or the out-of-memory killer did"));
    death_hint(-SIGSEGV, 1, hint, sizeof hint);
    assert_string_equal(hint, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(causes_are_counted_apart),
        cmocka_unit_test(ten_minutes_of_life_clear_all_counts),
        cmocka_unit_test(more_causes_than_there_is_room_for_push_out_the_rarest),
        cmocka_unit_test(a_status_becomes_a_cause_and_a_text),
        cmocka_unit_test(the_out_of_memory_killer_is_named_when_it_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
