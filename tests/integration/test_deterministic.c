/* timeout: 600 */
/* SPDX-License-Identifier: MIT */
/* test_deterministic.c - `--deterministic` as a user has it: whole runs of `onic train`, compared
 * by the tensors of their last checkpoints.
 *
 * The run is long enough that captions of every kind come, are asked, labelled and rewarded, and
 * that every environment ends several episodes. The killed runs lose their learner, an actor, the
 * reward server and, at last, all processes at once, at whatever point they happen to be. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { FRAMES = 200000, RUN_MS = 120000, STEP_FRAMES = FRAMES / 8 };

struct scene {
    char dir[256];
    struct program train;
    const char *options; /* further ones */
    int lines;           /* of metrics.jsonl before the present life */
};

static int setup(void **state)
{
    static struct scene s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    program_kill(&s->train);
    temp_dir_remove(s->dir);
    return 0;
}

static void start(struct scene *s, const char *run, int actors, int seed)
{
    char args[1024];
    snprintf(args, sizeof args,
             "train --run-dir=%s --deterministic --env.id=minigrid:KeyCorridorS3R3 --frames=%d "
             "--annotator.id=rules --actors.count=%d --seed=%d --env.count=16 --train.batch=2048 "
             "--checkpoint.every_updates=7 --metrics.every_s=0.1 %s",
             run, FRAMES, actors, seed, s->options ? s->options : "");
    char path[400];
    snprintf(path, sizeof path, "%s/%s", s->dir, run);
    s->lines = metrics_lines(path);
    program_start(&s->train, s->dir, run, "onic", args);
}

static void finish(struct scene *s, const char *run)
{
    int code = program_wait(&s->train, RUN_MS);
    if (code != 0) {
        print_error("%s ended with %d: %s\n", run, code, program_text(s->train.err));
        fail();
    }
}

static struct checkpoint_file *last_checkpoint(struct scene *s, const char *run)
{
    char path[400];
    struct checkpoint_file *f = NULL;
    snprintf(path, sizeof path, "%s/%s/checkpoints", s->dir, run);
    assert_ok(checkpoint_newest_valid(&f, path, NULL, &err));
    return f;
}

/* Bookkeeping of a life (ledger, CPU time, paths) may differ; what was learned may not. */
static bool is_learned(const struct checkpoint_tensor *t)
{
    return t->dtype == CHECKPOINT_F32 || strcmp(t->name, "reward") == 0;
}

/* The table of the models `hash` and `similarity` without its label ids: an id is a position in the
 * store, which a killed life has asked in another order. Name, NUL, magic, version, count, then per
 * label id, label, confidence, length, caption. Other models keep no ids. */
static void mask_label_ids(uint8_t *reward, size_t bytes)
{
    static const char hash[] = "hash\0HSH1", similarity[] = "similarity\0SIM1";
    uint64_t count;
    size_t at = 0;
    assert_true(bytes >= sizeof similarity);
    if (memcmp(reward, hash, sizeof hash - 1) == 0)
        at = sizeof hash - 1 + 8;
    else if (memcmp(reward, similarity, sizeof similarity - 1) == 0)
        at = sizeof similarity - 1 + 8;
    else
        return;
    assert_true(bytes > at + 8);
    memcpy(&count, reward + at, 8);
    assert_true(count > 5); /* labels did come */
    at += 8;
    for (uint64_t i = 0; i < count; i++) {
        uint16_t len;
        assert_true(at + 18 <= bytes);
        memset(reward + at, 0, 8);
        memcpy(&len, reward + at + 16, 2);
        at += 18u + len;
    }
    assert_int_equal(at, bytes);
}

static bool equal_tensors(const struct checkpoint_tensor *t, const struct checkpoint_tensor *u)
{
    if (t->bytes != u->bytes || t->dtype == CHECKPOINT_F32)
        return t->bytes == u->bytes && memcmp(t->data, u->data, t->bytes) == 0;
    uint8_t *a = malloc(t->bytes), *b = malloc(u->bytes);
    assert_true(a && b);
    mask_label_ids(memcpy(a, t->data, t->bytes), t->bytes);
    mask_label_ids(memcpy(b, u->data, u->bytes), u->bytes);
    bool equal = memcmp(a, b, t->bytes) == 0;
    free(a);
    free(b);
    return equal;
}

/* Number of learned tensors that differ; names the first. */
static int differences(struct scene *s, const char *a, const char *b, bool want_equal)
{
    struct checkpoint_file *x = last_checkpoint(s, a), *y = last_checkpoint(s, b);
    int n = 0, compared = 0;
    uint64_t vx = 0, vy = 0;
    assert_ok(checkpoint_meta_u64(x, "weights_version", &vx, &err));
    assert_ok(checkpoint_meta_u64(y, "weights_version", &vy, &err));
    assert_int_equal(vx, vy);
    for (int i = 0; i < checkpoint_count(x); i++) {
        const struct checkpoint_tensor *t = checkpoint_at(x, i);
        if (!is_learned(t))
            continue;
        const struct checkpoint_tensor *u = checkpoint_find(y, t->name);
        assert_non_null(u);
        bool equal = equal_tensors(t, u);
        if (!equal && want_equal)
            print_error("%s and %s differ in %s\n", a, b, t->name);
        n += !equal;
        compared++;
    }
    assert_true(compared >= 10);
    checkpoint_close(x);
    checkpoint_close(y);
    return n;
}

