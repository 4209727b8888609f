/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_fallback.c - annotator.fallback around real annotators: a server or a program vanishes,
 * somebody else answers, it comes back. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/annotator_run.h"
#include "tests/support/program.h"
#include "tests/support/scripted.h"

enum { MANY = 12, PATIENCE_MS = 200000 };

static const char script[] = "scripted_llm/scripted_llm.py";
static struct scripted server;
static char dir[256];

/* --- one annotator --------------------------------------------------------------------------- */

static void prepare(struct annotator_run *r, int want)
{
    char url[100];
    annotator_run_prepare(r, want);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/vllm", server.port);
    annotator_run_set(r, "llm.url", url);
    annotator_run_set(r, "llm.model", "m");
    annotator_run_set(r, "llm.answer", "text"); /* requests are counted below */
    annotator_run_set(r, "llm.backoff_s", "0.01");
    annotator_run_set(r, "llm.breaker_s", "0.1");
    annotator_run_set(r, "annotator.fallback", "rules");
}

static double number;
static void take_number(void *ctx, const char *name, double value)
{
    if (strcmp(name, ctx) == 0)
        number = value;
}

static double number_of(const struct annotator_run *r, char *name)
{
    number = (double)NAN;
    r->a->v->report(r->a, take_number, name);
    return number;
}

static char answers[] = "fallback_answers";

/* Asked one after the other until `part` begins the raw answer. */
static void ask_until(struct annotator_run *r, const char *part)
{
    int64_t first = r->answered;
    while (r->answered == first || strncmp(r->raw, part, strlen(part)) != 0) {
        r->want = r->answered + 1;
        annotator_run_submit(r, r->answered);
        assert_true(wait_until(annotator_run_answered, r, PATIENCE_MS));
    }
}

static void a_server_that_is_away_is_replaced_until_it_is_back(void **state)
{
    struct annotator_run r;
    (void)state;
    prepare(&r, MANY);
    annotator_run_open(&r, "llm");
    annotator_run_ask_all(&r);
    assert_int_equal(r.labels, MANY);
    assert_int_equal(strncmp(r.raw, "llm: ", 5), 0);
    assert_close(number_of(&r, answers), 0, 0, 0);
    int port = server.port;
    scripted_stop(&server);
    ask_until(&r, "rules: ");
    struct annotator_hope h = {.r = &r, .part = "asking rules instead of llm: http://127.0.0.1:"};
    assert_true(annotator_run_says(&h));
    assert_true(number_of(&r, answers) > 0);
    assert_true(scripted_start(&server, script, "", port));
    ask_until(&r, "llm: ");
    h.part = "";
    assert_true(annotator_run_says(&h));
    assert_string_equal(h.text, "");
    annotator_run_dispose(&r);
}

/* It replies to everything, but not with labels: not one question is settled by it. */
static void a_server_that_gives_no_labels_is_replaced_until_it_gives_some(void **state)
{
    struct annotator_run r;
    char url[100];
    (void)state;
    prepare(&r, MANY);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/repents", server.port);
    annotator_run_set(&r, "llm.url", url);
    annotator_run_set(&r, "llm.breaker_s", "0.02");
    annotator_run_open(&r, "llm");
    ask_until(&r, "rules: ");
    ask_until(&r, "llm: ");
    assert_int_equal(r.abstained, 0);
    annotator_run_dispose(&r);
}

/* The budget pauses asking; nobody else is asked, also when it was spent on a server that is gone.
 */
static void a_budget_that_is_used_up_asks_nobody_else(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "used up"};
    (void)state;
    prepare(&r, MANY);
    annotator_run_set(&r, "llm.max_requests", "7"); /* two of the probe, five labels */
    annotator_run_open(&r, "llm");
    for (int i = 0; i < MANY; i++)
        annotator_run_submit(&r, i);
    assert_true(wait_until(annotator_run_says, &h, PATIENCE_MS));
    r.want = 5;
    assert_true(wait_until(annotator_run_answered, &r, PATIENCE_MS));
    for (int i = 0; i < 100; i++)
        assert_true(annotator_run_says(&h));
    assert_int_equal(r.answered, 5);
    assert_close(number_of(&r, answers), 0, 0, 0);
    annotator_run_dispose(&r);
}

