/* SPDX-License-Identifier: MIT */
/* test_llm_replies.c - the llm annotator and servers that want another request, answer in another
 * shape, or refuse with a reason; behaviours of tests/support/scripted_llm. */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/log.h"
#include "tests/support/llm_case.h"
#include "tests/support/scripted.h"

enum { MANY = LLM_CASE_MANY };

static struct scripted server;
static char dir[256];

static void all_labels_come(const char *const *behaviour)
{
    for (; *behaviour; behaviour++) {
        print_message("%s\n", *behaviour);
        llm_case_labels_come(server.port, *behaviour, NULL, NULL);
    }
}

/* Pairs of a behaviour and a part of the status; ends with NULL. */
static void all_stop(const char *const (*want)[2])
{
    for (; (*want)[0]; want++) {
        print_message("%s\n", (*want)[0]);
        llm_case_stops(server.port, (*want)[0], (*want)[1]);
    }
}

static void refused_fields_are_left_out(void **state)
{
    static const char *const behaviour[] = {"no_both",      "both_500",  "fine_refusal",  "members",
                                            "only_one",     "no_top_p",  "strict_fields", "router",
                                            "unknown_name", "no_length", "hardened",      "camel",
                                            "paths",        NULL};
    (void)state;
    all_labels_come(behaviour);
}

/* Templates that know users and assistants only get its text before the question. */
static void a_system_role_that_is_refused_is_left_out(void **state)
{
    static const char *const behaviour[] = {"no_system", "no_developer", "alternate", "only_users",
                                            NULL};
    (void)state;
    all_labels_come(behaviour);
}

static void a_value_that_is_too_large_leaves_the_field(void **state)
{
    (void)state;
    llm_case_stops(server.port, "needs_fewer", "'max_tokens' is too large");
}

static void a_date_or_a_version_is_the_same_model(void **state)
{
    static const char *const same[] = {"dated", "file", "versioned", NULL};
    static const char *const other[][2] = {{"mini", "it serves the model m-mini"},
                                           {"bigger", "it serves the model m-70b"},
                                           {NULL, NULL}};
    (void)state;
    all_labels_come(same);
    all_stop(other);
}

static void answers_are_read_in_every_shape(void **state)
{
    static const char *const behaviour[] = {"parts",   "think",    "think_lost", "think_late",
                                            "harmony", "end_mark", "created",    "accepted",
                                            "zipped",  NULL};
    (void)state;
    all_labels_come(behaviour);
}

static void what_is_no_answer_says_why(void **state)
{
    static const char *const want[][2] = {
        {"think_open", "it was still thinking"},
        {"thinks_only", "no labels (an empty answer"},
        {"thinks_too_long", "still thinking at max_tokens: raise llm.max_tokens"},
        {"later", "the answer has no choices"},
        {"events", "a stream of events, not JSON"},
        {"event_error", "the answer is not JSON, it says: speak to Ann"},
        {"broke_off", "no labels (speak to Ann)"},
        {"broke_off_unsaid", "no labels (the server broke off"},
        {"refuses_it", "no labels (the model refused"},
        {"other_json", "no labels (JSON without a label"},
        {"always_huge", "the answer is larger than any answer should be"},
        {"always_mute", "Operation timed out after 1000 ms with 0 bytes received"},
        {"page", "a web page, not JSON: is llm.url right?"},
        {"page_404", "a web page, not JSON: is llm.url right?"},
        {"page_502", "it says 502: the server answered a web page"},
        {NULL, NULL}};
    (void)state;
    all_stop(want);
}

