/* SPDX-License-Identifier: MIT */
/* test_log_json.c - lines of the log as objects: whatever is said, a line is one object, and what
 * was said comes back. */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>

#include "common/base/log_json.h"
#include "common/base/log_line.h"
#include "common/base/utf8.h"
#include "tests/onic_test.h"

static const char STAMP[] = "2026-11-23T19:30:00.123Z";
static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 2 * LOG_LINE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

static const char *object(const char *level, const char *msg, const struct log_kv *kvs, bool last)
{
    log_json_object(&out, STAMP, level, "actor 3", msg, kvs, last);
    return out.data;
}

static void an_object_has_its_keys_in_order_and_typed_values(void **state)
{
    (void)state;
    const struct log_kv kvs[] = {kv("n", (int64_t)1 << 40),
                                 kv("x", 0.5),
                                 kv("bad", (double)NAN),
                                 kv("t", "a\"b\\c"),
                                 {.key = NULL}};
    assert_string_equal(object("warn", "odd thing", kvs, false),
                        "{\"time\":\"2026-11-23T19:30:00.123Z\",\"level\":\"warn\",\"role\":"
                        "\"actor 3\",\"msg\":\"odd thing\",\"n\":1099511627776,\"x\":0.5,"
                        "\"bad\":null,\"t\":\"a\\\"b\\\\c\"}");
    assert_int_equal(log_line_level(out.data, out.len), 'w');
}

/* No key stands twice in an object. */
static void a_value_does_not_take_a_key_of_the_line(void **state)
{
    (void)state;
    const struct log_kv kvs[] = {kv("role", "trace"), kv("event", "end"), {.key = NULL}};
    assert_non_null(
        strstr(object("error", "x", kvs, false), ",\"kv_role\":\"trace\",\"kv_event\":\"end\"}"));
    assert_int_equal(log_line_level(out.data, out.len), 'e');
}

/* Controls of terminals and of the direction of writing, line ends, bytes that are no UTF-8. */
static void nothing_that_acts_stands_in_a_line(void **state)
{
    (void)state;
    const char *msg = "a\nb\x1b[31m\x7f \xc2\x9b \xe2\x80\xae\xff caf\xc3\xa9 \xf0\x9f\x98\x80";
    assert_non_null(strstr(object("info", msg, NULL, false),
                           "\"msg\":\"a\\u000ab\\u001b[31m\\u007f \\u009b \\u202e\\u00ff "
                           "caf\xc3\xa9 \xf0\x9f\x98\x80\"}"));
    assert_ok(utf8_check(out.data, out.len, "the line", &err));
    char said[128];
    assert_true(log_json_message(out.data, said, sizeof said));
    assert_string_equal(said, "a\nb\x1b[31m\x7f \xc2\x9b \xe2\x80\xae\xc3\xbf caf\xc3\xa9 "
                              "\xf0\x9f\x98\x80");
}

static void what_does_not_fit_is_left_out_and_said(void **state)
{
    (void)state;
    static char big[20000];
    memset(big, '"', sizeof big - 1);
    const struct log_kv kvs[] = {
        kv("first", 1), kv("big", (const char *)big), kv("last", 2), {.key = NULL}};
    object("info", "short", kvs, false);
    assert_true(out.len < LOG_LINE_MAX);
    assert_non_null(strstr(out.data, ",\"first\":1,"));
    assert_null(strstr(out.data, "last"));
    assert_string_equal(out.data + out.len - strlen("\",\"cut\":true}"), "\",\"cut\":true}");
    object("error", big, kvs, true);
    assert_true(out.len < LOG_LINE_MAX);
    assert_string_equal(out.data + out.len - strlen(",\"event\":\"end\",\"cut\":true}"),
                        ",\"event\":\"end\",\"cut\":true}");
    assert_false(out.overflow);
}

/* A supervisor shows them as the sentence of the run, in either format. */
static void last_words_are_no_line_of_the_log(void **state)
{
    (void)state;
    char said[64];
    object("error", "the disk is full", NULL, true);
    assert_int_equal(log_line_level(out.data, out.len), '?');
    assert_true(log_json_message(out.data, said, sizeof said));
    assert_string_equal(said, "the disk is full");
    object("error", ",\"event\":\"end\"", NULL, false); /* only said */
    assert_int_equal(log_line_level(out.data, out.len), 'e');
    assert_int_equal(log_line_level("{\"time\":\"x", 10), '?');
    assert_false(log_json_message("onic-learner: the disk is full", said, sizeof said));
}

static char captured[2 * LOG_LINE_MAX];

static void capture_line(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    assert_true(len < sizeof captured);
    memcpy(captured, line, len);
    captured[len] = '\0';
}

static void the_logger_writes_them_when_told(void **state)
{
    (void)state;
    log_set_writer(capture_line, NULL);
    log_set_role("tester");
    log_set_format(LOG_JSON);
    log_info("hello", kv("n", 1));
    assert_int_equal(log_line_level(captured, strlen(captured)), 'i');
    assert_string_equal(strstr(captured, ",\"role\""),
                        ",\"role\":\"tester\",\"msg\":\"hello\",\"n\":1}\n");
    log_say(LOG_ERROR, "onic-tester", "no %d", 7);
    assert_string_equal(strstr(captured, ",\"level\""),
                        ",\"level\":\"error\",\"role\":\"tester\",\"msg\":\"no 7\",\"event\":"
                        "\"end\"}\n");
    log_say(LOG_INFO, "onic-tester", "by the way");
    assert_non_null(strstr(captured, "\"msg\":\"by the way\"}\n"));
    log_set_format(LOG_TEXT);
    log_set_writer(NULL, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_object_has_its_keys_in_order_and_typed_values),
        T(a_value_does_not_take_a_key_of_the_line),
        T(nothing_that_acts_stands_in_a_line),
        T(what_does_not_fit_is_left_out_and_said),
        T(last_words_are_no_line_of_the_log),
        T(the_logger_writes_them_when_told),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
