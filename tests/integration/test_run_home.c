/* SPDX-License-Identifier: MIT */
/* test_run_home.c - a run whose directory is removed, moved, or used by a new run while it lives:
 * it ends at once and writes nothing where it does not belong. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/scene.h"

#define OPTIONS                                                                                    \
    "--env.id=corridor:8 --annotator.id=rules --frames=1000000000 --metrics.every_s=0.2 "          \
    "--checkpoint.every_s=0.2 --replay.every_episodes=1 --replay.keep=5 --record "                 \
    "--record.max_mb=16 "

static void start(struct scene *s, struct program *p, const char *tag, const char *more)
{
    char args[400];
    snprintf(args, sizeof args, "train --run-dir=run --actors.count=1 " OPTIONS "%s", more);
    program_start(p, s->dir, tag, "onic", args);
    scene_await_metric(s, "checkpoint/written_total", 1);
}

static int shell(const struct scene *s, const char *line)
{
    char command[1200];
    snprintf(command, sizeof command, "cd '%s' && { %s; }", s->dir, line);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void ends_homeless(struct program *p, const char *fate)
{
    assert_int_equal(program_wait(p, SCENE_LONG_MS), 73);
    const char *text = program_text(p->err);
    char sentence[200];
    snprintf(sentence, sizeof sentence,
             "the run directory run %s while the run went on: nothing more is written there, and "
             "the run ends",
             fate);
    if (!strstr(text, sentence) || strstr(text, "cannot be started") ||
        strstr(text, "started again") || strstr(text, "measures it"))
        fail_msg("\"%s\" expected in: %s", sentence, text);
}

/* Without a bound for restarts, as those who kill on purpose start it: it ends all the same. */
static void a_run_whose_directory_is_removed_ends(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "a", "--run.restarts=0");
    assert_int_equal(shell(s, "mv run away && rm -rf away"), 0);
    ends_homeless(&s->a, "was removed or moved");
    assert_int_equal(access(s->run, F_OK), -1);
}

/* The directory goes with all it holds, and what was written until then is whole. */
static void a_run_whose_directory_is_moved_ends_and_goes_on_elsewhere(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "a", "");
    assert_int_equal(shell(s, "mv run moved"), 0);
    ends_homeless(&s->a, "was removed or moved");
    assert_int_equal(access(s->run, F_OK), -1);
    assert_int_equal(
        program_run(&s->a, s->dir, "a", "onic", "train --run-dir=moved --frames=1", SCENE_LONG_MS),
        0);
    assert_non_null(strstr(program_text(s->a.err), "nothing to do: the run in moved"));
}

/* The old one neither prunes nor writes among the files of the new one. */
static void a_new_run_in_its_place_is_left_alone(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "old", "--seed=1");
    assert_int_equal(shell(s, "mv run away && rm -rf away"), 0);
    start(s, &s->b, "new", "--seed=2");
    assert_int_equal(program_wait(&s->a, SCENE_LONG_MS), 73);
    assert_non_null(strstr(program_text(s->a.err), "the run directory run was re"));
    scene_trains_on(s);
    scene_drain(&s->b);
    assert_int_equal(shell(s, "test $(grep -c '\"event\":\"end\"' run/metrics.jsonl) = 1 && "
                              "! grep 'the run directory' run/log/* && "
                              "test $(ls run/replays/*.jsonl | wc -l) = 5 && "
                              "ls run/record/1-*.rec.zst && "
                              "for c in run/checkpoints/ckpt-*; do "
                              "  mkdir -p one/checkpoints && cp run/run_id one && "
                              "  cp $c one/checkpoints && "
                              "  \"$ONIC_BUILD\"/onic eval one --episodes=1 >/dev/null || exit 1; "
                              "  rm -r one; done"),
                     0);
}

/* All that the old one would do by name there shows in the times of files and folders. Both change
 * places at once, so that it cannot see the gap instead. */
static void what_took_its_place_is_left_as_it_was(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "a", "");
    char other[400];
    snprintf(other, sizeof other, "%s/other", s->dir);
    assert_int_equal(shell(s,
                           "{ cp -r run other || :; } 2>/dev/null; rm -rf other/onic-sockets-* && "
                           "tr 0-9a-f 1-9a-f0 <run/run_id >other/run_id && "
                           "(cd other && find . -printf '%p %i %s %T@\\n' | sort) >before"),
                     0);
    assert_int_equal(renameat2(AT_FDCWD, s->run, AT_FDCWD, other, RENAME_EXCHANGE), 0);
    ends_homeless(&s->a, "was replaced by another directory");
    assert_int_equal(
        shell(s, "(cd run && find . -printf '%p %i %s %T@\\n' | sort) | diff before - >&2"), 0);
}

/* The same directory, but emptied. */
static void an_emptied_directory_ends_the_run(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "a", "");
    /* a file may come while the folder it is in is being removed */
    assert_int_equal(shell(s, "until rm -rf run/* 2>/dev/null; do :; done"), 0);
    ends_homeless(&s->a, "was emptied");
}

static void a_learner_alone_ends_too(void **state)
{
    struct scene *s = *state;
    char args[700];
    snprintf(args, sizeof args, "--run-dir=run --reward.model=none --listen=ipc://%s/l " OPTIONS,
             s->dir);
    program_start(&s->a, s->dir, "a", "onic-learner", args);
    scene_await_metric(s, "checkpoint/written_total", 0);
    assert_int_equal(shell(s, "mv run away && rm -rf away"), 0);
    ends_homeless(&s->a, "was removed or moved");
    assert_int_equal(access(s->run, F_OK), -1);
}

/* As some do who think it a left-over. The run goes on, and nobody else can begin. */
static void a_removed_lock_is_taken_again(void **state)
{
    struct scene *s = *state;
    start(s, &s->a, "a", "");
    assert_int_equal(shell(s, "rm run/lock"), 0);
    await_word(s->a.err, "the lock file of the run directory was removed, and is taken again",
               SCENE_LONG_MS);
    assert_int_equal(program_run(&s->b, s->dir, "b", "onic", "train --run-dir=run", SCENE_LONG_MS),
                     73);
    assert_non_null(strstr(program_text(s->b.err), "the run directory run is in use by onic train, "
                                                   "process "));
    scene_trains_on(s);
    scene_drain(&s->a);
}

/* A stranger who could read the lock file of an older onic. */
static void who_only_reads_the_lock_is_told_from_a_run(void **state)
{
    struct scene *s = *state;
    char path[400];
    assert_int_equal(shell(s, "mkdir run && touch run/lock && chmod 644 run/lock"), 0);
    snprintf(path, sizeof path, "%s/lock", s->run);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    scene_fails(s, "onic", "train --run-dir=run --annotator.id=rules", 73,
                "run/lock is locked by a process that does not run this run");
    close(fd);
    assert_int_equal(shell(s, "test $(stat -c %a run/lock) = 600"), 0);
    start(s, &s->a, "a", "");
    scene_drain(&s->a);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_run_whose_directory_is_removed_ends),
        SCENE(a_run_whose_directory_is_moved_ends_and_goes_on_elsewhere),
        SCENE(a_new_run_in_its_place_is_left_alone),
        SCENE(what_took_its_place_is_left_as_it_was),
        SCENE(an_emptied_directory_ends_the_run),
        SCENE(a_learner_alone_ends_too),
        SCENE(a_removed_lock_is_taken_again),
        SCENE(who_only_reads_the_lock_is_told_from_a_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
