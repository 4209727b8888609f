/* SPDX-License-Identifier: MIT */
/* test_utf8.c - encodings are named. */
#include "common/base/utf8.h"

#include "tests/onic_test.h"

static const struct {
    const char *bytes;
    size_t len;
    const char *says; /* NULL: it is UTF-8 */
} texts[] = {
#define TEXT(bytes, says)                                                                          \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, says                                                             \
    }
    TEXT("", NULL),
    TEXT("a: 1\n", NULL),
    TEXT("\xef\xbb\xbf"
         "a: 1\n",
         NULL), /* a mark in UTF-8 is one more character */
    TEXT("a: \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf\n", NULL),
    TEXT("\xff\xfe"
         "a\0:\0",
         "f is UTF-16 text; save it as UTF-8"),
    TEXT("\xfe\xff\0a\0:", "f is UTF-16 text"),
    TEXT("r\0u\0n\0", "f is UTF-16 text"),
    TEXT("\0r\0u\0n", "f is UTF-16 text"),
    TEXT("\xff\xfe", "f is UTF-16 text"),
    TEXT("\xff\xfe\0\0a\0\0\0", "f is UTF-32 text"),
    TEXT("\0\0\xfe\xff\0\0\0a", "f is UTF-32 text"),
    TEXT("a\0\0\0:\0\0\0", "f is UTF-32 text"),
    TEXT("\0\0\0a\0\0\0:", "f is UTF-32 text"),
    TEXT("a\n\nb\xe4\n", "f:3: the byte 0xe4 is not UTF-8 text; save the file as UTF-8"),
    TEXT("\x80", "f:1: the byte 0x80 is not"),
    TEXT("a\xc3", "f:1: the byte 0xc3 is not"),        /* cut off */
    TEXT("\xe2\x82", "f:1: the byte 0xe2 is not"),     /* cut off */
    TEXT("\xc0\xaf", "f:1: the byte 0xc0 is not"),     /* longer than needed */
    TEXT("\xe0\x80\xaf", "f:1: the byte 0xe0 is not"), /* the same */
    TEXT("\xed\xa0\x80", "f:1: the byte 0xed is not"), /* half of a pair */
    TEXT("\xf4\x90\x80\x80", "f:1: the byte 0xf4 is"), /* above the last character */
    TEXT("\xf5\x80\x80\x80", "f:1: the byte 0xf5 is"),
};

static void encodings_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].says)
            assert_err(utf8_check(texts[i].bytes, texts[i].len, "f", &err), ONIC_ECONFIG,
                       texts[i].says);
        else
            assert_ok(utf8_check(texts[i].bytes, texts[i].len, "f", &err));
    }
}

static void a_text_is_cut_between_characters(void **state)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1, 2, 3, 4, 1 bytes */
    static const size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    (void)state;
    for (size_t n = 0; n < sizeof text; n++)
        assert_int_equal(utf8_whole(text, n), whole[n]);
    assert_int_equal(utf8_whole("ab\xff", 3), 3); /* not UTF-8: not ours to judge */
    assert_int_equal(utf8_whole("\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(utf8_whole("\x80", 1), 1);
    assert_int_equal(utf8_character(text + 3, 8), 3);
    assert_int_equal(utf8_character(text + 3, 2), 0);
    assert_int_equal(utf8_character("\xed\xa0\x80", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(encodings_are_named),
                                       cmocka_unit_test(a_text_is_cut_between_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
