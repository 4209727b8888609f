/* SPDX-License-Identifier: MIT */
/* test_text_lines.c - lines of a file that somebody wrote: whole, or refused by their number. */
#include "deploy/cli/text_lines.h"

#include <stdio.h>

#include "tests/onic_test.h"

enum { MAX = 8 };

static struct text_lines lines_of(const char *text, size_t len)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    rewind(f);
    return (struct text_lines){.from = f, .name = "a.jsonl", .max = MAX};
}

static void done(struct text_lines *l)
{
    text_lines_free(l);
    fclose(l->from);
}

static void next_is(struct text_lines *l, const char *want, int number)
{
    bool more;
    assert_ok(text_lines_next(l, &more, &err));
    assert_int_equal(more, want != NULL);
    if (want)
        assert_string_equal(l->text, want);
    assert_int_equal(l->number, number);
}

static void lines_are_counted_also_empty_ones_and_one_without_an_end(void **state)
{
    (void)state;
    struct text_lines l = lines_of("one\n\nthree\r\n12345678\nlast", 25);
    next_is(&l, "one", 1);
    next_is(&l, "", 2);
    next_is(&l, "three\r", 3);
    next_is(&l, "12345678", 4);
    next_is(&l, "last", 5);
    next_is(&l, NULL, 5);
    done(&l);
    l = lines_of("", 0);
    next_is(&l, NULL, 0);
    done(&l);
}

/* The second line. */
static void is_refused(const char *text, size_t len, const char *said)
{
    bool more;
    struct text_lines l = lines_of(text, len);
    next_is(&l, "{}", 1);
    assert_err(text_lines_next(&l, &more, &err), ONIC_ECONFIG, said);
    done(&l);
}

static void nothing_is_cut_silently(void **state)
{
    static const char zero[] = "a.jsonl: line 2 holds a zero byte",
                      longer[] = "a.jsonl: line 2 is longer than 8 bytes";
    (void)state;
    is_refused("{}\n{}\0{}\n", 9, zero);
    is_refused("{}\n{}\0", 6, zero); /* the last, which has no end */
    is_refused("{}\n\0\n", 5, zero);
    is_refused("{}\n123456789\n", 13, longer);
    is_refused("{}\n123456789", 12, longer);
}

static void a_file_that_cannot_be_read_is_no_end(void **state)
{
    bool more;
    struct text_lines l = {.from = fopen("/", "r"), .name = "a.jsonl", .max = MAX};
    (void)state;
    assert_non_null(l.from);
    assert_err(text_lines_next(&l, &more, &err), ONIC_EIO, "a.jsonl");
    done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_counted_also_empty_ones_and_one_without_an_end),
        cmocka_unit_test(nothing_is_cut_silently),
        cmocka_unit_test(a_file_that_cannot_be_read_is_no_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
