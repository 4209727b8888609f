/* SPDX-License-Identifier: MIT */
/* test_llm_logprob.c - the llm annotator and servers that tell log-probabilities: in every dialect,
 * of a model that prefers one answer whatever it is asked, over lives, and where they are of no
 * use; behaviours lp_* of tests/support/scripted_llm. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <math.h>
#include <stdlib.h>

#include "reward_server/store/label_store.h"
#include "tests/support/llm_case.h"
#include "tests/support/said.h"
#include "tests/support/scripted.h"

enum { MANY = LLM_CASE_MANY };

static struct scripted server;
static char dir[256];

static void prepare(struct annotator_run *r, const char *behaviour, const char *answer)
{
    llm_case_prepare(r, server.port, behaviour);
    annotator_run_set(r, "llm.answer", answer);
}

static void must_label(struct annotator_run *r)
{
    annotator_run_open(r, "llm");
    annotator_run_ask_all(r);
    assert_int_equal(r->labels, MANY);
    assert_int_equal(r->right, MANY);
}

static void labels_come(const char *behaviour, const char *answer, const char *raw)
{
    struct annotator_run r;
    print_message("%s\n", behaviour);
    prepare(&r, behaviour, answer);
    must_label(&r);
    if (!strstr(r.odd_raw, raw))
        fail_msg("%s: \"%s\" lacks \"%s\"", behaviour, r.odd_raw, raw);
    annotator_run_dispose(&r);
}

/* The model says the first word to everything; less what it says to nothing it is right. */
static void every_dialect_is_found_and_calibrated(void **state)
{
    static const char *const dialect[] = {"lp_chat", "lp_completions", "lp_legacy", "lp_own",
                                          "lp_old"};
    (void)state;
    for (size_t i = 0; i < sizeof dialect / sizeof *dialect; i++) {
        labels_come(dialect[i], "auto", "margin -1.000");
        labels_come(dialect[i], "logprob", "taken off +3.000");
    }
}

static void without_calibration_the_bias_stays(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "lp_chat~none", "logprob");
    annotator_run_set(&r, "llm.calibration", "none");
    r.want = 6 * MANY;
    said_begin(LOG_WARN);
    annotator_run_open(&r, "llm");
    for (int i = 0; i < r.want; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    said_end();
    assert_int_equal(r.labels, 6 * MANY);
    assert_int_equal(r.right, 3 * MANY);
    assert_non_null(strstr(r.raw, "taken off +0.000"));
    assert_said("every answer of the language model is on one side: another wording "
                "(annotator.prompt), a larger model, or llm.calibration labels=64 all=");
    annotator_run_dispose(&r);
}

/* --- confidence and pairs -------------------------------------------------------------------- */

struct taken {
    int n;
    double value[8], confidence[8];
    char raw[8][LABEL_RAW_MAX];
};

static void take(void *ctx, uint64_t ticket, const struct label *l)
{
    struct taken *t = ctx;
    assert_int_equal(l->state, LABEL_ANSWERED);
    t->value[ticket] = l->value;
    t->confidence[ticket] = l->confidence;
    snprintf(t->raw[ticket], LABEL_RAW_MAX, "%s", l->raw);
    t->n++;
}

struct asked {
    struct annotator_run *r;
    struct taken t;
    int want;
};

static bool all_taken(void *ctx)
{
    struct asked *a = ctx;
    uv_run(&a->r->loop, UV_RUN_NOWAIT);
    a->r->a->v->poll(a->r->a, take, &a->t);
    return a->t.n == a->want;
}

static void ask_pair(struct annotator_run *r, uint64_t ticket, const char *a, const char *b)
{
    char q[QUESTION_MAX];
    size_t len = question_pair(q, a, strlen(a), b, strlen(b));
    r->a->v->submit(r->a, ticket, q, len, 0);
}

/* The model prefers the first place with odds of 20 to 1. */
static void pairs_are_asked_in_both_orders(void **state)
{
    struct annotator_run r;
    struct asked a = {.r = &r, .want = 3};
    (void)state;
    prepare(&r, "lp_chat~pairs", "logprob");
    annotator_run_open(&r, "llm");
    ask_pair(&r, 0, "a good thing", "a bad thing");
    ask_pair(&r, 1, "a bad thing", "a good thing");
    ask_pair(&r, 2, "a bad thing", "another bad thing");
    assert_true(wait_until(all_taken, &a, ANNOTATOR_RUN_PATIENCE_MS));
    assert_close(a.t.value[0], 0, 0, 0);
    assert_close(a.t.value[1], 1, 0, 0);
    assert_close(a.t.confidence[0], tanh(0.5), 1e-6, 0);
    assert_close(a.t.confidence[1], tanh(0.5), 1e-6, 0);
    assert_close(a.t.confidence[2], 0, 1e-6, 0); /* a coin would do */
    assert_non_null(strstr(a.t.raw[1], "margin -1.000"));
    annotator_run_dispose(&r);
}

