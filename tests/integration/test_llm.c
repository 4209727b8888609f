/* SPDX-License-Identifier: MIT */
/* The llm annotator against tests/support/scripted_llm: one behaviour of a server per test. */
#define _GNU_SOURCE
#include "tests/onic_test.h"
#include "tests/support/files.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "tests/support/llm_case.h"
#include "tests/support/scripted.h"

enum { MANY = LLM_CASE_MANY };

static struct {
    struct scripted http;
    char dir[256]; /* its certificate */
} server;

/* A certificate that no authority has signed, made anew each time. */
static void make_certificate(void)
{
    char command[1200];
    temp_dir_create(server.dir);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=scripted -addext subjectAltName=IP:127.0.0.1 -keyout %s/key -out %s/crt "
             "2>/dev/null",
             server.dir, server.dir);
    assert_int_equal(system(command), 0);
}

static int start(void **state)
{
    (void)state;
    make_certificate();
    return scripted_start(&server.http, "scripted_llm/scripted_llm.py", server.dir, 0) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    scripted_stop(&server.http);
    temp_dir_remove(server.dir);
    return 0;
}

static void prepare(struct annotator_run *r, const char *behaviour)
{
    llm_case_prepare(r, server.http.port, behaviour);
}

static void take_number(void *ctx, const char *name, double value)
{
    double *numbers = ctx;
    numbers[0] += strcmp(name, "llm_requests") == 0 ? value : 0;
    numbers[1] += strcmp(name, "llm_tokens_in") == 0 ? value : 0;
    numbers[2] += strcmp(name, "llm_servers_ready") == 0 ? value : 0;
}

static void it_counts_what_it_spends(void **state)
{
    struct annotator_run r;
    double numbers[3] = {0};
    (void)state;
    prepare(&r, "vllm");
    annotator_run_set(&r, "annotator.vote", "1");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    r.a->v->report(r.a, take_number, numbers);
    assert_close(numbers[0], MANY + 2, 0, 0); /* two of the probe */
    assert_close(numbers[1], 100 * (MANY + 2), 0, 0);
    assert_close(numbers[2], 1, 0, 0);
    annotator_run_dispose(&r);
}

static void labels_come(const char *behaviour, const char *key, const char *value)
{
    llm_case_labels_come(server.http.port, behaviour, key, value);
}

#define COMES(name, key, value)                                                                    \
    static void name##_labels_come(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        labels_come(#name, key, value);                                                            \
    }
#define STOPS(name, part)                                                                          \
    static void name##_stops(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        llm_case_stops(server.http.port, #name, part);                                             \
    }