static void the_reason_of_a_refusal_is_shown(void **state)
{
    static const char *const want[][2] = {{"why_fine", "speak to Ann"},
                                          {"why_errors", "it refuses every request: speak to Ann"},
                                          {"why_text", "the answer is not JSON, it says: speak to"},
                                          {"why_locked", "400 speak to Ann"},
                                          {"why_then_key", "422 speak to Ann"},
                                          {"why_error", "400 speak to Ann"},
                                          {"why_message", "400 speak to Ann"},
                                          {"why_detail", "422 speak to Ann"},
                                          {"why_plain", "400 speak to Ann"},
                                          {"why_list", "422 messages: speak to Ann"},
                                          {"why_router", "Provider returned error: speak to Ann"},
                                          {"forbidden", "it says 403: your country is not served"},
                                          {"forbidden_bare", "there is no key"},
                                          {NULL, NULL}};
    (void)state;
    all_stop(want);
}

/* What follows "?" is the query of each request, whatever path the address gives. */
static void a_query_of_the_address_stays_the_query(void **state)
{
    static const char *const form[] = {"/deployments/d?api-version=2024-06-01",
                                       "/deployments/d/?api-version=2024-06-01",
                                       "/deployments/d/chat/completions?api-version=2024-06-01"};
    (void)state;
    for (int k = 0; k < 3; k++) {
        struct annotator_run r;
        char url[300], base[100], key[300];
        llm_case_prepare(&r, server.port, "azure");
        snprintf(key, sizeof key, "%s/key", r.dir);
        files_write_private(key, "sesame");
        annotator_run_set(&r, "llm.api_key_file", key);
        snprintf(base, sizeof base, "http://127.0.0.1:%d/azure", server.port);
        snprintf(url, sizeof url, "%s%s", base, form[k]);
        annotator_run_set(&r, "llm.url", url);
        annotator_run_open(&r, "llm");
        annotator_run_ask_all(&r);
        assert_int_equal(r.labels, MANY);
        annotator_run_dispose(&r);
    }
}

static void a_key_that_a_server_repeats_is_not_shown(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "no such key: Bearer ***"};
    char key[300];
    (void)state;
    llm_case_prepare(&r, server.port, "echo");
    snprintf(key, sizeof key, "%s/key", r.dir);
    files_write_private(key, "sk-secret");
    annotator_run_set(&r, "llm.api_key_file", key);
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\"", h.text);
    annotator_run_dispose(&r);
}

static void take_requests(void *ctx, const char *name, double value)
{
    if (strcmp(name, "llm_requests") == 0)
        *(int *)ctx = (int)value;
}

static int requests_of(const struct annotator_run *r)
{
    int n = -1;
    r->a->v->report(r->a, take_requests, &n);
    return n;
}

/* By hand: not even the first request has them. What is left to the server is no part of the
 * identity's numbers. */
static void fields_that_are_left_out_by_hand_are_never_sent(void **state)
{
    struct annotator_run r;
    const char *model, *parameters;
    (void)state;
    llm_case_prepare(&r, server.port, "strict_fields~hand");
    annotator_run_set(&r, "llm.omit", "seed, stream,temperature");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    assert_int_equal(requests_of(&r), 2 + MANY);
    r.a->v->identity(r.a, &model, &parameters);
    assert_non_null(strstr(parameters, " t=- top_p=1 max=0 "));
    annotator_run_dispose(&r);
}

static void a_system_role_left_out_by_hand_is_in_the_identity(void **state)
{
    struct annotator_run r;
    const char *model, *parameters;
    (void)state;
    llm_case_prepare(&r, server.port, "no_system~hand");
    annotator_run_set(&r, "llm.omit", "system");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    assert_int_equal(requests_of(&r), 2 + MANY);
    r.a->v->identity(r.a, &model, &parameters);
    assert_non_null(strstr(parameters, " system=-"));
    annotator_run_dispose(&r);
}

struct told {
    const char *part;
    int n;
};

static void count_line(void *ctx, const char *line, size_t len)
{
    struct told *t = ctx;
    t->n += memmem(line, len, " warn ", 6) && memmem(line, len, t->part, strlen(t->part));
}

