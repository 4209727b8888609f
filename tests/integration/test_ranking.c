/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_ranking.c - ONI-ranking with the real programs: pairs are asked, labelled, learned from and
 * paid, whatever is killed meanwhile, and never meet the labels of another kind. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { PATIENCE_MS = 280000 };

static char dir[256], run[300];

static const char *const OPTIONS =
    "--env.id=minigrid:KeyCorridorS3R3 --annotator.id=rules --actors.count=1 --reward.refresh=8 "
    "--reward.lr=0.001 --reward.batch=64 --reward.train_share=0.3 --metrics.every_s=0.2 "
    "--train.batch=1024";

/* Without an end: however fast the machine is, a test waits for what is reached, then asks to stop.
 */
static void start(struct program *p, const char *name, const char *model, const char *more)
{
    char args[1024];
    snprintf(args, sizeof args, "train --run-dir=%s --reward.model=%s --frames=1000000000 %s %s",
             name, model, OPTIONS, more);
    program_start(p, dir, name, "onic", args);
}

static void finish(struct program *p)
{
    int rc = program_wait(p, PATIENCE_MS);
    if (rc)
        fail_msg("%d: %s", rc, program_text(p->err));
}

struct kinds {
    int rows[QUESTION_KINDS], ties;
};

static int count_kind(void *ctx, const struct label_row *row)
{
    struct kinds *k = ctx;
    struct question q;
    assert_true(question_split(row->label.question, row->label.question_len, &q));
    assert_true(row->label.state != LABEL_ANSWERED ||
                question_label_fits(q.kind, row->label.value));
    k->rows[q.kind]++;
    k->ties += q.kind == QUESTION_PAIR && row->label.value == 0.5;
    if (q.kind == QUESTION_PAIR) /* equal captions are a draw that nobody is asked */
        assert_true(q.len != q.len_b || memcmp(q.caption, q.caption_b, q.len) != 0);
    return 0;
}

static struct kinds labels(struct label_counts *counts)
{
    char path[320];
    struct label_store *s = NULL;
    struct kinds k = {{0}, 0};
    snprintf(path, sizeof path, "%s/labels.sqlite", run);
    if (label_store_open(&s, path, LABEL_STORE_READ, NULL) == ONIC_OK) {
        assert_ok(label_store_each(s, 0, count_kind, &k, &err));
        assert_ok(label_store_counts(s, counts, &err));
    }
    label_store_close(s);
    return k;
}

/* More rows of one kind than so many. */
struct more {
    enum question_kind kind;
    int than;
};

static bool enough(void *ctx)
{
    const struct more *m = ctx;
    struct label_counts counts = {0};
    return labels(&counts).rows[m->kind] > m->than;
}

static void stop(struct program *p)
{
    kill(p->pid, SIGINT);
    finish(p);
}

static void kill_child(const struct program *p, const char *word)
{
    pid_t child = process_child(p->pid, word);
    assert_true(child > 0);
    kill(child, SIGKILL);
}

/* Learned well, and paid for it: all in one line of the metrics. */
static bool learned(void *ctx)
{
    return enough(ctx) && metrics_last(run, "reward_model/dataset") > 100 &&
           metrics_last(run, "reward_model/train_steps") > 10 &&
           metrics_last(run, "reward_model/heldout_accuracy") > 0.7 &&
           metrics_last(run, "intrinsic/paid_fraction") > 0;
}

/* What metrics say may be of before the kill. */
static bool listens_again(void *program)
{
    const struct program *p = program;
    const char *first = strstr(program_text(p->err), "learner listening");
    return first && strstr(first + 1, "learner listening");
}

/* Beside the policy, where a kill finds steps under way. */
static void pairs_are_learned_from_whatever_is_killed(void **state)
{
    (void)state;
    struct program p;
    struct label_counts counts = {0};
    struct more want = {QUESTION_PAIR, 60};
    start(&p, "run", "ranking", "--checkpoint.every_s=0.3 --reward.train_beside=yes");
    assert_true(wait_until(enough, &want, PATIENCE_MS));
    kill_child(&p, "onic-reward-server");
    want.than = labels(&counts).rows[QUESTION_PAIR] + 20;
    assert_true(wait_until(enough, &want, PATIENCE_MS));
    kill_child(&p, "onic-learner");
    assert_true(wait_until(listens_again, &p, PATIENCE_MS));
    want.than += 100;
    assert_true(wait_until(learned, &want, PATIENCE_MS));
    stop(&p);
    assert_true(metrics_last(run, "reward_model/train_share") >
                metrics_last(run, "reward_model/between_share"));
    struct kinds k = labels(&counts);
    assert_int_equal(counts.asked_twice, 0);
    assert_int_equal(k.rows[QUESTION_CLASS], 0);
    assert_in_range(k.ties, 1, k.rows[QUESTION_PAIR] - 1);
}

/* One store, two kinds of labels: each model gets its own. */
static void labels_of_another_kind_in_the_same_store_are_not_mixed(void **state)
{
    (void)state;
    struct program p;
    char path[300];
    struct label_counts counts = {0};
    struct kinds before = labels(&counts);
    start(&p, "other", "hash", "--labels.path=run/labels.sqlite");
    struct more more = {QUESTION_CLASS, 10};
    assert_true(wait_until(enough, &more, PATIENCE_MS));
    stop(&p);
    struct kinds both = labels(&counts);
    assert_int_equal(both.rows[QUESTION_PAIR], before.rows[QUESTION_PAIR]);
    snprintf(path, sizeof path, "%s/other", dir);
    assert_true(metrics_last(path, "annot/labels_total") <= both.rows[QUESTION_CLASS]);
    start(&p, "run", "ranking", "");
    more = (struct more){QUESTION_PAIR, before.rows[QUESTION_PAIR]};
    assert_true(wait_until(enough, &more, PATIENCE_MS));
    stop(&p);
    struct kinds after = labels(&counts);
    assert_int_equal(after.rows[QUESTION_CLASS], both.rows[QUESTION_CLASS]);
    assert_true(after.rows[QUESTION_PAIR] > both.rows[QUESTION_PAIR]);
    assert_true(metrics_last(run, "reward_model/dataset") <= after.rows[QUESTION_PAIR]);
    assert_int_equal(counts.asked_twice, 0);
}

int main(void)
{
    temp_dir_create(dir);
    snprintf(run, sizeof run, "%s/run", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_learned_from_whatever_is_killed),
        cmocka_unit_test(labels_of_another_kind_in_the_same_store_are_not_mixed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    temp_dir_remove(dir);
    return failed;
}
