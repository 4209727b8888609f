/* SPDX-License-Identifier: MIT */
/* test_json_text.c - questions come back from JSON as the bytes they were written from. */
#include "deploy/cli/json_text.h"

#include "tests/onic_test.h"

static void assert_question(const char *json, const char *want, size_t want_len)
{
    char question[QUESTION_MAX];
    json_t *o = json_loads(json, 0, NULL);
    assert_non_null(o);
    assert_int_equal(json_question(o, question), want_len);
    assert_memory_equal(question, want, want_len);
    json_decref(o);
}

static void every_kind_of_question_comes_back(void **state)
{
    (void)state;
    assert_question("{\"caption\":\"a key\"}", "a key", 5);
    assert_question("{\"caption\":\"a key\",\"kind\":\"class\"}", "a key", 5);
    assert_question("{\"caption\":\"a key\",\"kind\":\"score\"}", "\0a key", 6);
    assert_question("{\"caption\":\"a key\",\"caption_b\":\"a rat\",\"kind\":\"pair\"}",
                    "a key\0a rat", 11);
}

static void bytes_above_127_are_one_byte_again(void **state)
{
    (void)state;
    assert_question("{\"caption\":\"\\u00e9\\u0080\",\"caption_b\":\"\\u00ff\"}", "\xe9\x80\0\xff",
                    4);
}

static void a_half_is_no_pair(void **state)
{
    (void)state;
    static const char *const half[] = {"{\"caption\":\"a key\"}", "{\"caption_b\":\"a key\"}",
                                       "{\"caption\":1,\"caption_b\":\"a key\"}", "{}"};
    for (size_t i = 0; i < sizeof half / sizeof *half; i++) {
        char question[QUESTION_MAX];
        json_t *o = json_loads(half[i], 0, NULL);
        size_t len = json_question(o, question);
        assert_int_not_equal(question_kind_of(question, len), QUESTION_PAIR);
        json_decref(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_question_comes_back),
        cmocka_unit_test(bytes_above_127_are_one_byte_again),
        cmocka_unit_test(a_half_is_no_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
