/* SPDX-License-Identifier: MIT */
/* test_sweep_child.c - the last words of a run of a sweep, out of its log. */
#include "deploy/cli/sweep_child.h"

#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/hostile_text.h"

static void the_last_line_that_says_something_is_told(void **state)
{
    char words[SWEEP_WORDS_MAX];
    (void)state;
    sweep_child_last_words(files_in("none"), 0, words);
    assert_string_equal(words, "");
    files_write(files_in("log"), "before\none\ntwo\n \n\n");
    sweep_child_last_words(files_in("log"), 7, words);
    assert_string_equal(words, "two");
    sweep_child_last_words(files_in("log"), 18, words);
    assert_string_equal(words, "");
}

static void it_does_not_act_on_a_terminal(void **state)
{
    char words[SWEEP_WORDS_MAX], text[2 * SWEEP_WORDS_MAX];
    (void)state;
    snprintf(text, sizeof text, "one\nlast %s\n", hostile_text);
    files_write(files_in("log"), text);
    sweep_child_last_words(files_in("log"), 0, words);
    assert_non_null(strstr(words, "31md"));
    assert_null(hostile_text_in(words));
    /* cut within a character */
    memset(text, 'x', sizeof text);
    snprintf(text + SWEEP_WORDS_MAX - 2, 8, "\xc3\xa4\n");
    files_write(files_in("log"), text);
    sweep_child_last_words(files_in("log"), 0, words);
    assert_int_equal(strlen(words), SWEEP_WORDS_MAX - 1);
    assert_null(hostile_text_in(words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_line_that_says_something_is_told, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(it_does_not_act_on_a_terminal, files_setup, files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
