/* SPDX-License-Identifier: MIT */
/* test_shown.c - nothing that is shown can act on a terminal. */
#include "common/base/shown.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "common/base/columns.h"
#include "common/base/log.h"
#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"

static void what_acts_is_blanked_and_the_rest_stays(void **state)
{
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"plain text, 100 %", "plain text, 100 %"},
        {"\x1b[2J\x1b]0;x\x07", " [2J ]0;x "},
        {"a\tb\nc\x7f", "a b c "},
        {"\xc2\x9b"
         "31mred\xc2\x80\xc2\x9f",
         "  31mred    "},
        {"\xc2\xa0", "\xc2\xa0"}, /* the first behind C1 */
        {"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"},
        {"\xe2\x80\xae"
         "evil\xe2\x80\xac",
         "   evil   "},
        {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "              "},
        {"\xe2\x80\xa8|\xe2\x80\xa9", "   |   "},
        {"\xe2\x80\x93\xe2\x80\xa2", "\xe2\x80\x93\xe2\x80\xa2"}, /* a dash and a bullet */
        {"\x9b"
         "2J \xff \xc3",
         "?2J ? ?"},
        {"\xc0\x9b \xed\xa0\x80 \xe0\x82\x9b", "?? ??? ???"}, /* too long, a surrogate */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i].text);
        shown_clean_line(text, strlen(text));
        assert_string_equal(text, cases[i].line);
        assert_null(hostile_text_in(text));
    }
    char lines[] = "one\n\ttwo\r\n\x1b";
    shown_clean_lines(lines, strlen(lines));
    assert_string_equal(lines, "one\n\ttwo \n ");
}

/* DerivedCoreProperties.txt of Unicode 15, and U+FFF9 to U+FFFB. */
static bool is_ignorable(unsigned c)
{
    static const unsigned of[][2] = {
        {0xad, 0xad},       {0x34f, 0x34f},     {0x61c, 0x61c},   {0x115f, 0x1160},
        {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f}, {0x202a, 0x202e},
        {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
        {0xffa0, 0xffa0},   {0xfff0, 0xfff8},   {0xfff9, 0xfffb}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (c >= of[i][0] && c <= of[i][1])
            return true;
    return false;
}

static void every_character_of_unicode_is_judged(void **state)
{
    int bad = 0, hidden = 0;
    (void)state;
    for (unsigned c = 1; c < 0x110000; c++) {
        char t[5] = "";
        size_t n = hostile_text_encode(c, t), got;
        bool surrogate = c >= 0xd800 && c < 0xe000;
        bool acts = c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e ||
                    c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
        bool unseen = is_ignorable(c) && !acts && !(c >= 0xfe00 && c <= 0xfe0f);
        if (shown_as_is(t, n, &got) == (acts || unseen || surrogate))
            fail_msg("U+%04X", c);
        assert_int_equal(got, surrogate ? 1 : n);
        if (shown_acts(t, n, &got) != (acts || surrogate))
            fail_msg("U+%04X", c);
        bad += acts;
        hidden += unseen;
    }
    assert_int_equal(bad, 31 + 33 + 3 + 7 + 4);
    assert_int_equal(hidden, 1 + 1 + 2 + 2 + 5 + 3 + 6 + 6 + 1 + 1 + 1 + 12 + 4 + 8 + 4096);
}

static char logged[4096];

static void keep_line(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    snprintf(logged, sizeof logged, "%.*s", (int)len, line);
}

/* Each place that everything passes: sentences, lines of the log, JSON, what is cut to a width. */
static void each_place_of_the_base_cleans(void **state)
{
    struct onic_err sentence = {0};
    struct buf out;
    (void)state;
    err_set(&sentence, ONIC_EIO, "it said: %s", hostile_text);
    assert_null(hostile_text_in(sentence.msg));
    err_wrap(&sentence, "%s", hostile_text);
    assert_null(hostile_text_in(sentence.msg));
    log_set_writer(keep_line, NULL);
    log_warn(hostile_text, kv("raw", (const char *)hostile_text));
    log_set_writer(NULL, NULL);
    logged[strcspn(logged, "\n")] = '\0';
    assert_non_null(strstr(logged, "raw="));
    assert_null(hostile_text_in(logged));
    buf_init(&out, 1 << 16);
    buf_json_string(&out, hostile_text, strlen(hostile_text));
    assert_null(hostile_text_in(out.data));
    buf_reset(&out);
    buf_json_string(&out, "\x9b\x7f\xa0", 3);
    assert_string_equal(out.data, "\"\\u009b\\u007f\xc2\xa0\"");
    buf_reset(&out);
    columns_put(&out, hostile_text, strlen(hostile_text), 200);
    assert_null(hostile_text_in(out.data));
    buf_release(&out);
}

static void what_is_printed_is_cleaned_by_lines(void **state)
{
    char text[512] = "";
    (void)state;
    FILE *f = fmemopen(text, sizeof text, "w");
    assert_true(shown_write(f, hostile_text, strlen(hostile_text)));
    shown_printf(f, "\n%s and %d\n", hostile_text, 5);
    fclose(f);
    assert_non_null(strstr(text, " and 5\n"));
    for (char *p = text; (p = strchr(p, '\n')) != NULL;)
        *p = ' ';
    assert_null(hostile_text_in(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_acts_is_blanked_and_the_rest_stays),
        cmocka_unit_test(every_character_of_unicode_is_judged),
        cmocka_unit_test(each_place_of_the_base_cleans),
        cmocka_unit_test(what_is_printed_is_cleaned_by_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
