/* SPDX-License-Identifier: MIT */
/* test_logprob.c - probabilities of the answers out of what servers say, and of what no server
 * should. */
#include "tests/onic_test.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/llm/llm_impl.h"

static const struct llm_words yes_no = {
    .word = {"Yes", "No"}, .label = {1, 0}, .n = 2, .list = "Yes or No"};
static const struct llm_words ranks = {
    .word = {"1", "2", "none"}, .label = {0, 1, 0.5}, .n = 3, .list = "1, 2 or none"};

static bool read_json(const struct llm_words *w, const char *text, struct llm_reading *out,
                      char why[LLM_WHY_MAX])
{
    json_t *choice = json_loads(text, 0, NULL);
    assert_non_null(choice);
    why[0] = '\0';
    bool read = llm_logprobs_read(w, choice, out, why);
    json_decref(choice);
    return read;
}

/* p(Yes) 0.5 + 0.125, p(No) 0.25, in every shape that servers have for it. */
static void every_shape_says_the_same(void **state)
{
    static const char *const shapes[] = {
        "{\"logprobs\": {\"content\": [{\"token\": \" Yes\", \"logprob\": -0.693147181, "
        "\"top_logprobs\": [{\"token\": \" Yes\", \"logprob\": -0.693147181}, {\"token\": \" no\", "
        "\"logprob\": -1.386294361}, {\"token\": \"yes\", \"logprob\": -2.079441542}]}]}}",
        "{\"text\": \" Yes\", \"logprobs\": {\"tokens\": [\" Yes\"], \"top_logprobs\": [{\" Yes\": "
        "-0.693147181, \"\\u0120No\": -1.386294361, \"Yes.\": -2.079441542}]}}",
        "{\"completion_probabilities\": [{\"token\": \" Yes\", \"logprob\": -0.693147181, "
        "\"top_logprobs\": [{\"token\": \" Yes\", \"logprob\": -0.693147181}, {\"token\": \" No\", "
        "\"logprob\": -1.386294361}, {\"token\": \" Ye\", \"logprob\": -2.079441542}]}]}",
        "{\"completion_probabilities\": [{\"token\": \" Yes\", \"prob\": 0.5, \"top_probs\": "
        "[{\"token\": \" Yes\", \"prob\": 0.5}, {\"token\": \"\\u2581No\", \"prob\": 0.25}, "
        "{\"token\": \"\\n\\\"yes\", \"prob\": 0.125}]}]}",
        "{\"completion_probabilities\": [{\"content\": \" Yes\", \"probs\": [{\"tok_str\": \" "
        "Yes\", \"prob\": 0.5}, {\"tok_str\": \"No\", \"prob\": 0.25}, {\"tok_str\": \"YES\", "
        "\"prob\": 0.125}]}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct llm_reading r;
        char why[LLM_WHY_MAX];
        print_message("shape %zu\n", i);
        if (!read_json(&yes_no, shapes[i], &r, why))
            fail_msg("%s", why);
        assert_true(r.answers);
        assert_close(r.lp[0], log(0.625), 1e-6, 0);
        assert_close(r.lp[1], log(0.25), 1e-6, 0);
        assert_string_equal(r.first, " Yes");
    }
}

#define TOP(list)                                                                                  \
    "{\"logprobs\": {\"content\": [{\"token\": \"x\", \"top_logprobs\": [" list "]}]}}"
#define TOKEN(token, logprob) "{\"token\": \"" token "\", \"logprob\": " logprob "}"

/* A word that is not told has at most what the least of the others has, and what they leave. */
static void a_word_that_is_not_told_has_at_most_the_rest(void **state)
{
    struct llm_reading r;
    char why[LLM_WHY_MAX];
    (void)state;
    assert_true(read_json(&yes_no, TOP(TOKEN("Yes", "-0.693147181") "," TOKEN("x", "-1.386294361")),
                          &r, why));
    assert_close(r.lp[1], log(0.25), 1e-6, 0);
    assert_true(read_json(&yes_no, TOP(TOKEN("Yes", "-0.1053605157")), &r, why));
    assert_close(r.lp[1], log(0.1), 1e-6, 0);
    assert_true(read_json(&yes_no, TOP(TOKEN("Yes", "0")), &r, why));
    assert_close(r.lp[1], -20, 0, 0);
    assert_true(read_json(&yes_no, TOP(TOKEN("No", "0.0") "," TOKEN("Yes", "-9999.0")), &r, why));
    assert_close(r.lp[0], -20, 0, 0);
    assert_true(read_json(&yes_no, TOP(TOKEN("No", "-0.01") "," TOKEN("Yes", "null")), &r, why));
    assert_true(r.answers && isfinite(r.lp[0]));
}

/* "no" begins "none" and nothing else; what begins two words, or is part of another, is none. */
static void a_token_counts_for_the_only_word_that_it_begins(void **state)
{
    static const struct llm_words alike = {
        .word = {"good", "gone"}, .label = {1, 0}, .n = 2, .list = "good or gone"};
    struct llm_reading r;
    char why[LLM_WHY_MAX];
    (void)state;
    assert_true(read_json(&ranks, TOP(TOKEN(" no", "-0.7") "," TOKEN("12", "-0.8")), &r, why));
    assert_close(r.lp[2], -0.7, 1e-9, 0);
    assert_true(r.lp[0] < -0.79 && r.lp[1] < -0.79);
    assert_true(read_json(&alike, TOP(TOKEN("go", "-0.1") "," TOKEN("god", "-3")), &r, why));
    assert_false(r.answers);
    assert_true(read_json(&yes_no, TOP(TOKEN("Nothing", "-0.1") "," TOKEN("", "-3")), &r, why));
    assert_false(r.answers);
    assert_non_null(strstr(why, "puts no probability on Yes or No"));
    assert_non_null(strstr(why, "\"Nothing\""));
}

