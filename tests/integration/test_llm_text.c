/* SPDX-License-Identifier: MIT */
/* Answers of a language model that are texts: the code of the message where nothing binds them,
 * pairs in both orders, and a server that says nothing. */
#define _GNU_SOURCE /* memmem */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "tests/support/llm_case.h"
#include "tests/support/scripted.h"

enum { MANY = LLM_CASE_MANY, PAIRS = 60 };

static struct scripted http;
static char dir[256], heard[1 << 15];

static void hear(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    size_t at = strlen(heard);
    snprintf(heard + at, sizeof heard - at, "%.*s", (int)len, line);
}

static void listen_to_log(void)
{
    heard[0] = '\0';
    log_set_writer(hear, NULL);
}

/* --- the code of the message ----------------------------------------------------------------- */

/* Codes that the server has written, of labels and of the probe. */
static int codes_of(const char *behaviour)
{
    char command[300];
    int n = 0;
    snprintf(
        command, sizeof command,
        "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:%d/%s/log')"
        ".read().decode())\" | grep -oE '\"[B-Z]{5}\"' | sort -u | wc -l",
        http.port, behaviour);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

static void a_model_that_can_puts_the_code_behind_the_label(void **state)
{
    (void)state;
    listen_to_log();
    llm_case_labels_come(http.port, "coder", NULL, NULL);
    assert_non_null(strstr(heard, "a code of the message is wanted"));
    assert_int_equal(codes_of("coder"), MANY + 1); /* one of the probe */
    llm_case_labels_come(http.port, "coder~list", "llm.api", "completions");
    assert_int_equal(codes_of("coder~list"), MANY + 1);
    log_set_writer(NULL, NULL);
}

/* The game said "label: TOV", and the model repeats it: no answer, so it is asked again. */
static void what_the_game_says_is_no_answer(void **state)
{
    (void)state;
    llm_case_labels_come(http.port, "parrot", NULL, NULL);
}

static void a_model_that_cannot_is_asked_as_before(void **state)
{
    (void)state;
    listen_to_log();
    llm_case_labels_come(http.port, "ignored", NULL, NULL);
    assert_non_null(strstr(heard, "answers are parsed strictly"));
    llm_case_labels_come(http.port, "coder~off", "llm.nonce", "false");
    assert_int_equal(codes_of("coder~off"), 0);
    log_set_writer(NULL, NULL);
}

/* --- a server that says nothing --------------------------------------------------------------- */

/* The deadline of the whole would let it hang for as long as anybody waits here. */
static void one_that_says_nothing_is_given_up_at_the_first_byte(void **state)
{
    struct annotator_run r;
    (void)state;
    llm_case_prepare(&r, http.port, "hang_first");
    annotator_run_set(&r, "llm.deadline_s", "600");
    annotator_run_set(&r, "llm.first_byte_s", "0.3");
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    annotator_run_dispose(&r);

    struct annotator_hope h = {.r = &r, .part = "no byte of an answer came within 200 ms"};
    llm_case_prepare(&r, http.port, "always_mute");
    annotator_run_set(&r, "llm.deadline_s", "600");
    annotator_run_set(&r, "llm.first_byte_s", "0.2");
    annotator_run_open(&r, "llm");
    annotator_run_submit(&r, 0);
    if (!wait_until(annotator_run_says, &h, ANNOTATOR_RUN_PATIENCE_MS))
        fail_msg("status \"%s\"", h.text);
    annotator_run_dispose(&r);
}

/* --- both orders ----------------------------------------------------------------------------- */

struct pairs {
    struct annotator_run r;
    int answered, labelled, right, told; /* told: raws that tell of both orders */
    double both, differ, first_place;
};

static void note_pair(void *ctx, uint64_t ticket, const struct label *label)
{
    static const double want[3] = {0, 1, 0.5};
    struct pairs *p = ctx;
    p->answered++;
    p->labelled += label->state == LABEL_ANSWERED;
    p->right += label->state == LABEL_ANSWERED && label->value == want[ticket % 3];
    p->told += strstr(label->raw, "in the other order") != NULL;
    if (label->state == LABEL_ABSTAINED)
        assert_non_null(strstr(label->raw, "the answer depends on the order"));
}

static bool pairs_answered(void *ctx)
{
    struct pairs *p = ctx;
    uv_run(&p->r.loop, UV_RUN_NOWAIT);
    p->r.a->v->poll(p->r.a, note_pair, p);
    return p->answered >= PAIRS;
}

static void take_number(void *ctx, const char *name, double value)
{
    struct pairs *p = ctx;
    p->both += strcmp(name, "llm_both_orders") == 0 ? value : 0;
    p->differ += strcmp(name, "llm_orders_differ") == 0 ? value : 0;
    p->first_place += strcmp(name, "llm_first_place") == 0 ? value : 0;
}

static struct pairs ask_pairs(const char *behaviour, const char *share)
{
    static struct pairs p;
    memset(&p, 0, sizeof p);
    llm_case_prepare(&p.r, http.port, behaviour);
    annotator_run_set(&p.r, "llm.both_orders", share);
    annotator_run_set(&p.r, "annotator.canary_rate", "0");
    annotator_run_open(&p.r, "llm");
    for (int i = 0; i < PAIRS; i++) {
        char a[60], b[60], question[QUESTION_MAX];
        int la = snprintf(a, sizeof a, "A %s thing number %d.", i % 3 == 0 ? "good" : "bad", i);
        int lb = snprintf(b, sizeof b, "A %s hint number %d.", i % 3 == 1 ? "good" : "bad", i);
        size_t len = question_pair(question, a, (size_t)la, b, (size_t)lb);
        p.r.a->v->submit(p.r.a, (uint64_t)i, question, len, 0);
    }
    assert_true(wait_until(pairs_answered, &p, ANNOTATOR_RUN_PATIENCE_MS));
    p.r.a->v->report(p.r.a, take_number, &p);
    annotator_run_dispose(&p.r);
    return p;
}

static void both_answers_must_mean_the_same(void **state)
{
    (void)state;
    listen_to_log();
    struct pairs p = ask_pairs("vllm", "1");
    assert_int_equal(p.right, PAIRS);
    assert_int_equal(p.told, PAIRS);
    assert_close(p.both, PAIRS, 0, 0);
    assert_close(p.differ, 0, 0, 0);
    assert_close(p.first_place, 0.5, 0, 0);
    assert_null(strstr(heard, "depends on their order"));
    p = ask_pairs("placed", "1"); /* always the first */
    assert_int_equal(p.labelled, 0);
    assert_close(p.differ, PAIRS, 0, 0);
    assert_close(p.first_place, 1, 0, 0);
    const char *said =
        strstr(heard, "which of two messages a language model calls better depends on their order");
    assert_non_null(said);
    assert_non_null(strstr(said, "llm.both_orders=1"));
    assert_non_null(strstr(said, "name_the_first_place=1"));
    assert_null(strstr(said + 1, "which of two messages")); /* once */
    log_set_writer(NULL, NULL);
}

/* Which of the questions are asked twice depends on them and the seed alone. */
static void a_share_of_the_pairs_is_asked_in_both_orders(void **state)
{
    (void)state;
    struct pairs some = ask_pairs("vllm", "0.3"), again = ask_pairs("vllm~2", "0.3");
    struct pairs none = ask_pairs("placed~2", "0");
    assert_in_range(some.both, 8, 30); /* 18 +- 3.5 */
    assert_int_equal(some.told, (int)some.both);
    assert_int_equal(some.right, PAIRS);
    assert_close(again.both, some.both, 0, 0);
    assert_int_equal(none.labelled, PAIRS);
    assert_close(none.both, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_can_puts_the_code_behind_the_label),
        cmocka_unit_test(what_the_game_says_is_no_answer),
        cmocka_unit_test(a_model_that_cannot_is_asked_as_before),
        cmocka_unit_test(one_that_says_nothing_is_given_up_at_the_first_byte),
        cmocka_unit_test(both_answers_must_mean_the_same),
        cmocka_unit_test(a_share_of_the_pairs_is_asked_in_both_orders),
    };
    return scripted_run_group_tests(tests, &http, "scripted_llm/scripted_llm.py", dir);
}
