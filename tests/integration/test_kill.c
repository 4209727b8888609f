/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_kill.c - kill -9 of every part of a run under load, again and again.
 *
 * After every kill the run must recover by itself: a new process, training that goes on, labels
 * that come. At the end the books must hold: every trajectory accounted for, none trained on twice,
 * no durable label lost or asked again, and env_steps equal to what the ledger calls consumed.
 *
 * KILLS_EACH is 3 here and more in test_kill_many.c, which includes this file. */
#define _GNU_SOURCE
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "reward_server/store/label_store.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

#ifndef KILLS_EACH
#define KILLS_EACH 3
#endif

enum { RECOVER_MS = 60000, ROLES = 3, LABELS_MAX = 1 << 20 };

/* New captions for ever, labelled one by one; checkpoints often enough that roll-backs are short.
 */
static const char options[] =
    "train --run-dir=run --env.id=minigrid:KeyCorridorS3R3 --frames=1000000000000 --env.count=32 "
    "--annotator.id=rules --rules.rate=100 --bench.captions_per_s=40 --checkpoint.every_s=0.4 "
    "--metrics.every_s=0.2 --train.batch=2048 --run.restarts=0"; /* kills are what it is about */

static const char *const program_of[ROLES] = {"onic-learner", "onic-actor", "onic-reward-server"};

struct scene {
    char dir[256], run[300], labels[400];
    struct program train;
    uint64_t *digest; /* [LABELS_MAX] of the label with that id, 0 = not seen yet */
    uint64_t seen;
};

static int setup(void **state)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    snprintf(s.run, sizeof s.run, "%s/run", s.dir);
    snprintf(s.labels, sizeof s.labels, "%s/labels.sqlite", s.run);
    s.digest = calloc(LABELS_MAX, sizeof *s.digest);
    *state = &s;
    return s.digest ? 0 : -1;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    program_kill(&s->train);
    free(s->digest);
    temp_dir_remove(s->dir);
    return 0;
}

static void complain(const struct scene *s, const char *what)
{
    const char *text = program_text(s->train.err);
    size_t n = strlen(text);
    print_error("%s; end of stderr:\n%s\n", what, text + (n > 3000 ? n - 3000 : 0));
    fail();
}

/* --- waiting --------------------------------------------------------------------------------- */

struct recovery {
    const struct scene *s;
    const char *program; /* that was killed */
    pid_t old;
    int lines;         /* of metrics.jsonl at the kill */
    double least;      /* smallest env_steps since: a roll-back may lower it */
    uint64_t answered; /* labels at the kill */
};

static uint64_t labels_on_disk(const struct scene *s)
{
    struct label_store *store = NULL;
    struct label_counts n = {0};
    struct onic_err err;
    if (label_store_open(&store, s->labels, LABEL_STORE_READ, &err) != ONIC_OK)
        return 0;
    label_store_counts(store, &n, &err);
    label_store_close(store);
    return n.answered;
}

/* A new process of the killed kind, two later lines of metrics with growing env_steps, new labels.
 */
static bool has_recovered(void *ctx)
{
    struct recovery *r = ctx;
    pid_t now = process_child(r->s->train.pid, r->program);
    if (!now || now == r->old || metrics_lines(r->s->run) < r->lines + 2)
        return false;
    double steps = metrics_last(r->s->run, "env_steps");
    if (!(steps > 0))
        return false;
    if (isnan(r->least) || steps < r->least)
        r->least = steps;
    return steps > r->least && labels_on_disk(r->s) > r->answered;
}

static void wait_for_training(struct scene *s, const char *program, pid_t old)
{
    struct recovery r = {.s = s,
                         .program = program,
                         .old = old,
                         .lines = metrics_lines(s->run),
                         .least = (double)NAN,
                         .answered = labels_on_disk(s)};
    if (!wait_until(has_recovered, &r, RECOVER_MS)) {
        print_error("after the death of %s %d: now %d, env_steps %g\n", program, (int)old,
                    (int)process_child(s->train.pid, program), metrics_last(s->run, "env_steps"));
        complain(s, "training did not go on");
    }
}

