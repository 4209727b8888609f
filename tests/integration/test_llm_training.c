/* timeout: 900 */
/* SPDX-License-Identifier: MIT */
/* test_llm_training.c - a language model server, the real programs and what is learned from its
 * labels: ranking from end to end, and prompts that are edited between two runs. */
#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/scripted.h"

enum { PATIENCE_MS = 280000, CAPTIONS_MAX = 4096 };

static struct scripted server; /* likes keys */
static char dir[256];

/* Without an end: a test waits for what is reached, then asks to stop. */
static void start(struct program *p, const char *name, const char *more)
{
    char args[1500];
    snprintf(args, sizeof args,
             "train --run-dir=%s --frames=1000000000 --env.id=minigrid:KeyCorridorS3R3 "
             "--annotator.id=llm --llm.url=http://127.0.0.1:%d/keys --llm.model=m "
             "--actors.count=1 --metrics.every_s=0.2 --train.batch=1024 %s",
             name, server.port, more);
    program_start(p, dir, name, "onic", args);
}

static void stop(struct program *p)
{
    kill(p->pid, SIGINT);
    int rc = program_wait(p, PATIENCE_MS);
    if (rc)
        fail_msg("%d: %s", rc, program_text(p->err));
}

/* --- what the store holds -------------------------------------------------------------------- */

struct row {
    char parameters[128], caption[QUESTION_MAX + 1];
    size_t len;
};

struct rows {
    int n, pairs, ties, right, identities;
    struct row row[CAPTIONS_MAX];
    char identity[8][128];
};

/* The place of a label's identity, in order of appearance. */
static int identity_of(struct rows *r, const char *parameters)
{
    int i = 0;
    while (i < r->identities && strcmp(r->identity[i], parameters) != 0)
        i++;
    assert_true(i < 8);
    if (i == r->identities)
        snprintf(r->identity[r->identities++], 128, "%s", parameters);
    return i;
}

static bool holds(const char *text, size_t len, const char *word)
{
    return memmem(text, len, word, strlen(word)) != NULL;
}

static int note(void *ctx, const struct label_row *row)
{
    struct rows *r = ctx;
    struct question q;
    assert_int_equal(row->label.state, LABEL_ANSWERED);
    assert_true(question_split(row->label.question, row->label.question_len, &q));
    bool a = holds(q.caption, q.len, "key"), b = false;
    identity_of(r, row->identity.parameters);
    if (q.kind == QUESTION_PAIR) {
        b = holds(q.caption_b, q.len_b, "key");
        r->pairs++;
        r->ties += row->label.value == 0.5;
        r->right += row->label.value == (a == b ? 0.5 : b);
    } else {
        r->right += row->label.value == a;
    }
    if (r->n < CAPTIONS_MAX) {
        struct row *to = &r->row[r->n];
        snprintf(to->parameters, sizeof to->parameters, "%s", row->identity.parameters);
        to->len = row->label.question_len;
        memcpy(to->caption, row->label.question, row->label.question_len);
    }
    r->n++;
    return 0;
}

static struct rows *labels(const char *run, struct label_counts *counts)
{
    static struct rows r;
    char path[400];
    struct label_store *s = NULL;
    memset(&r, 0, sizeof r);
    snprintf(path, sizeof path, "%s/%s/labels.sqlite", dir, run);
    if (label_store_open(&s, path, LABEL_STORE_READ, NULL) == ONIC_OK) {
        assert_ok(label_store_each(s, 0, note, &r, &err));
        assert_ok(label_store_counts(s, counts, &err));
    }
    label_store_close(s);
    return &r;
}

/* --- ranking from end to end ----------------------------------------------------------------- */

static bool learned(void *ctx)
{
    const char *run = ctx;
    return metrics_last(run, "reward_model/dataset") > 100 &&
           metrics_last(run, "reward_model/train_steps") > 10 &&
           metrics_last(run, "reward_model/heldout_accuracy") > 0.7 &&
           metrics_last(run, "reward_model/coverage") > 0 &&
           metrics_last(run, "annot/staleness_s") >= 0 &&
           metrics_last(run, "intrinsic/paid_fraction") > 0 &&
           metrics_last(run, "annot/llm_requests") > 100;
}