/* What a server says while it gives no labels is no answer: later every caption gets its label. */
static void bad_times_of_a_server_settle_nothing(void **state)
{
    static const struct {
        const char *behaviour, *key, *value, *api;
    } cases[] = {
        {"repents", "llm.batch", "1", "auto"},
        {"repents~v", "annotator.vote", "3", "auto"},
        {"repents~b", "llm.batch", "4", "completions"},
        {"turns", "llm.batch", "1", "auto"},
        {"turns~v", "annotator.vote", "3", "auto"},
        {"mostly", "llm.batch", "1", "auto"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct annotator_run r;
        prepare(&r, cases[k].behaviour);
        annotator_run_set(&r, "llm.breaker_s", "0.02");
        annotator_run_set(&r, "llm.api", cases[k].api);
        annotator_run_set(&r, cases[k].key, cases[k].value);
        if (strcmp(cases[k].behaviour, "mostly") ==
            0) { /* which answers a caption meets is fixed */
            annotator_run_set(&r, "llm.window", "1");
            annotator_run_set(&r, "llm.window_max", "1");
        }
        r.want = 5 * MANY;
        annotator_run_open(&r, "llm");
        annotator_run_ask_all(&r);
        if (r.abstained)
            fail_msg("%s: %d abstained", cases[k].behaviour, r.abstained);
        annotator_run_dispose(&r);
    }
}

#define ALL                                                                                        \
    COMES(vllm, NULL, NULL)                                                                        \
    COMES(vllm_old, NULL, NULL)                                                                    \
    COMES(openai, NULL, NULL)                                                                      \
    COMES(max_completion, NULL, NULL)                                                              \
    COMES(llamacpp, NULL, NULL)                                                                    \
    COMES(llamacpp_completions, NULL, NULL)                                                        \
    COMES(logit_bias, NULL, NULL)                                                                  \
    COMES(ignored, NULL, NULL)                                                                     \
    COMES(no_chat, NULL, NULL)                                                                     \
    COMES(limit, NULL, NULL)                                                                       \
    COMES(e500, NULL, NULL)                                                                        \
    COMES(e502, NULL, NULL)                                                                        \
    COMES(e503, NULL, NULL)                                                                        \
    COMES(hang, "llm.deadline_s", "0.3")                                                           \
    COMES(hang_first, "llm.first_byte_s", "0.3")                                                   \
    COMES(slow_headers, "llm.deadline_s", "0.3")                                                   \
    COMES(reset, NULL, NULL)                                                                       \
    COMES(half_json, NULL, NULL)                                                                   \
    COMES(empty_choices, NULL, NULL)                                                               \
    COMES(nan, NULL, NULL)                                                                         \
    COMES(wrong_type, NULL, NULL)                                                                  \
    COMES(huge, NULL, NULL)                                                                        \
    COMES(quoted, NULL, NULL)                                                                      \
    COMES(reasons, "llm.structured", "plain")                                                      \
    COMES(fenced, NULL, NULL)                                                                      \
    COMES(reask, NULL, NULL)                                                                       \
    COMES(chunked, NULL, NULL)                                                                     \
    COMES(close, NULL, NULL)                                                                       \
    STOPS(length, "no labels (cut off at max_tokens: raise llm.max_tokens")                        \
    STOPS(filter, "no labels (the server's content filter")                                        \
    STOPS(prose, "no labels (not one of the words")                                                \
    STOPS(both, "no labels (not one of the words")                                                 \
    STOPS(unicode, "no labels (not one of the words")                                              \
    STOPS(half_label, "no labels (half JSON")                                                      \
    STOPS(double_key, "no labels (half JSON")                                                      \
    STOPS(null, "no labels (an answer without text")                                               \
    STOPS(refusing, "it refuses the question: 400 no such questions")                              \
    STOPS(no_model, "it says 404: check llm.url and llm.model: The model")                         \
    STOPS(unauthorised, "it says 401: check llm.api_key_file, there is no key")                    \
    STOPS(redirect, "it redirects to another address, which is not followed")                      \
    STOPS(other_model, "it serves the model someone-else, not llm.model=m")                        \
    STOPS(model_changes, "it serves the model someone-else, not llm.model=m")                      \
    STOPS(quota, "it says 429: quota")                                                             \
    STOPS(busy, "it says 429, too much to do")

ALL
#undef COMES
#undef STOPS

    static void
    batch(const char *behaviour)
{
    struct annotator_run r;
    prepare(&r, behaviour);
    annotator_run_set(&r, "llm.api", "completions");
    annotator_run_set(&r, "llm.batch", "4");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    annotator_run_dispose(&r);
}

static void answers_of_a_batch_out_of_order_are_sorted(void **state)
{
    (void)state;
    batch("out_of_order");
}

static void refused_lists_are_asked_one_by_one(void **state)
{
    (void)state;
    batch("lists_refused");
    batch("lists_cut");
}

/* Asked first or last: it keeps no others waiting. */
static void a_caption_that_the_server_always_fails_at_is_given_up_alone(void **state)
{
    static const char *const behaviour[] = {"poison", "too_long", "poison_prose", "poison_filter"};
    (void)state;
    for (int k = 0; k < 8; k++) {
        struct annotator_run r;
        int poison = k < 4 ? MANY - 1 : 0;
        prepare(&r, behaviour[k % 4]);
        annotator_run_set(&r, "llm.window", "1");
        annotator_run_set(&r, "llm.window_max", "1");
        annotator_run_open(&r, "llm");
        for (int i = 0; i < MANY; i++)
            if (i == poison)
                r.a->v->submit(r.a, (uint64_t)i, "the poison", 10, 0);
            else
                annotator_run_submit(&r, i);
        if (!wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS))
            fail_msg("%s as number %d: %d labels", behaviour[k % 4], poison, r.labels);
        assert_int_equal(r.abstained, 1);
        assert_int_equal(r.labels, MANY - 1);
        assert_int_equal(r.right, r.labels);
        annotator_run_dispose(&r);
    }
}

