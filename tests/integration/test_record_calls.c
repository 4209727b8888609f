/* SPDX-License-Identifier: MIT */
/* test_record_calls.c - whichever write or fsync of a recording fails: the run goes on without it
 * and says so, what was recorded before is repeated bit for bit, and a half is never called a
 * difference. */
#define _GNU_SOURCE
#include <string.h>

#include "tests/support/failing_call.h"
#include "tests/support/scene.h"

static const char run[] =
    "train --env.id=minigrid:Empty-5x5 --actors.count=1 --env.count=8 --train.rollout=16 "
    "--train.batch=256 --annotator.id=rules --metrics.tensorboard=false "
    "--checkpoint.every_updates=10 --record --run-dir=run --run.on_exists=overwrite --frames=8192";

enum { EMPTY_MOST = 4 }; /* writes before the first update, at most */

/* False: a run makes fewer calls of this kind. */
static bool a_run_survives(struct scene *s, const char *call, int n, const char *error)
{
    char line[2600], mark[400];
    snprintf(mark, sizeof mark, "%s/struck", s->dir);
    snprintf(line, sizeof line, "%s exec $ONIC_BUILD/onic %s",
             failing_call(call, n, error, "/record/", mark), run);
    program_start_shell(&s->a, s->dir, "a", line);
    int code = program_wait(&s->a, SCENE_LONG_MS);
    bool struck = access(mark, F_OK) == 0;
    const char *text = program_text(s->a.err);
    bool said = strstr(text, "the run is not recorded any more and goes on") ||
                strstr(text, "the end of the recording may not be on the disk");
    if (code || said != (struck && strcmp(error, "short") != 0))
        fail_msg("%s %d %s: exit code %d\n%s", call, n, error, code, text);
    code = program_run(&s->b, s->dir, "b", "onic", "replay-run run", SCENE_LONG_MS);
    /* before the first update is written there is nothing to compare, and that is said */
    bool none = n <= EMPTY_MOST && code == 64 && strstr(program_text(s->b.err), "holds no update");
    if (!none && (code || !strstr(program_text(s->b.out), "are equal to what was recorded")))
        fail_msg("%s %d %s: replay-run ends with %d\n%s", call, n, error, code,
                 program_text(s->b.err));
    return struck;
}

static void whichever_call_fails(struct scene *s, const char *call, const char *error, int least)
{
    int struck = 0;
    for (int n = 1; a_run_survives(s, call, n, error); n += 1 + n / 4)
        struck++;
    assert_true(struck >= least);
}

static void a_disk_that_fails_ends_a_recording_and_no_run(void **state)
{
    whichever_call_fails(*state, "write", "EIO", 8);
    whichever_call_fails(*state, "fsync", "EIO", 3);
}

static void a_full_disk_ends_a_recording_and_no_run(void **state)
{
    whichever_call_fails(*state, "write", "ENOSPC", 8);
}

/* Written again from where the system stopped: nothing is missing. */
static void half_a_write_is_none_lost(void **state)
{
    whichever_call_fails(*state, "write", "short", 8);
}

int main(void)
{
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_disk_that_fails_ends_a_recording_and_no_run),
        SCENE(a_full_disk_ends_a_recording_and_no_run),
        SCENE(half_a_write_is_none_lost),
    };
#undef SCENE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