static void pairs_are_asked_labelled_learned_and_paid(void **state)
{
    struct program p, top = {0};
    struct label_counts counts = {0};
    char run[300];
    (void)state;
    snprintf(run, sizeof run, "%s/ranking", dir);
    start(&p, "ranking",
          "--reward.model=ranking --reward.refresh=8 --reward.lr=0.001 --reward.batch=64 "
          "--reward.train_share=0.3 --checkpoint.every_s=0.3");
    if (!wait_until(learned, run, PATIENCE_MS))
        fail_msg("dataset %g, accuracy %g, paid %g\n%s", metrics_last(run, "reward_model/dataset"),
                 metrics_last(run, "reward_model/heldout_accuracy"),
                 metrics_last(run, "intrinsic/paid_fraction"), program_text(p.err));
    stop(&p);
    const struct rows *r = labels("ranking", &counts);
    assert_int_equal(r->pairs, r->n);
    assert_int_equal(r->right, r->n);
    assert_in_range(r->ties, 1, r->pairs - 1);
    assert_int_equal(r->identities, 1);
    assert_int_equal(counts.asked_twice, 0);
    assert_int_equal(
        program_run(&top, dir, "top", "onic", "labels top ranking --json", PATIENCE_MS), 0);
    json_t *doc = json_loads(program_text(top.out), 0, NULL);
    assert_true(json_number_value(json_object_get(doc, "total")) > 0);
    assert_non_null(strstr(program_text(top.out), "\"annotator\":\"llm\""));
    json_decref(doc);
}

/* --- prompts --------------------------------------------------------------------------------- */

/* The prompt file with one word replaced, in the folder that runs are told. */
static void edit_prompt(const char *from, const char *to)
{
    char path[400], command[2600];
    snprintf(path, sizeof path, "%s/deploy/prompts/minigrid/classification.default.yaml",
             getenv("ONIC_SOURCE"));
    snprintf(command, sizeof command,
             "rm -rf %s/prompts && cp -r %s/deploy/prompts %s/prompts && "
             "sed -i 's/%s/%s/' %s/prompts/minigrid/classification.default.yaml && "
             "! cmp -s %s %s/prompts/minigrid/classification.default.yaml",
             dir, getenv("ONIC_SOURCE"), dir, from, to, dir, path, dir);
    assert_int_equal(system(command), 0);
}

struct wish {
    const char *run;
    int identity, than;
};

/* More labels of one identity than so many, and the learner has some. */
static bool more(void *ctx)
{
    const struct wish *w = ctx;
    struct label_counts counts;
    const struct rows *r = labels("first", &counts);
    int n = 0;
    for (int i = 0; i < r->n && w->identity < r->identities; i++)
        n += strcmp(r->row[i].parameters, r->identity[w->identity]) == 0;
    return n > w->than && metrics_last(w->run, "annot/labels_total") > 0;
}

/* Trains with the prompts as they are on the labels of run "first". */
static void train_on_the_same_labels(const char *name, int identity, int than)
{
    struct program p;
    char more_args[700], run[300];
    snprintf(run, sizeof run, "%s/%s", dir, name);
    snprintf(more_args, sizeof more_args,
             "--reward.model=hash --labels.path=%s/first/labels.sqlite "
             "--annotator.prompts_dir=%s/prompts",
             dir, dir);
    start(&p, name, more_args);
    struct wish w = {run, identity, than};
    if (!wait_until(more, &w, PATIENCE_MS))
        fail_msg("no labels in %s: %s", name, program_text(p.err));
    stop(&p);
}

static int count(const struct rows *r, int identity)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        n += strcmp(r->row[i].parameters, r->identity[identity]) == 0;
    return n;
}

/* Captions that both identities were asked about. */
static int shared(const struct rows *r)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        for (int j = i + 1; j < r->n; j++)
            n += strcmp(r->row[i].parameters, r->row[j].parameters) != 0 &&
                 r->row[i].len == r->row[j].len &&
                 memcmp(r->row[i].caption, r->row[j].caption, r->row[i].len) == 0;
    return n;
}

static void an_edited_prompt_asks_everything_anew(void **state)
{
    struct label_counts counts = {0};
    char run[300], path[300];
    (void)state;
    snprintf(path, sizeof path, "%s/first", dir);
    edit_prompt("# helpful first", "# helpful last");
    train_on_the_same_labels("first", 0, 5);
    edit_prompt("Be fair, helpful", "Be strict, helpful");
    train_on_the_same_labels("second", 1, 5);
    const struct rows *r = labels("first", &counts);
    assert_int_equal(r->identities, 2);
    assert_true(shared(r) > 0);
    assert_int_equal(counts.asked_twice, 0);
    snprintf(run, sizeof run, "%s/second", dir);
    assert_true(metrics_last(run, "annot/labels_total") <= count(r, 1));
    int before = count(r, 0);
    edit_prompt("# helpful first", "# helpful at the front"); /* a comment asks nothing */
    train_on_the_same_labels("third", 0, before - 1);
    r = labels("first", &counts);
    assert_int_equal(r->identities, 2);
    assert_int_equal(counts.asked_twice, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_asked_labelled_learned_and_paid),
        cmocka_unit_test(an_edited_prompt_asks_everything_anew),
    };
    return scripted_run_group_tests(tests, &server, "scripted_llm/scripted_llm.py", dir);
}
