/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_unequal_actors.c - actors whose hosts carry different numbers of environments, in lock-step:
 * a batch is complete by its number of trajectories, whatever their widths, and the run is the same
 * whoever comes first or is killed; its record, too. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "common/checkpoint/checkpoint.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/scene.h"

enum { ACTORS = 2, FRAMES = 40000, UPDATE_STEPS = 4 * 16 * (1 + 16) };

/* The learner's number is 4: four rounds of 16 steps make its 512. The narrow one comes first in a
 * batch, so whoever goes by the first one's width has the fewest. */
static const int width[ACTORS] = {1, 16};

struct lockstep {
    char dir[256], run[300];
    struct program learner, actor[ACTORS], other;
};

static int setup(void **state)
{
    static struct lockstep s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct lockstep *s = *state;
    for (int i = 0; i < ACTORS; i++)
        program_kill(&s->actor[i]);
    program_kill(&s->other);
    program_kill(&s->learner);
    temp_dir_remove(s->dir);
    return 0;
}

static void start_actor(struct lockstep *s, int i)
{
    char args[500], tag[32];
    snprintf(args, sizeof args, "--learner=ipc://%s/t --actors.id=%d --env.count=%d", s->dir, i,
             width[i]);
    snprintf(tag, sizeof tag, "actor-%d", i);
    program_start(&s->actor[i], s->dir, tag, "onic-actor", args);
}

static void start_learner(struct lockstep *s, const char *run)
{
    char args[900];
    snprintf(args, sizeof args,
             "--run-dir=%s --listen=ipc://%s/t --run.deterministic=true --record.on=true "
             "--actors.count=%d --env.id=minigrid:KeyCorridorS3R3 --env.count=4 "
             "--train.rollout=16 --train.batch=512 --reward.model=counts --run.frames=%d "
             "--checkpoint.every_updates=5 --metrics.every_s=0.1",
             run, s->dir, ACTORS, FRAMES);
    snprintf(s->run, sizeof s->run, "%.200s/%s", s->dir, run);
    program_start(&s->learner, s->dir, run, "onic-learner", args);
}

static void ends_well(struct program *p, const char *name)
{
    int code = program_wait(p, SCENE_LONG_MS);
    if (code)
        fail_msg("%s ended with %d: %s", name, code, program_text(p->err));
}

static void finish(struct lockstep *s)
{
    ends_well(&s->learner, "the learner");
    for (int i = 0; i < ACTORS; i++)
        ends_well(&s->actor[i], "an actor");
    double updates = metrics_last(s->run, "updates"), steps = metrics_last(s->run, "env_steps");
    assert_true(updates > 20);
    assert_close(steps, updates * UPDATE_STEPS, 1e-9, 0);
}

static bool has_begun(void *ctx)
{
    return metrics_last(ctx, "updates") >= 5;
}

/* Another number of environments cannot go on where this actor was. */
static void another_width_is_refused(struct lockstep *s, int i)
{
    char args[500];
    snprintf(args, sizeof args, "--learner=ipc://%s/t --actors.id=%d --env.count=%d", s->dir, i,
             width[i] + 1);
    int code = program_run(&s->other, s->dir, "other", "onic-actor", args, SCENE_LONG_MS);
    const char *said = program_text(s->other.err);
    if (code != 64 || !strstr(said, "env.count must stay"))
        fail_msg("%d: %s", code, said);
}

static struct checkpoint_file *last_checkpoint(const struct lockstep *s, const char *run)
{
    char path[400];
    struct checkpoint_file *f = NULL;
    snprintf(path, sizeof path, "%s/%s/checkpoints", s->dir, run);
    assert_ok(checkpoint_newest_valid(&f, path, NULL, &err));
    return f;
}

static void assert_equal_weights(const struct lockstep *s, const char *a, const char *b)
{
    struct checkpoint_file *x = last_checkpoint(s, a), *y = last_checkpoint(s, b);
    int compared = 0;
    for (int i = 0; i < checkpoint_count(x); i++) {
        const struct checkpoint_tensor *t = checkpoint_at(x, i);
        if (t->dtype != CHECKPOINT_F32)
            continue;
        const struct checkpoint_tensor *u = checkpoint_find(y, t->name);
        assert_non_null(u);
        if (t->bytes != u->bytes || memcmp(t->data, u->data, t->bytes) != 0)
            fail_msg("%s and %s differ in %s", a, b, t->name);
        compared++;
    }
    assert_true(compared >= 10);
    checkpoint_close(x);
    checkpoint_close(y);
}

static void repeats(struct lockstep *s, const char *run)
{
    char args[100];
    snprintf(args, sizeof args, "replay-run %s", run);
    int code = program_run(&s->other, s->dir, "other", "onic", args, SCENE_LONG_MS);
    if (code)
        fail_msg("%s: %d: %s", args, code, program_text(s->other.err));
    assert_non_null(strstr(program_text(s->other.out), "are equal to what was recorded"));
}

static void unequal_actors_make_the_same_run_whoever_comes_first_or_is_killed(void **state)
{
    struct lockstep *s = *state;
    start_learner(s, "a");
    for (int i = 0; i < ACTORS; i++)
        start_actor(s, i);
    finish(s);
    start_learner(s, "b");
    start_actor(s, 1); /* the wide one first */
    start_actor(s, 0);
    if (!wait_until(has_begun, s->run, SCENE_LONG_MS))
        fail_msg("it does not begin: %s", program_text(s->learner.err));
    program_kill(&s->actor[1]);
    another_width_is_refused(s, 1);
    start_actor(s, 1);
    finish(s);
    assert_equal_weights(s, "a", "b");
    repeats(s, "a");
    repeats(s, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            unequal_actors_make_the_same_run_whoever_comes_first_or_is_killed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