/* Its own pause after a failure would be 10 ms. */
static void retry_after_is_waited_for(void **state)
{
    static const char *const behaviour[] = {"limit_seconds", "limit_date"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        int64_t start = clock_ms();
        labels_come(behaviour[k], NULL, NULL);
        assert_true(clock_ms() - start >= 1000);
    }
}

static void a_used_up_budget_pauses_and_survives_a_restart(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "used up"};
    (void)state;
    prepare(&r, "budget");
    annotator_run_set(&r, "llm.max_requests", "7"); /* two of the probe, five labels */
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    r.want = 5;
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.labels, 5);
    annotator_run_close(&r);
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.answered, 5);
    annotator_run_dispose(&r);
}

static int tokens_paid(const struct annotator_run *r)
{
    char path[400];
    json_int_t in = -1, out = -1;
    snprintf(path, sizeof path, "%s.spent", r->store);
    json_t *spent = json_load_file(path, 0, NULL);
    assert_int_equal(json_unpack(spent, "{s:I, s:I}", "tokens_in", &in, "tokens_out", &out), 0);
    json_decref(spent);
    return (int)(in + out);
}

/* An answer costs 100 tokens and 2; one that fits at its most expensive only is asked. */
static void is_never_exceeded(const char *option, const char *limit, int answers)
{
    enum { ASKED = 200, ANSWER = 102 };
    struct annotator_run r;
    struct annotator_hope h = {.r = &r};
    char part[60];
    snprintf(part, sizeof part, "of %s=%s; asking pauses", option, limit);
    h.part = part;
    prepare(&r, "spends");
    annotator_run_set(&r, "llm.window", "1");
    annotator_run_set(&r, "llm.window_max", "1");
    annotator_run_set(&r, "llm.price_in", "10000");
    annotator_run_set(&r, "llm.price_out", "10000");
    annotator_run_set(&r, option, limit);
    annotator_run_open(&r, "llm");
    for (int i = 0; i < ASKED; i++)
        annotator_run_submit(&r, i);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("%d of %d labels; status: %s", r.labels, answers, h.text);
    assert_in_range(r.labels, answers / 2, answers);
    int before = r.answered;
    annotator_run_close(&r);
    assert_in_range(tokens_paid(&r), ANSWER * r.labels, ANSWER * answers);
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.answered, before);
    annotator_run_dispose(&r);
}

static void money_that_is_used_up_is_never_exceeded(void **state)
{
    (void)state;
    is_never_exceeded("llm.max_cost", "81.6", 80); /* at 1 per 100 tokens */
}

static void tokens_that_are_used_up_are_never_exceeded(void **state)
{
    (void)state;
    is_never_exceeded("llm.max_tokens_total", "8160", 80);
}

static void tls_needs_a_certificate_that_is_trusted(void **state)
{
    char url[200], authority[300];
    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%d/tls/v1", server.http.port);
    snprintf(authority, sizeof authority, "%s/crt", server.dir);
    for (int trusted = 0; trusted < 2; trusted++) {
        struct annotator_run r;
        struct annotator_hope h = {.r = &r, .part = "certificate"};
        prepare(&r, "tls");
        annotator_run_set(&r, "llm.url", url);
        annotator_run_set(&r, "llm.ca_file", trusted ? authority : "");
        annotator_run_open(&r, "llm");
        if (trusted) {
            annotator_run_ask_all(&r);
            assert_int_equal(r.labels, MANY);
        } else {
            annotator_run_submit(&r, 0);
            if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
                fail_msg("status \"%s\" does not speak of the certificate", h.text);
            assert_int_equal(r.answered, 0);
        }
        annotator_run_dispose(&r);
    }
}

