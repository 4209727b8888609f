/* SPDX-License-Identifier: MIT */
/* test_regex_size.c - patterns that would take all memory are told from those that people write. */
#include <string.h>

#include "reward_server/goals/regex_size.h"
#include "tests/onic_test.h"

static void what_people_write_is_small(void **state)
{
    static const char *const patterns[] = {
        "",
        "gold pieces?[.!]$",
        "^You (kill|destroy) (it|the [a-z ]+)[.!]",
        "[[:digit:]]{1,5} gold",
        "([a-z]{1,20} ){1,9}",
        "((((((((a))))))))+",
        "[]+]+[^]+]+",
        "a\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+\\+",
        "{++",
        ")*(",
        "[",
        "[^",
        "\\",
    };
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (!regex_is_small(patterns[i]))
            fail_msg("%s", patterns[i]);
}

static void repetitions_of_repetitions_are_not(void **state)
{
    static const char *const patterns[] = {
        "N++++++++++++++++++++++++++",
        "a{4000}",
        "a{0,4000}",
        "a{99999999999999999999999}",
        "a{,32767}",
        "((a{30}){30}){30}",
        "(a+b+)++++++++++++",
        "(((a+)+)+)++++++++++",
        "([[:alpha:]]{64}){64}",
        "[]]++++++++++++++++",
        "a*+*+*+*+*+*+*+*+*+*+*+*+*+",
        "(x|y{99}){99}",
        "(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))",
    };
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (regex_is_small(patterns[i]))
            fail_msg("%s", patterns[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_is_small),
        cmocka_unit_test(repetitions_of_repetitions_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
