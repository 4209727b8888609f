/* SPDX-License-Identifier: MIT */
/* test_watch.c - `onic watch`: another terminal sees what a run does while it trains, leaves when
 * it ends, and the run is as if nobody had looked. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/pty.h"
#include "tests/support/scene.h"

static struct pty t;

static void watch_it(const struct scene *s, const char *args)
{
    char line[600];
    snprintf(line, sizeof line, "exec onic watch run %s", args);
    pty_start(&t, 44, 100, s->dir, line);
}

static void it_leaves(const char *part)
{
    assert_int_equal(pty_end(&t), 0);
    assert_true(pty_is_restored(&t));
    if (part && !vt_shows(&t.vt, part))
        fail_msg("'%s' is not shown, but '%s'", part, vt_last_row(&t.vt));
    pty_close(&t);
}

static void kept_episodes_and_the_newest_checkpoint_are_shown(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--replay.every_episodes=100000 --checkpoint.every_s=1");
    watch_it(s, "--speed=0");
    pty_await(&t, "kept episode 0");
    pty_await(&t, "paid "); /* the ticks */
    pty_await(&t, "checkpoint of ");
    pty_await(&t, "value ext ");
    scene_trains_on(s);
    scene_drain(&s->a);
    it_leaves("onic watch: run has ended");
    scene_ledger_is_balanced(s);
}

/* Each of the two alone; there is nothing yet, and then there is. */
static void what_is_not_there_yet_is_waited_for(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--replay.every_episodes=0");
    watch_it(s, "--kept");
    pty_await(&t, "waiting for the first kept episode of run");
    pty_type(&t, "q");
    it_leaves(NULL);
    watch_it(s, "--policy --speed=50");
    pty_await(&t, "weights version ");
    pty_type(&t, "\x03");
    it_leaves(NULL);
    watch_it(s, "--kept");
    pty_await(&t, "waiting for the first kept episode of run");
    scene_trains_on(s);
    scene_drain(&s->a);
    it_leaves("onic watch: run has ended");
}

/* A run that dies without a word has ended, too. Without a terminal a step is a line, at its pace.
 * */
static void a_run_that_is_killed_has_ended(void **state)
{
    struct scene *s = *state;
    scene_train(s, "--replay.every_episodes=0");
    program_start(&s->b, s->dir, "b", "onic", "watch run --speed=50");
    await_word(s->b.out, "episode 1  step 3 ", SCENE_SOON_MS);
    program_kill(&s->a);
    assert_int_equal(program_wait(&s->b, SCENE_SOON_MS), 0);
    assert_non_null(strstr(program_text(s->b.err), "onic watch: run has ended"));
}

static void what_cannot_be_watched_is_said(void **state)
{
    struct scene *s = *state;
    scene_fails(s, "onic", "watch", 64, "give the directory of a run");
    scene_fails(s, "onic", "watch nowhere", 64, "there is no run nowhere");
    scene_fails(s, "onic", "watch a b", 64, "watch one at a time");
    mkdir(s->run, 0777);
    scene_fails(s, "onic", "watch run", 64, "no run is under way in run: `onic play`");
    scene_train(s, "");
    struct program run = s->a; /* what fails takes its place */
    scene_fails(s, "onic", "watch run/config.yaml", 64, "is no run directory");
    scene_fails(s, "onic", "watch run --policy.net=mlp", 64, "another network");
    scene_drain(&run);
    scene_fails(s, "onic", "watch run", 64, "no run is under way in run: `onic play`");
}

int main(void)
{
#define WATCHED(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        WATCHED(kept_episodes_and_the_newest_checkpoint_are_shown),
        WATCHED(what_is_not_there_yet_is_waited_for),
        WATCHED(a_run_that_is_killed_has_ended),
        WATCHED(what_cannot_be_watched_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