static void confidence_is_of_the_margin(void **state)
{
    struct annotator_run r;
    struct asked a = {.r = &r, .want = 2};
    (void)state;
    prepare(&r, "lp_legacy~confidence", "logprob");
    annotator_run_open(&r, "llm");
    r.a->v->submit(r.a, 0, "a good thing", 12, 0);
    r.a->v->submit(r.a, 1, "a bad thing", 11, 0);
    assert_true(wait_until(all_taken, &a, ANNOTATOR_RUN_PATIENCE_MS));
    assert_close(a.t.value[0], 1, 0, 0);
    assert_close(a.t.value[1], 0, 0, 0);
    assert_close(a.t.confidence[0], tanh(0.5), 1e-6, 0);
    assert_close(a.t.confidence[1], tanh(0.5), 1e-6, 0);
    annotator_run_dispose(&r);
}

/* --- of no use ------------------------------------------------------------------------------- */

static void stops(const char *behaviour, const char *part)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = part};
    print_message("%s\n", behaviour);
    prepare(&r, behaviour, "logprob");
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\" does not say \"%s\"", h.text, part);
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}

static void a_server_without_them_is_said_in_one_sentence(void **state)
{
    static const char *const none[] = {"vllm~lp", "no_chat~lp", "lp_no_mass", "lp_nan",
                                       "lp_huge", "lp_text",    "lp_positive"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        stops(none[i], "no log-probabilities there, which llm.answer=logprob reads: set "
                       "llm.answer=text");
}

static void auto_reads_texts_there(void **state)
{
    static const char *const none[] = {"vllm~auto",   "no_chat~auto",    "openai~auto",
                                       "lp_nan~auto", "lp_no_mass~auto", "lp_one_sided~auto"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct annotator_run r;
        print_message("%s\n", none[i]);
        prepare(&r, none[i], "auto");
        must_label(&r);
        if (strstr(r.raw, "margin"))
            fail_msg("%s is labelled by \"%s\"", none[i], r.raw);
        annotator_run_dispose(&r);
    }
}

/* An unusable answer: it stands because the server labels others, and nothing is asked twice. */
static void a_caption_without_mass_is_abstained_from(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "lp_poison", "logprob");
    annotator_run_open(&r, "llm");
    r.a->v->submit(r.a, 1, "the poison", 10, 0);
    for (int i = 0; i < MANY; i++)
        if (i != 1)
            annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_int_equal(r.labels, MANY - 1);
    assert_int_equal(r.right, MANY - 1);
    assert_int_equal(r.abstained, 1);
    annotator_run_dispose(&r);
}

/* Where nothing has mass, it is the server: no question is settled. */
static void a_server_without_mass_settles_nothing(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "puts no probability on TOV or BEX"};
    (void)state;
    prepare(&r, "lp_poison~all", "logprob");
    annotator_run_set(&r, "llm.breaker_s", "30");
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        r.a->v->submit(r.a, (uint64_t)i, "the poison", 10, 0);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("%s", h.text);
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}

/* --- over lives ------------------------------------------------------------------------------ */

static struct label_store *store;

static bool get_note(void *ctx, const char *name, char out[ANNOTATOR_NOTE_MAX])
{
    (void)ctx;
    return label_store_note(store, name, out, ANNOTATOR_NOTE_MAX);
}

static bool put_note(void *ctx, const char *name, const char *text)
{
    (void)ctx;
    return label_store_put_note(store, name, text, NULL) == ONIC_OK;
}

static void nobody(void *ctx)
{
    (void)ctx;
}

static void open_with_store(struct annotator_run *r)
{
    struct annotator_setup setup = {.config = &r->config,
                                    .goal = r->goal,
                                    .loop = &r->loop,
                                    .store_path = r->store,
                                    .notes = {get_note, put_note, NULL},
                                    .wake = nobody};
    struct label_identity id = {.annotator = "llm", .goal = "g", .goal_version = "v", .vote = 1};
    assert_ok(order_opened(&r->a, "llm", &setup, &err));
    r->a->v->identity(r->a, &id.model, &id.parameters);
    assert_ok(label_store_use(store, &id, &err));
}

static void set_server(struct annotator_run *r, const char *behaviour)
{
    char url[200];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/v1", server.port, behaviour);
    annotator_run_set(r, "llm.url", url);
}