static void what_is_no_probability_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"{}", "has no log-probabilities"},
        {"[]", "has no log-probabilities"},
        {"{\"logprobs\": null}", "has no log-probabilities"},
        {"{\"logprobs\": {\"content\": []}}", "has no log-probabilities"},
        {"{\"logprobs\": {\"content\": [[[[[{\"top_logprobs\": 1}]]]]]}}",
         "has no log-probabilities"},
        {"{\"logprobs\": {\"content\": [{\"token\": \"Yes\", \"logprob\": -0.1}]}}",
         "has no log-probabilities"},
        {"{\"logprobs\": {\"top_logprobs\": [[\"Yes\"]]}}", "has no log-probabilities"},
        {TOP(TOKEN("Yes", "3")), "above 0"},
        {TOP(TOKEN("Yes", "1e300")), "above 0"},
        {TOP(TOKEN("Yes", "\"-1\"")), "a token without a number"},
        {TOP(TOKEN("Yes", "[-1]")), "a token without a number"},
        {TOP("{\"logprob\": -1}"), "a token without a number"},
        {TOP("{\"token\": \"Yes\"}"), "a token without a number"},
        {TOP("{\"token\": {\"a\": 1}, \"logprob\": -1}"), "a token without a number"},
        {TOP("{\"token\": \"Yes\", \"prob\": 7}"), "not between 0 and 1"},
        {TOP("{\"token\": \"Yes\", \"prob\": -0.5}"), "not between 0 and 1"},
        {TOP(TOKEN("Yes", "-0.1") "," TOKEN("No", "-0.1")), "add up to more than 1"},
        {"{\"logprobs\": {\"top_logprobs\": [{\"Yes\": true}]}}", "a token without a number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct llm_reading r;
        char why[LLM_WHY_MAX];
        if (read_json(&yes_no, bad[i].text, &r, why) || !strstr(why, bad[i].why))
            fail_msg("%s: \"%s\"", bad[i].text, why);
        assert_false(r.answers);
    }
}

static void lists_without_end_and_long_tokens_are_bounded(void **state)
{
    struct llm_reading r;
    char why[LLM_WHY_MAX];
    json_t *list = json_array(), *choice;
    (void)state;
    for (int i = 0; i < 100000; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "token", "x", "logprob", -50.0));
    choice = json_pack("{s:{s:[{s:s, s:o}]}}", "logprobs", "content", "token", "x", "top_logprobs",
                       list);
    assert_false(llm_logprobs_read(&yes_no, choice, &r, why));
    assert_non_null(strstr(why, "more tokens than were asked for"));
    json_decref(choice);
    char *token = xmalloc(1 << 20);
    memset(token, 'Y', (1 << 20) - 1);
    token[(1 << 20) - 1] = '\0';
    choice = json_pack("{s:{s:[{s:s, s:[{s:s, s:f}]}]}}", "logprobs", "content", "token", token,
                       "top_logprobs", "token", token, "logprob", -0.1);
    assert_true(llm_logprobs_read(&yes_no, choice, &r, why));
    assert_false(r.answers);
    json_decref(choice);
    free(token);
}

/* A server's whole reply, as it comes over the wire. */
static void numbers_that_json_has_not_are_no_answer(void **state)
{
    static const char *const bodies[] = {
        "{\"choices\": [" TOP(TOKEN("Yes", "NaN")) "]}",
        "{\"choices\": [" TOP(TOKEN("Yes", "-Infinity")) "]}",
        "{\"choices\": [" TOP(TOKEN("Yes", "-1e999")) "]}",
    };
    const struct llm_style style = {.reads = LLM_READS_LOGPROBS, .api = LLM_CHAT};
    static struct llm_answer a;
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_false(llm_answer_read(&style, &yes_no, NULL, bodies[i], strlen(bodies[i]), 1, &a));
    char deep[8192];
    memset(deep, '[', sizeof deep);
    assert_false(llm_answer_read(&style, &yes_no, NULL, deep, sizeof deep, 1, &a));
}

/* Where the model would say something else nearly always, its odds for the words tell nothing: the
 * line is at 0.01 for all of them together. */
static void words_that_are_hardly_meant_are_no_answer(void **state)
{
    struct llm_reading r;
    char why[LLM_WHY_MAX];
    (void)state;
    assert_true(read_json(
        &yes_no, TOP(TOKEN("x", "-0.0111") "," TOKEN("Yes", "-5.2") "," TOKEN("No", "-5.2")), &r,
        why)); /* 0.0055 each */
    assert_true(r.answers);
    assert_true(read_json(
        &yes_no, TOP(TOKEN("x", "-0.0091") "," TOKEN("Yes", "-5.4") "," TOKEN("No", "-5.4")), &r,
        why)); /* 0.0045 each */
    assert_false(r.answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_says_the_same),
        cmocka_unit_test(a_word_that_is_not_told_has_at_most_the_rest),
        cmocka_unit_test(a_token_counts_for_the_only_word_that_it_begins),
        cmocka_unit_test(what_is_no_probability_is_refused),
        cmocka_unit_test(lists_without_end_and_long_tokens_are_bounded),
        cmocka_unit_test(numbers_that_json_has_not_are_no_answer),
        cmocka_unit_test(words_that_are_hardly_meant_are_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