struct progress {
    char run[400];
    double frames;
    int lines;
};

static bool has_come(void *ctx)
{
    struct progress *p = ctx;
    return metrics_lines(p->run) > p->lines && metrics_last(p->run, "env_steps") >= p->frames;
}

static void wait_for_frames(struct scene *s, const char *run, double frames)
{
    struct progress p = {.frames = frames, .lines = s->lines};
    snprintf(p.run, sizeof p.run, "%s/%s", s->dir, run);
    if (!wait_until(has_come, &p, RUN_MS)) {
        print_error("%s stays at %g of %g: %s\n", run, metrics_last(p.run, "env_steps"), frames,
                    program_text(s->train.err));
        fail();
    }
}

static void kill_part(struct scene *s, const char *program)
{
    pid_t victim = process_child(s->train.pid, program);
    assert_true(victim > 0);
    assert_int_equal(kill(victim, SIGKILL), 0);
}

static void check_runs(struct scene *s, int actors)
{
    start(s, "a", actors, 1);
    finish(s, "a");
    start(s, "b", actors, 1);
    finish(s, "b");
    assert_int_equal(differences(s, "a", "b", true), 0);

    start(s, "killed", actors, 1);
    wait_for_frames(s, "killed", STEP_FRAMES);
    kill_part(s, "onic-learner");
    wait_for_frames(s, "killed", 3 * STEP_FRAMES);
    kill_part(s, "onic-actor");
    wait_for_frames(s, "killed", 4 * STEP_FRAMES);
    kill_part(s, "onic-reward-server");
    wait_for_frames(s, "killed", 5 * STEP_FRAMES);
    program_kill(&s->train);
    start(s, "killed", actors, 1);
    wait_for_frames(s, "killed", 6 * STEP_FRAMES);
    kill(s->train.pid, SIGINT); /* stopped by hand and gone on with */
    finish(s, "killed");
    start(s, "killed", actors, 1);
    finish(s, "killed");
    assert_int_equal(differences(s, "a", "killed", true), 0);
}

static void one_actor_gives_the_same_weights_whatever_is_killed(void **state)
{
    check_runs(*state, 1);
}

static void two_actors_give_the_same_weights_whatever_is_killed(void **state)
{
    check_runs(*state, 2);
}

/* As wait_for_frames, but the run must not have ended before anybody looked: a kill after its end
 * shows nothing. */
static void wait_for_part(struct scene *s, const char *run, double frames)
{
    char path[400];
    wait_for_frames(s, run, frames);
    snprintf(path, sizeof path, "%s/%s", s->dir, run);
    assert_true(metrics_last(path, "env_steps") < FRAMES);
}

/* A reward model of any kind that pays in the end; `steps`: it was trained more often than that,
 * and many steps are owed at every kill. */
static void resumes_exactly(struct scene *s, const char *options, int steps)
{
    s->options = options;
    start(s, "a", 1, 1);
    finish(s, "a");
    start(s, "killed", 1, 1);
    wait_for_part(s, "killed", 2 * STEP_FRAMES);
    kill_part(s, "onic-learner");
    wait_for_part(s, "killed", 4 * STEP_FRAMES);
    program_kill(&s->train);
    start(s, "killed", 1, 1);
    finish(s, "killed");
    char path[400];
    snprintf(path, sizeof path, "%s/a", s->dir);
    if (steps)
        assert_true(metrics_last(path, "reward_model/train_steps") > steps);
    assert_true(metrics_last(path, "intrinsic/paid_fraction") > 0);
    assert_int_equal(differences(s, "a", "killed", true), 0);
}

static void a_classifier_resumes_exactly(void **state)
{
    resumes_exactly(*state,
                    "--reward.model=classifier --reward.batch=32 --reward.refresh=4 "
                    "--reward.steps_max=2",
                    20);
}

static void a_ranking_model_resumes_exactly(void **state)
{
    resumes_exactly(*state,
                    "--reward.model=ranking --reward.batch=16 --reward.refresh=4 "
                    "--reward.steps_max=2 --reward.store_every=1",
                    20);
}

static void similarity_resumes_exactly(void **state)
{
    resumes_exactly(*state, "--reward.model=similarity --annotator.id=random", 0);
}

static void rnd_resumes_exactly(void **state)
{
    resumes_exactly(*state, "--reward.model=rnd", 20);
}

static void counts_resume_exactly(void **state)
{
    resumes_exactly(*state, "--reward.model=counts", 0);
}

/* The comparison can fail. */
static void another_seed_gives_other_weights(void **state)
{
    struct scene *s = *state;
    start(s, "a", 1, 1);
    finish(s, "a");
    start(s, "b", 1, 2);
    finish(s, "b");
    assert_true(differences(s, "a", "b", false) > 5);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        SCENE(one_actor_gives_the_same_weights_whatever_is_killed),
        SCENE(two_actors_give_the_same_weights_whatever_is_killed),
        SCENE(a_classifier_resumes_exactly),
        SCENE(a_ranking_model_resumes_exactly),
        SCENE(similarity_resumes_exactly),
        SCENE(rnd_resumes_exactly),
        SCENE(counts_resume_exactly),
        SCENE(another_seed_gives_other_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