/* While it asks the server what it can. */
static bool note_is_told(void *ctx)
{
    annotator_run_answered(ctx);
    return log_said((char[]){"what the label store says of earlier answers cannot be read: it is "
                             "asked anew note="});
}

/* What was taken off in the first life is taken off in the second, though the server would say
 * something else now; and a server without log-probabilities cannot go on with such labels. */
static void the_calibration_is_kept_with_the_identity(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "of which this run's labels are made"};
    char note[ANNOTATOR_NOTE_MAX];
    (void)state;
    prepare(&r, "lp_chat~kept", "auto");
    assert_ok(label_store_open(&store, r.store, LABEL_STORE_SERVER, &err));
    open_with_store(&r);
    annotator_run_ask_all(&r);
    assert_true(label_store_note(store, "llm", note, sizeof note));
    assert_string_equal(note, "{\"answer\": \"logprob\", \"calibration\": 3}");
    annotator_run_close(&r);
    label_store_close(store);
    assert_ok(label_store_open(&store, r.store, LABEL_STORE_SERVER, &err));
    r.answered = r.labels = r.right = 0;
    set_server(&r, "lp_one_sided~kept");
    open_with_store(&r);
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_answered, &r, ANNOTATOR_RUN_PATIENCE_MS));
    assert_non_null(strstr(r.raw, "taken off +3.000"));
    annotator_run_close(&r);
    set_server(&r, "vllm~kept");
    open_with_store(&r);
    annotator_run_submit(&r, 0);
    assert_true(wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS));
    annotator_run_close(&r);
    assert_ok(label_store_put_note(store, "llm", "{\"answer\": 7}", &err));
    set_server(&r, "lp_chat~again");
    said_begin(LOG_WARN);
    open_with_store(&r);
    annotator_run_submit(&r, 0);
    assert_true(wait_until(note_is_told, &r, ANNOTATOR_RUN_PATIENCE_MS));
    said_end();
    annotator_run_close(&r);
    label_store_close(store);
    annotator_run_dispose(&r);
}

static void texts_stay_texts_over_lives(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "vllm~stays", "auto");
    assert_ok(label_store_open(&store, r.store, LABEL_STORE_SERVER, &err));
    open_with_store(&r);
    annotator_run_ask_all(&r);
    annotator_run_close(&r);
    r.answered = r.labels = r.right = 0;
    set_server(&r, "lp_chat~stays");
    open_with_store(&r);
    annotator_run_ask_all(&r);
    assert_null(strstr(r.raw, "margin"));
    annotator_run_close(&r);
    label_store_close(store);
    annotator_run_dispose(&r);
}

/* The identity says which way, so labels of two kinds are never taken for each other. */
static void the_way_is_part_of_the_identity(void **state)
{
    static const char *const want[][3] = {{"text", "message", "t=0.1 top_p=1 max=0 prompt="},
                                          {"auto", "message", " answer=auto"},
                                          {"logprob", "message", " answer=logprob"},
                                          {"logprob", "none", " answer=logprob calibration=-"}};
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct annotator_run r;
        const char *model, *parameters;
        prepare(&r, "lp_chat", want[i][0]);
        annotator_run_set(&r, "llm.calibration", want[i][1]);
        annotator_run_open(&r, "llm");
        r.a->v->identity(r.a, &model, &parameters);
        if (!strstr(parameters, want[i][2]))
            fail_msg("%s: %s", want[i][2], parameters);
        annotator_run_dispose(&r);
    }
}

static void votes_of_what_cannot_vary_are_refused(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, "lp_chat", "logprob");
    annotator_run_set(&r, "annotator.vote", "3");
    assert_err(order_checked("llm", &r.config, &err), ONIC_ECONFIG, "llm.answer=text");
    annotator_run_set(&r, "llm.answer", "auto"); /* votes are texts */
    must_label(&r);
    assert_null(strstr(r.raw, "margin"));
    annotator_run_dispose(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_is_found_and_calibrated),
        cmocka_unit_test(without_calibration_the_bias_stays),
        cmocka_unit_test(pairs_are_asked_in_both_orders),
        cmocka_unit_test(confidence_is_of_the_margin),
        cmocka_unit_test(a_server_without_them_is_said_in_one_sentence),
        cmocka_unit_test(auto_reads_texts_there),
        cmocka_unit_test(a_caption_without_mass_is_abstained_from),
        cmocka_unit_test(a_server_without_mass_settles_nothing),
        cmocka_unit_test(the_calibration_is_kept_with_the_identity),
        cmocka_unit_test(texts_stay_texts_over_lives),
        cmocka_unit_test(the_way_is_part_of_the_identity),
        cmocka_unit_test(votes_of_what_cannot_vary_are_refused),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