/* Found by asking: once per field and server, also after it was gone. */
static void a_refused_field_is_remembered(void **state)
{
    struct annotator_run r;
    (void)state;
    struct told told = {
        .part = "the server refuses a field of the request: it is left out from now on"};
    llm_case_prepare(&r, server.port, "no_top_p~once");
    log_set_writer(count_line, &told);
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    log_set_writer(NULL, NULL);
    assert_int_equal(told.n, 2);
    assert_int_equal(r.labels, MANY);
    assert_int_equal(requests_of(&r), 2 + 2 + MANY); /* top_p, then temperature */
    annotator_run_dispose(&r);
}

static bool seven_rounds(void *ctx)
{
    struct annotator_run *r = ctx;
    annotator_run_answered(r);
    return requests_of(r) > 8 + 7 * 4; /* two to probe, two on trial */
}

/* Left alone, probed and found as bad as before: people hear of it once. */
static void a_server_that_gives_no_labels_is_told_of_once(void **state)
{
    struct annotator_run r;
    struct told told = {.part = "answers are no labels"};
    (void)state;
    llm_case_prepare(&r, server.port, "prose~told");
    annotator_run_set(&r, "llm.breaker_s", "0.01");
    log_set_writer(count_line, &told);
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(seven_rounds, &r, ANNOTATOR_RUN_PATIENCE_MS));
    log_set_writer(NULL, NULL);
    assert_int_equal(told.n, 1);
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}

/* Without max_tokens nobody knows what an answer may cost. */
static void a_budget_keeps_the_length_of_answers(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "unsupported parameter: max_completion_tokens"};
    (void)state;
    llm_case_prepare(&r, server.port, "no_length~budget");
    annotator_run_set(&r, "llm.max_tokens_total", "1000000");
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\"", h.text);
    annotator_run_dispose(&r);
}

static void a_budget_that_bought_no_labels_says_why(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r,
                               .part = "30 of llm.max_requests=30; asking pauses (8 answers in a "
                                       "row are no labels"};
    (void)state;
    llm_case_prepare(&r, server.port, "prose~spent");
    annotator_run_set(&r, "llm.max_requests", "30");
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\"", h.text);
    annotator_run_dispose(&r);
}

static void bad_lists_of_fields_get_a_sentence(void **state)
{
    struct annotator_run r;
    (void)state;
    llm_case_prepare(&r, server.port, "vllm");
    const struct annotator_vtable *v = annotator_find("llm");
    annotator_run_set(&r, "llm.omit", "seed,top_k");
    assert_err(v->available(&r.config, &err), ONIC_ECONFIG, "llm.omit names \"top_k\"");
    annotator_run_set(&r, "llm.omit", "max_tokens");
    assert_ok(v->available(&r.config, &err));
    annotator_run_set(&r, "llm.max_tokens_total", "1000");
    assert_err(v->available(&r.config, &err), ONIC_ECONFIG, "llm.max_tokens_total cannot be kept");
    annotator_run_dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_fields_are_left_out),
        cmocka_unit_test(a_system_role_that_is_refused_is_left_out),
        cmocka_unit_test(a_value_that_is_too_large_leaves_the_field),
        cmocka_unit_test(a_date_or_a_version_is_the_same_model),
        cmocka_unit_test(answers_are_read_in_every_shape),
        cmocka_unit_test(what_is_no_answer_says_why),
        cmocka_unit_test(the_reason_of_a_refusal_is_shown),
        cmocka_unit_test(a_query_of_the_address_stays_the_query),
        cmocka_unit_test(a_key_that_a_server_repeats_is_not_shown),
        cmocka_unit_test(fields_that_are_left_out_by_hand_are_never_sent),
        cmocka_unit_test(a_system_role_left_out_by_hand_is_in_the_identity),
        cmocka_unit_test(a_refused_field_is_remembered),
        cmocka_unit_test(a_server_that_gives_no_labels_is_told_of_once),
        cmocka_unit_test(a_budget_keeps_the_length_of_answers),
        cmocka_unit_test(a_budget_that_bought_no_labels_says_why),
        cmocka_unit_test(bad_lists_of_fields_get_a_sentence),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