/* --- labels ---------------------------------------------------------------------------------- */

static uint64_t digest_of(const struct label_row *row)
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)row->label.value;
    for (size_t i = 0; i < row->label.question_len; i++)
        h = (h ^ (uint8_t)row->label.question[i]) * 1099511628211u;
    return h | 1;
}

static int check_label(void *ctx, const struct label_row *row)
{
    struct scene *s = ctx;
    assert_true(row->label.id > 0 && row->label.id < LABELS_MAX);
    uint64_t now = digest_of(row);
    if (s->digest[row->label.id])
        assert_int_equal(s->digest[row->label.id], now);
    else
        s->seen++;
    s->digest[row->label.id] = now;
    return 0;
}

/* Every label seen so far is still there, unchanged; new ones are remembered. */
static void no_label_is_lost(struct scene *s)
{
    struct label_store *store = NULL;
    struct label_counts n;
    assert_ok(label_store_open(&store, s->labels, LABEL_STORE_READ, &err));
    uint64_t before = s->seen;
    s->seen = 0;
    uint64_t *old = s->digest;
    s->digest = calloc(LABELS_MAX, sizeof *s->digest);
    assert_non_null(s->digest);
    assert_ok(label_store_each(store, 0, check_label, s, &err));
    assert_ok(label_store_counts(store, &n, &err));
    label_store_close(store);
    assert_true(s->seen >= before);
    for (int i = 0; i < LABELS_MAX; i++)
        if (old[i])
            assert_int_equal(old[i], s->digest[i]);
    free(old);
    assert_int_equal(n.asked_twice, 0);
    assert_int_equal(n.quarantined, 0);
}

/* --- the end --------------------------------------------------------------------------------- */

static json_t *ledger(struct scene *s)
{
    struct program p = {0};
    assert_int_equal(program_run(&p, s->dir, "ledger", "onic", "ledger run --json", 30000), 0);
    json_t *doc = json_loads(program_text(p.out), 0, NULL);
    assert_non_null(doc);
    return doc;
}

static double lost(const json_t *sums, const char *reason)
{
    return json_number_value(json_object_get(json_object_get(sums, "lost"), reason));
}

static void drain(struct scene *s)
{
    kill(s->train.pid, SIGINT);
    int code = program_wait(&s->train, RECOVER_MS);
    if (code != 0) {
        print_error("exit code %d\n", code);
        complain(s, "the run did not drain");
    }
}

static void the_books_hold(struct scene *s)
{
    json_t *doc = ledger(s);
    static const char *const unit[] = {"trajectories", "steps"};
    for (int i = 0; i < 2; i++) {
        json_t *sums = json_object_get(doc, unit[i]);
        assert_true(json_is_true(json_object_get(sums, "balanced")));
        assert_int_equal(json_integer_value(json_object_get(sums, "consumed_twice")), 0);
        assert_int_equal(json_integer_value(json_object_get(sums, "in_flight")), 0);
    }
    json_t *t = json_object_get(doc, "trajectories"), *steps = json_object_get(doc, "steps");
    print_message("%s", program_text(s->train.out));
    assert_true(lost(t, "rollback") > 0); /* the kills did hit work */
    assert_close(metrics_last(s->run, "env_steps"),
                 json_number_value(json_object_get(steps, "consumed")), 0, 0.5);
    json_decref(doc);
    no_label_is_lost(s);
}

