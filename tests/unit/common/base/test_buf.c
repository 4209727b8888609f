/* SPDX-License-Identifier: MIT */
/* test_buf.c - growth, limit, JSON text. */
#include "common/base/buf.h"
#include "tests/onic_test.h"

static void text_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    assert_string_equal(b.data, "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_printf(&b, "%d,", i), ONIC_OK);
    assert_int_equal(strlen(b.data), b.len);
    assert_int_equal(strncmp(b.data, "0,1,2,", 6), 0);
    assert_string_equal(b.data + b.len - 4, "999,");
    buf_reset(&b);
    assert_string_equal(b.data, "");
    buf_release(&b);
    assert_string_equal(b.data, "");
    buf_puts(&b, "again");
    assert_string_equal(b.data, "again");
    buf_release(&b);
}

static void an_append_over_the_maximum_changes_nothing(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    assert_int_equal(buf_puts(&b, "12345678"), ONIC_OK);
    assert_int_equal(buf_append(&b, "9", 1), ONIC_ELIMIT);
    assert_true(b.overflow);
    assert_string_equal(b.data, "12345678");
    buf_reset(&b);
    assert_false(b.overflow);
    assert_int_equal(buf_append(&b, "x", SIZE_MAX), ONIC_ELIMIT);
    assert_int_equal(buf_printf(&b, "%s", "123456789"), ONIC_ELIMIT);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void json_strings_escape_controls_and_latin_1(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_json_string(&b, "a\"\\\n\x7f\x00z\xe9", 8);
    assert_string_equal(b.data, "\"a\\\"\\\\\\u000a\\u007f\\u0000z\xc3\xa9\"");
    buf_reset(&b);
    buf_json_number(&b, 0.1, 9);
    buf_puts(&b, " ");
    buf_json_number(&b, (double)NAN, 9);
    buf_puts(&b, " ");
    buf_json_number(&b, -(double)INFINITY, 9);
    assert_string_equal(b.data, "0.1 null null");
    buf_reset(&b);
    buf_json_key_text(&b, "raw", "a\"b");
    buf_json_key_number(&b, "label", (double)NAN);
    buf_json_key_number(&b, "score", 0.25);
    assert_string_equal(b.data, ",\"raw\":\"a\\\"b\",\"label\":null,\"score\":0.25");
    buf_release(&b);
}

static void json_of_what_people_write_stays_utf_8(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_json_utf8(&b, "L\xc3\xa4ufe \xe8\xb5\xb0 \xf0\x9f\x8e\xb2\"\n");
    assert_string_equal(b.data, "\"L\xc3\xa4ufe \xe8\xb5\xb0 \xf0\x9f\x8e\xb2\\\"\\u000a\"");
    buf_reset(&b);
    buf_json_utf8(&b,
                  "\xe4 \xc3 \xc2\x9b \xc2\xa0 \xed\xa0\x80\xe8\xb5"); /* part of no character */
    assert_string_equal(b.data, "\"\xc3\xa4 \xc3\x83 \\u009b \xc2\xa0 \xc3\xad\xc2\xa0\\u0080"
                                "\xc3\xa8\xc2\xb5\"");
    buf_reset(&b);
    buf_json_utf8(
        &b, "\xe2\x80\xae \xe2\x80\x8b \xef\xbb\xbf \xf3\xa0\x81\x81 \xc2\xad"); /* acts, unseen */
    buf_json_string(&b, "\xad\xae", 2);
    assert_string_equal(b.data, "\"\\u202e \\u200b \\ufeff \\udb40\\udc41 \\u00ad\""
                                "\"\\u00ad\xc2\xae\"");
    buf_reset(&b);
    buf_json_key_utf8(&b, "dir", "l\xc3\xa4ufe");
    assert_string_equal(b.data, ",\"dir\":\"l\xc3\xa4ufe\"");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_terminated),
        cmocka_unit_test(an_append_over_the_maximum_changes_nothing),
        cmocka_unit_test(json_strings_escape_controls_and_latin_1),
        cmocka_unit_test(json_of_what_people_write_stays_utf_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