static void a_budget_spent_on_a_server_that_is_gone_asks_nobody_else(void **state)
{
    struct annotator_run r;
    struct annotator_hope h = {.r = &r, .part = "used up"};
    (void)state;
    prepare(&r, MANY);
    annotator_run_set(&r, "llm.url", "http://127.0.0.1:1");
    annotator_run_set(&r, "llm.max_requests", "7");
    annotator_run_open(&r, "llm");
    assert_true(wait_until(annotator_run_says, &h, PATIENCE_MS));
    annotator_run_submit(&r, 0);
    for (int i = 0; i < 100; i++)
        assert_true(annotator_run_says(&h));
    assert_int_equal(r.answered, 0);
    annotator_run_dispose(&r);
}

/* A program that only ends: each of its lives is a trial, and never keeps questions waiting. */
static void a_program_that_dies_is_replaced_and_tried_again(void **state)
{
    struct annotator_run r;
    char line[900], marker[300];
    (void)state;
    prepare(&r, MANY);
    snprintf(marker, sizeof marker, "%s/mended", r.dir);
    snprintf(line, sizeof line,
             "test -e %s && exec python3 %s/tests/support/scripted_annotator/scripted_annotator.py "
             "right -",
             marker, getenv("ONIC_SOURCE"));
    annotator_run_set(&r, "command.run", line);
    annotator_run_set(&r, "command.backoff_s", "0.01");
    annotator_run_open(&r, "command");
    ask_until(&r, "rules: ");
    FILE *f = fopen(marker, "w");
    assert_non_null(f);
    fclose(f);
    ask_until(&r, "command: ");
    annotator_run_dispose(&r);
}

/* --- a whole run ----------------------------------------------------------------------------- */

struct rows {
    int llm, rules, others;
};

static int count_row(void *ctx, const struct label_row *row)
{
    struct rows *n = ctx;
    char origin[32];
    assert_string_equal(row->identity.annotator, "llm>rules");
    label_origin(row->identity.annotator, row->label.raw, origin);
    if (strcmp(origin, "llm") == 0)
        n->llm++;
    else if (strcmp(origin, "rules") == 0)
        n->rules++;
    else
        n->others++;
    return 0;
}

static struct rows labels(struct label_counts *counts)
{
    char path[320];
    struct label_store *s = NULL;
    struct rows n = {0};
    snprintf(path, sizeof path, "%s/run/labels.sqlite", dir);
    if (label_store_open(&s, path, LABEL_STORE_READ, NULL) == ONIC_OK) {
        assert_ok(label_store_each(s, 0, count_row, &n, &err));
        assert_ok(label_store_counts(s, counts, &err));
    }
    label_store_close(s);
    assert_int_equal(n.others, 0);
    return n;
}

static double metric(const char *key)
{
    char run[300];
    snprintf(run, sizeof run, "%s/run", dir);
    return metrics_last(run, key);
}

struct wish {
    int llm, rules; /* at least, rules also in the metrics */
    double steps;   /* more than */
};

static bool reached(void *ctx)
{
    const struct wish *w = ctx;
    struct label_counts counts;
    struct rows n = labels(&counts);
    double steps = metric("env_steps");
    return n.llm >= w->llm && n.rules >= w->rules && !isnan(steps) && steps > w->steps &&
           (w->rules == 0 || (metric("annot/fallback_answers") >= w->rules &&
                              metric("annot/source/rules") >= w->rules));
}

static void await(const struct program *p, struct wish w)
{
    struct label_counts counts;
    if (wait_until(reached, &w, PATIENCE_MS))
        return;
    struct rows n = labels(&counts);
    fail_msg("%d by llm, %d by rules, %g steps; want %d, %d, %g\n%s", n.llm, n.rules,
             metric("env_steps"), w.llm, w.rules, w.steps, program_text(p->err));
}

/* On a slow machine labels come before the model has learned to pay for them. */
static bool something_is_paid(void *ctx)
{
    (void)ctx;
    return metric("intrinsic/share") > 0;
}