/* Wall time never runs backwards, and env_steps falls only where a learner died. */
static void the_curve_continues(struct scene *s, int learner_kills)
{
    int n = metrics_lines(s->run), falls = 0;
    double wall = 0, steps = 0;
    for (int i = 0; i < n; i++) {
        double w = metrics_at(s->run, i, "wall_s"), e = metrics_at(s->run, i, "env_steps");
        assert_true(w >= wall);
        wall = w;
        if (isnan(e))
            continue;
        falls += e < steps;
        steps = e;
    }
    assert_true(falls <= learner_kills);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void every_part_may_be_killed_again_and_again(void **state)
{
    struct scene *s = *state;
    program_start(&s->train, s->dir, "train", "onic", options);
    wait_for_training(s, program_of[0], 0);
    struct rng which = rng_stream(4, "kills", 0, 0, 0);
    int left[ROLES] = {KILLS_EACH, KILLS_EACH, KILLS_EACH};
    double slowest = 0;
    for (int i = 0; i < ROLES * KILLS_EACH; i++) {
        int role = (int)(rng_float(&which) * ROLES) % ROLES;
        while (!left[role])
            role = (role + 1) % ROLES;
        left[role]--;
        no_label_is_lost(s);
        pid_t victim = process_child(s->train.pid, program_of[role]);
        assert_true(victim > 0);
        int64_t at = clock_ms();
        assert_int_equal(kill(victim, SIGKILL), 0);
        wait_for_training(s, program_of[role], victim);
        double took = (double)(clock_ms() - at) * 1e-3;
        slowest = took > slowest ? took : slowest;
    }
    drain(s);
    print_message("slowest recovery %.1f s, %llu labels\n", slowest, (unsigned long long)s->seen);
    the_books_hold(s);
    the_curve_continues(s, KILLS_EACH);
}

struct orphans {
    pid_t pid[64];
    int n;
};

static bool all_gone(void *ctx)
{
    struct orphans *o = ctx;
    for (int i = 0; i < o->n; i++)
        if (!process_gone(o->pid[i]))
            return false;
    return true;
}

static void a_killed_front_end_leaves_no_process_and_its_run_goes_on(void **state)
{
    struct scene *s = *state;
    double before = 0;
    for (int life = 0; life < KILLS_EACH; life++) {
        program_start(&s->train, s->dir, "train", "onic", options);
        wait_for_training(s, program_of[0], 0);
        assert_true(metrics_last(s->run, "env_steps") > before / 2); /* resumed, not begun anew */
        no_label_is_lost(s);
        before = metrics_last(s->run, "env_steps");
        struct orphans o;
        o.n = process_children(s->train.pid, o.pid, 64);
        assert_true(o.n >= 3);
        kill(s->train.pid, SIGKILL);
        assert_int_equal(program_wait(&s->train, RECOVER_MS), -SIGKILL);
        if (!wait_until(all_gone, &o, RECOVER_MS))
            complain(s, "a child outlived its killed supervisor");
    }
    program_start(&s->train, s->dir, "train", "onic", options);
    wait_for_training(s, program_of[0], 0);
    drain(s);
    json_t *doc = ledger(s);
    assert_true(json_is_true(json_object_get(json_object_get(doc, "trajectories"), "balanced")));
    json_decref(doc);
    no_label_is_lost(s);
    the_curve_continues(s, KILLS_EACH);
}

static void everything_killed_at_once_resumes(void **state)
{
    struct scene *s = *state;
    for (int life = 0; life < KILLS_EACH; life++) {
        program_start(&s->train, s->dir, "train", "onic", options);
        wait_for_training(s, program_of[0], 0);
        no_label_is_lost(s);
        program_kill(&s->train); /* the whole process group, as a power cut would */
    }
    program_start(&s->train, s->dir, "train", "onic", options);
    wait_for_training(s, program_of[0], 0);
    drain(s);
    the_books_hold(s);
    the_curve_continues(s, KILLS_EACH);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SCENE(every_part_may_be_killed_again_and_again),
        SCENE(a_killed_front_end_leaves_no_process_and_its_run_goes_on),
        SCENE(everything_killed_at_once_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
