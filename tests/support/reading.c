/* SPDX-License-Identifier: MIT */
/* reading.c - see reading.h. */
#define _GNU_SOURCE
#include "tests/support/reading.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"

int in_shell(struct reading *r, const char *command)
{
    char script[1400];
    const char *build = getenv("ONIC_BUILD");
    assert_non_null(build);
    snprintf(r->command, sizeof r->command, "%s", command);
    snprintf(script, sizeof script,
             "cd '%s' && onic='%s/onic' run=run replay='%s' && { %s; } 2>err </dev/null", r->dir,
             build, r->replay, command);
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

void ends_with(struct reading *r, const char *command, int code, const char *sentence)
{
    int got = in_shell(r, command);
    const char *said = program_text(r->err);
    if (got != code || !strstr(said, sentence))
        fail_msg("%s: exit code %d instead of %d, \"%s\" where \"%s\" was expected", r->command,
                 got, code, said, sentence);
}

int reading_setup(void **state)
{
    static struct reading r;
    struct program trained;
    glob_t found;
    char path[400], run[400];
    temp_dir_create(r.dir);
    *state = &r;
    if (in_shell(&r, "chmod 755 .; yes 1 | head -n 2000 >actions") != 0)
        return -1;
    program_train_until(&trained, r.dir, "--annotator.id=rules", "annot/labels_total", 0);
    snprintf(path, sizeof path, "%.200s/run/replays/*.jsonl", r.dir);
    snprintf(run, sizeof run, "%.200s/run", r.dir);
    while (glob(path, 0, NULL, &found) != 0) /* no episode was kept yet */
        program_train_until(&trained, r.dir, "", "env_steps",
                            metrics_last(run, "env_steps") + 60000);
    snprintf(r.replay, sizeof r.replay, "%s", found.gl_pathv[0]);
    globfree(&found);
    return 0;
}

int reading_teardown(void **state)
{
    temp_dir_remove(((struct reading *)*state)->dir);
    return 0;
}