static void training_goes_on_and_every_label_says_who_gave_it(void **state)
{
    struct program p, top = {0};
    struct label_counts counts = {0};
    char args[1200];
    (void)state;
    snprintf(args, sizeof args,
             "train --run-dir=run --frames=1000000000 --env.id=minigrid:KeyCorridorS3R3 "
             "--annotator.id=llm --llm.url=http://127.0.0.1:%d/vllm --llm.model=m "
             "--llm.breaker_s=0.1 --llm.backoff_s=0.01 --annotator.fallback=rules "
             "--reward.model=ranking --reward.refresh=8 --reward.lr=0.001 --reward.batch=64 "
             "--actors.count=1 --metrics.every_s=0.2 --train.batch=1024 --checkpoint.every_s=0.3",
             server.port);
    program_start(&p, dir, "run", "onic", args);
    await(&p, (struct wish){.llm = 30});
    int port = server.port;
    scripted_stop(&server);
    await(&p, (struct wish){.rules = 30, .steps = metric("env_steps")});
    struct rows before = labels(&counts);
    assert_true(scripted_start(&server, script, "", port));
    await(&p, (struct wish){.llm = before.llm + 30, .steps = metric("env_steps")});
    assert_true(wait_until(something_is_paid, NULL, PATIENCE_MS));
    kill(p.pid, SIGINT);
    assert_int_equal(program_wait(&p, PATIENCE_MS), 0);
    const char *said = program_text(p.err);
    assert_non_null(strstr(
        said,
        "the annotator cannot answer: another one is asked annotator=\"llm\" asked=\"rules\""));
    assert_non_null(strstr(said, "the annotator is asked again annotator=\"llm\""));
    labels(&counts);
    assert_int_equal(counts.asked_twice, 0);
    assert_int_equal(program_run(&top, dir, "list", "onic", "labels list run", PATIENCE_MS), 0);
    assert_non_null(strstr(program_text(top.out), " rules "));
    assert_non_null(strstr(program_text(top.out), " llm "));
    assert_int_equal(program_run(&top, dir, "export", "onic", "labels export run", PATIENCE_MS), 0);
    assert_non_null(strstr(program_text(top.out), "\"origin\":\"llm\""));
    assert_int_equal(program_run(&top, dir, "top", "onic", "labels top run --json", PATIENCE_MS),
                     0);
    assert_non_null(strstr(program_text(top.out), "\"annotator\":\""));
    assert_null(strstr(program_text(top.out), "llm>rules"));
}

/* Another order is another identity: the run says so instead of mixing. */
static void another_order_in_the_same_run_is_refused(void **state)
{
    struct program p = {0};
    char args[600];
    (void)state;
    snprintf(args, sizeof args, "train --run-dir=run --annotator.fallback=random");
    int code = program_run(&p, dir, "again", "onic", args, PATIENCE_MS);
    if (code != 64 || !strstr(program_text(p.err), "llm>random"))
        fail_msg("%d: %s", code, program_text(p.err));
}

static void bad_lists_end_before_a_run_is_made(void **state)
{
    static const char *const slip[][2] = {
        {"--annotator.fallback=noise", "which changes annotators and is none"},
        {"--annotator.fallback=llm", "asked first already"},
        {"--annotator.fallback=rules --annotator.id=command --command.run=cat "
         "--reward.model=similarity",
         "rules of annotator.fallback does not answer"},
    };
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct program p = {0};
        char args[900];
        snprintf(args, sizeof args,
                 "train --run-dir=slip --env.id=minigrid:KeyCorridorS3R3 --annotator.id=llm "
                 "--llm.url=http://127.0.0.1:1 --llm.model=m %s",
                 slip[i][0]);
        int code = program_run(&p, dir, "slip", "onic", args, PATIENCE_MS);
        if (code != 64 || !strstr(program_text(p.err), slip[i][1]) || program_lines(&p) != 1)
            fail_msg("%d: %s", code, program_text(p.err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_away_is_replaced_until_it_is_back),
        cmocka_unit_test(a_server_that_gives_no_labels_is_replaced_until_it_gives_some),
        cmocka_unit_test(a_budget_that_is_used_up_asks_nobody_else),
        cmocka_unit_test(a_budget_spent_on_a_server_that_is_gone_asks_nobody_else),
        cmocka_unit_test(a_program_that_dies_is_replaced_and_tried_again),
        cmocka_unit_test(training_goes_on_and_every_label_says_who_gave_it),
        cmocka_unit_test(another_order_in_the_same_run_is_refused),
        cmocka_unit_test(bad_lists_end_before_a_run_is_made),
    };
    return scripted_run_group_tests(tests, &server, script, dir);
}
