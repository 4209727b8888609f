/* SPDX-License-Identifier: MIT */
/* test_columns.c - what a terminal has room for. */
#include <locale.h>

#include "common/base/columns.h"
#include "tests/onic_test.h"

static void assert_cut(const char *line, int columns, const char *want, int want_columns)
{
    struct buf b;
    buf_init(&b, 1000);
    int taken = columns_put(&b, line, strlen(line), columns);
    assert_string_equal(b.data, want);
    assert_int_equal(taken, want_columns);
    buf_release(&b);
}

static void a_line_is_cut_between_characters_and_says_so(void **state)
{
    (void)state;
    setlocale(LC_ALL, "C"); /* as programs begin */
    assert_cut("0123456789", 10, "0123456789", 10);
    assert_cut("0123456789x", 10, "0123456...", 10);
    assert_cut("abc", 2, "ab", 2); /* no room for the dots */
    assert_cut("", 10, "", 0);
}

static void wide_and_combining_characters_count_as_they_are_drawn(void **state)
{
    (void)state;
    assert_cut("\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xc3\xa9", 2);
    assert_cut("\xe6\x97\xa5\xe6\x9c\xac", 4, "\xe6\x97\xa5\xe6\x9c\xac", 4);
    assert_cut("\xe6\x97\xa5\xe6\x9c\xac", 3, "\xe6\x97\xa5", 2); /* half a character is none */
    assert_cut("e\xcc\x81t\xc3\xa9", 3, "e\xcc\x81t\xc3\xa9", 3); /* an accent of its own */
    assert_cut("\xf0\x9f\x97\x9d\xf0\x9f\x9a\xaa!", 4, "\xf0\x9f\x97\x9d\xf0\x9f\x9a\xaa!", 4);
    assert_cut("\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5", 8,
               "\xe6\x97\xa5\xe6\x97\xa5...", 7);
}

static void what_is_not_to_be_shown_is_not(void **state)
{
    (void)state;
    assert_cut("a\tb\033[2Jc\x7f", 20, "a b [2Jc ", 9);
    assert_cut("a\xff\xe6\x97", 20, "a???", 4); /* damaged */
    assert_cut("\xc2\x9b"
               "2J",
               20, " 2J", 3); /* a control sequence of one character */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_cut_between_characters_and_says_so),
        cmocka_unit_test(wide_and_combining_characters_count_as_they_are_drawn),
        cmocka_unit_test(what_is_not_to_be_shown_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
