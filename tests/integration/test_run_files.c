/* SPDX-License-Identifier: MIT */
/* test_run_files.c - one short run, and everything that reads it: where its results go, and who may
 * read it. The run is trained once for all tests, which leave it as it was. */
#define _GNU_SOURCE
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

struct reading {
    char dir[256];     /* holds the run as "run" */
    char replay[400];  /* a kept episode of it, relative to dir */
    char err[400];     /* what the last command said on stderr */
    char command[900]; /* the last command */
};

/* A shell command in the folder of the run, $onic being the program; the exit code, or 128 + the
 * signal that ended it. */
static int in_shell(struct reading *r, const char *command)
{
    char script[1400];
    const char *build = getenv("ONIC_BUILD");
    assert_non_null(build);
    snprintf(r->command, sizeof r->command, "%s", command);
    snprintf(script, sizeof script,
             "cd '%s' && onic='%s/onic' replay='%s' && { %s; } 2>err </dev/null", r->dir, build,
             r->replay, command);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/bin/bash", "bash", "-c", script, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    snprintf(r->err, sizeof r->err, "%.200s/err", r->dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void ends_with(struct reading *r, const char *command, int code, const char *sentence)
{
    int got = in_shell(r, command);
    const char *said = program_text(r->err);
    if (got != code || !strstr(said, sentence))
        fail_msg("%s: exit code %d instead of %d, \"%s\" where \"%s\" was expected", r->command,
                 got, code, said, sentence);
}

static int train_once(void **state)
{
    static struct reading r;
    glob_t found;
    char path[400];
    temp_dir_create(r.dir);
    *state = &r;
    if (in_shell(&r, "yes 1 | head -n 2000 >actions; $onic train --run-dir=run "
                     "--annotator.id=rules --frames=60000 >out 2>&1") != 0)
        return -1;
    snprintf(path, sizeof path, "%.200s/run/replays/*.jsonl", r.dir);
    if (glob(path, 0, NULL, &found) != 0)
        return -1;
    snprintf(r.replay, sizeof r.replay, "%s", found.gl_pathv[0]);
    globfree(&found);
    return 0;
}

static int forget_run(void **state)
{
    temp_dir_remove(((struct reading *)*state)->dir);
    return 0;
}

/* --- results --------------------------------------------------------------------------------- */

/* All that print results, with little and with much to say. */
static const char *const printing[] = {
    "--help",
    "--version",
    "train --help",
    "config",
    "doctor",
    "doctor --json",
    "env list",
    "env list --json=-",
    "env describe corridor:8",
    "env trace corridor:8 --seed=1 --actions=actions",
    "labels count run",
    "labels list run",
    "labels export run",
    "labels export run -",
    "labels top run",
    "labels top run --json",
    "ledger run",
    "ledger run --json",
    "eval run --episodes=1",
    "eval run --episodes=1 --json=-",
    "eval run --episodes=1 --csv=-",
    "eval --random --env.id=corridor:8 --episodes=1 --json -",
    "play run --episodes=1 --speed=0",
    "replay $replay --speed=0",
    "replay $replay --json",
    "replay $replay --explain=1",
    "replay $replay --explain=1 --json",
};
enum { PRINTING = sizeof printing / sizeof printing[0] };

static void a_result_that_does_not_fit_on_the_device_is_74(void **state)
{
    struct reading *r = *state;
    char command[300];
    for (int i = 0; i < PRINTING; i++) {
        snprintf(command, sizeof command, "$onic %s >/dev/full", printing[i]);
        ends_with(r, command, 74, "standard output could not be written");
    }
    ends_with(r, "$onic config >&-", 0, ""); /* closed on purpose: nobody wants it */
    ends_with(r, "$onic play run --episodes=1000000 --speed=0 >/dev/full", 74, "");
    snprintf(command, sizeof command, "'%s/onic-actor' --help >/dev/full", getenv("ONIC_BUILD"));
    ends_with(r, command, 74, "standard output could not be written");
    snprintf(command, sizeof command, "'%s/onic-actor' --describe --env.id=corridor:8 >/dev/full",
             getenv("ONIC_BUILD"));
    ends_with(r, command, 74, "standard output could not be written");
}

/* A command that failed keeps its own exit code and sentence. */
static void a_failure_is_not_covered_by_the_lost_output(void **state)
{
    struct reading *r = *state;
    ends_with(r, "$onic eval nowhere --json=- >/dev/full", 64, "there is no run nowhere");
    assert_null(strstr(program_text(r->err), "standard output"));
}

/* `| head`: by SIGPIPE, and where the caller ignores that, without it. */
static void a_reader_that_leaves_is_no_failure(void **state)
{
    struct reading *r = *state;
    char command[400];
    for (int i = 0; i < PRINTING; i++) {
        snprintf(command, sizeof command,
                 "$onic %s | true; test ${PIPESTATUS[0]} = 141 -o "
                 "${PIPESTATUS[0]} = 0",
                 printing[i]);
        assert_int_equal(in_shell(r, command), 0);
        snprintf(command, sizeof command, "trap '' PIPE; $onic %s | true; exit ${PIPESTATUS[0]}",
                 printing[i]);
        if (in_shell(r, command) != 0 || strstr(program_text(r->err), "standard output"))
            fail_msg("%s: %s", command, program_text(r->err));
    }
}

static void a_result_file_is_tried_before_the_work_and_kept_until_there_is_a_result(void **state)
{
    struct reading *r = *state;
    ends_with(r, "$onic eval run --episodes=10000000 --json=nowhere/x", 73,
              "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic eval run --episodes=10000000 --csv=nowhere/x", 73,
              "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic bench --json=nowhere/x", 73, "nowhere/x cannot be written: No such file");
    ends_with(r, "$onic labels export run nowhere/x", 73, "nowhere/x cannot be written: No such");
    ends_with(r, "$onic eval run --episodes=1 --json=/dev/full", 74,
              "/dev/full could not be written: No space left");
    ends_with(r, "$onic eval run --episodes=1 --csv=/dev/full", 74,
              "/dev/full could not be written: No space left");
    ends_with(r, "$onic labels export run /dev/full", 74, "/dev/full could not be written");
    /* A longer result of before is replaced whole, and only when there is another. */
    ends_with(r, "seq 100000 >kept; $onic eval nowhere --json=kept; test $(wc -l <kept) = 100000",
              0, "there is no run");
    ends_with(
        r,
        "$onic eval run --episodes=1 --json=kept >out && $onic eval run --episodes=1 --json=- "
        ">want && cmp kept want",
        0, "");
    ends_with(r,
              "$onic eval run --episodes=1 --json=>(cat >through) >out; wait $!; cmp through want",
              0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_that_does_not_fit_on_the_device_is_74),
        cmocka_unit_test(a_failure_is_not_covered_by_the_lost_output),
        cmocka_unit_test(a_reader_that_leaves_is_no_failure),
        cmocka_unit_test(a_result_file_is_tried_before_the_work_and_kept_until_there_is_a_result),
    };
    return cmocka_run_group_tests(tests, train_once, forget_run);
}