static void conversations_are_kept_without_the_key_and_stay_small(void **state)
{
    enum { FULL = 8 << 20 };
    struct annotator_run r;
    char key[300], path[400], old[410], line[65536];
    struct stat st;
    int lines = 0;
    (void)state;
    prepare(&r, "samples");
    snprintf(key, sizeof key, "%s/key", r.dir);
    snprintf(path, sizeof path, "%s/log", r.dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/log/conversations.jsonl", r.dir);
    snprintf(old, sizeof old, "%s.1", path);
    files_write_private(key, "sk-secret-of-the-test");
    files_write_private(path, "");
    assert_int_equal(truncate(path, FULL), 0);
    annotator_run_set(&r, "llm.api_key_file", key);
    annotator_run_set(&r, "llm.samples_per_hour", "3600000");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_true(stat(old, &st) == 0 && st.st_size == FULL);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); lines++) {
        json_t *one = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_string_equal(json_string_value(json_object_get(one, "verdict")), "label");
        assert_null(strstr(line, "sk-secret"));
        json_decref(one);
    }
    fclose(f);
    assert_in_range(lines, 1, MANY);
    annotator_run_dispose(&r);
}

static void a_second_address_takes_over(void **state)
{
    struct annotator_run r;
    char url[300];
    (void)state;
    prepare(&r, "vllm");
    snprintf(url, sizeof url, "http://127.0.0.1:1/v1,http://127.0.0.1:%d/spare/v1",
             server.http.port);
    annotator_run_set(&r, "llm.url", url);
    annotator_run_set(&r, "llm.order", "first");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    annotator_run_dispose(&r);
}

/* Each vote is another sample: one of three is wrong here, whatever the caption. */
static void votes_ask_for_samples_with_seeds_of_their_own(void **state)
{
    (void)state;
    for (int batch = 1; batch <= 4; batch += 3) {
        struct annotator_run r;
        prepare(&r, "fickle");
        annotator_run_set(&r, "annotator.vote", "3");
        if (batch > 1)
            annotator_run_set(&r, "llm.api", "completions");
        annotator_run_set(&r, "llm.batch", batch > 1 ? "4" : "1");
        annotator_run_open(&r, "llm");
        annotator_run_ask_all(&r);
        assert_int_equal(r.labels, MANY);
        assert_non_null(strstr(r.raw, "2 of 3 votes"));
        annotator_run_dispose(&r);
    }
}

/* Ticket k asks about a pair; first, second or neither is the good one. */
static void note_pair(void *ctx, uint64_t ticket, const struct label *label)
{
    static const double want[3] = {0, 1, 0.5};
    struct annotator_run *r = ctx;
    r->answered++;
    assert_int_equal(label->state, LABEL_ANSWERED);
    r->right += label->value == want[ticket % 3];
}

static bool pairs_answered(void *ctx)
{
    struct annotator_run *r = ctx;
    uv_run(&r->loop, UV_RUN_NOWAIT);
    r->a->v->poll(r->a, note_pair, r);
    return r->answered >= MANY;
}

static void pairs_are_ranked_in_every_dialect(void **state)
{
    static const char *const behaviour[] = {"vllm",     "vllm_old", "openai",
                                            "llamacpp", "ignored",  "logit_bias"};
    (void)state;
    for (size_t k = 0; k < 2 * sizeof behaviour / sizeof *behaviour; k++) {
        struct annotator_run r;
        prepare(&r, behaviour[k / 2]);
        annotator_run_set(&r, "annotator.prompt", k % 2 ? "reworded" : "default");
        annotator_run_open(&r, "llm");
        for (int i = 0; i < MANY; i++) {
            char a[60], b[60], question[QUESTION_MAX];
            int la = snprintf(a, sizeof a, "A %s thing number %d.", i % 3 == 0 ? "good" : "bad", i);
            int lb = snprintf(b, sizeof b, "A %s hint number %d.", i % 3 == 1 ? "good" : "bad", i);
            size_t len = question_pair(question, a, (size_t)la, b, (size_t)lb);
            r.a->v->submit(r.a, (uint64_t)i, question, len, 0);
        }
        assert_true(wait_until(pairs_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
        assert_int_equal(r.right, MANY);
        annotator_run_dispose(&r);
    }
}

/* Another wording is another question: its labels are never taken for the old ones. */
static void the_prompt_is_part_of_the_identity(void **state)
{
    char before[128] = "";
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct annotator_run r;
        const char *model, *parameters;
        prepare(&r, "vllm");
        annotator_run_set(&r, "annotator.prompt", k ? "reworded" : "default");
        annotator_run_open(&r, "llm");
        r.a->v->identity(r.a, &model, &parameters);
        assert_string_not_equal(parameters, before);
        snprintf(before, sizeof before, "%s", parameters);
        annotator_run_dispose(&r);
    }
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

static void a_prompt_that_cannot_be_used_gets_a_sentence(void **state)
{
    struct annotator_run r;
    char path[400];
    (void)state;
    prepare(&r, "vllm");
    struct annotator_setup setup = {.config = &r.config,
                                    .goal = r.goal,
                                    .loop = &r.loop,
                                    .store_path = r.store,
                                    .wake = no_wake};
    annotator_run_set(&r, "annotator.prompt", "rhymed");
    assert_err(order_opened(&r.a, "llm", &setup, &err), ONIC_ECONFIG, "classification.rhymed.yaml");
    snprintf(path, sizeof path, "%s/minigrid", r.dir);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/minigrid/classification.default.yaml", r.dir);
    FILE *f = fopen(path, "w");
    fputs("system: be fair\nuser: is this good news?\n", f);
    fclose(f);
    annotator_run_set(&r, "annotator.prompt", "default");
    annotator_run_set(&r, "annotator.prompts_dir", r.dir);
    assert_err(order_opened(&r.a, "llm", &setup, &err), ONIC_ECONFIG,
               "classification.default.yaml:");
    r.a = NULL;
    annotator_run_dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define COMES(name, key, value) cmocka_unit_test(name##_labels_come),
#define STOPS(name, part) cmocka_unit_test(name##_stops),
        ALL
#undef COMES
#undef STOPS
            cmocka_unit_test(answers_of_a_batch_out_of_order_are_sorted),
        cmocka_unit_test(bad_times_of_a_server_settle_nothing),
        cmocka_unit_test(refused_lists_are_asked_one_by_one),
        cmocka_unit_test(a_used_up_budget_pauses_and_survives_a_restart),
        cmocka_unit_test(it_counts_what_it_spends),
        cmocka_unit_test(pairs_are_ranked_in_every_dialect),
        cmocka_unit_test(the_prompt_is_part_of_the_identity),
        cmocka_unit_test(a_prompt_that_cannot_be_used_gets_a_sentence),
        cmocka_unit_test(a_second_address_takes_over),
        cmocka_unit_test(money_that_is_used_up_is_never_exceeded),
        cmocka_unit_test(tokens_that_are_used_up_are_never_exceeded),
        cmocka_unit_test(retry_after_is_waited_for),
        cmocka_unit_test(tls_needs_a_certificate_that_is_trusted),
        cmocka_unit_test(conversations_are_kept_without_the_key_and_stay_small),
        cmocka_unit_test(votes_ask_for_samples_with_seeds_of_their_own),
        cmocka_unit_test(a_caption_that_the_server_always_fails_at_is_given_up_alone),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
