/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SUPERVISED_H
#define ONIC_TESTS_SUPPORT_SUPERVISED_H

/* supervised.h - a supervisor with parts that are shell scripts: they die, hang and drain on
 * demand. Header only, as the test support library does not link the supervisor.
 *
 * supervise() runs in a child of the test, so that signals and exit codes are real. Each part
 * appends words to <dir>/events; the test waits for words, never for time. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deploy/cli/supervise.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/program.h"

enum { SUPERVISED_PARTS_MAX = 4 };

struct supervised {
    char dir[256];
    struct child_spec specs[SUPERVISED_PARTS_MAX];
    char scripts[SUPERVISED_PARTS_MAX][300];
    char *argv[SUPERVISED_PARTS_MAX][3];
    struct supervise_params params;
    pid_t pid; /* of the supervisor */
};

static char supervised_shell[] = "/bin/sh";

static inline int setup(void **state)
{
    static struct supervised s;
    memset(&s, 0, sizeof s);
    temp_dir_create(s.dir);
    char path[300];
    snprintf(path, sizeof path, "%s/log", s.dir);
    if (mkdir(path, 0700) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/events", s.dir);
    files_write(path, "");
    s.params = (struct supervise_params){.run_dir = s.dir,
                                         .children = s.specs,
                                         .lock_fd = -1,
                                         .restarts = 5,
                                         .stall_warn_s = 100,
                                         .stall_kill_s = 100,
                                         .drain_s = 60};
    *state = &s;
    return 0;
}

static inline int teardown(void **state)
{
    struct supervised *s = *state;
    if (s->pid) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    temp_dir_remove(s->dir);
    return 0;
}

/* A part that runs `body`; $EV appends a word to the events. */
static inline void part(struct supervised *s, const char *role, enum child_kind kind,
                        const char *body)
{
    int i = s->params.count++;
    assert_true(i < SUPERVISED_PARTS_MAX);
    char path[300];
    snprintf(path, sizeof path, "%s/%s.sh", s->dir, role);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "cd '%s'\nev() { echo \"$1\" >> events; }\n"
            "beat() { printf x > /proc/$$/fd/${ONIC_PULSE#fd:}; }\n"
            "await() { while ! grep -q \"$1\" \"${2:-events}\"; do sleep 0.05; done; }\n%s\n",
            s->dir, body);
    fclose(f);
    memcpy(s->scripts[i], path, sizeof path);
    s->argv[i][0] = supervised_shell;
    s->argv[i][1] = s->scripts[i];
    s->specs[i] = (struct child_spec){.kind = kind, .argv = s->argv[i]};
    snprintf(s->specs[i].role, sizeof s->specs[i].role, "%s", role);
}

static inline void start(struct supervised *s)
{
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid) {
        setpgid(s->pid, s->pid);
        return;
    }
    setpgid(0, 0);
    char path[300];
    struct onic_err sentence = {0};
    snprintf(path, sizeof path, "%s/stderr", s->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, STDERR_FILENO);
    int code = supervise(&s->params, &sentence);
    fprintf(stderr, "SENTENCE %s\n", sentence.msg);
    _exit(code);
}

static inline const char *slurp(struct supervised *s, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return program_text(path);
}

static inline bool gone(void *ctx)
{
    struct supervised *s = ctx;
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == s->pid;
}

/* A run that should end and does not is a failure, not a test that hangs. */
static inline int finish(struct supervised *s)
{
    int status = 0;
    if (!wait_until(gone, s, 60000))
        fail_msg("the run does not end: %.2000s", slurp(s, "stderr"));
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    s->pid = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static inline int count_word(struct supervised *s, const char *name, const char *word)
{
    int n = 0;
    for (const char *p = slurp(s, name); (p = strstr(p, word)) != NULL; p++)
        n++;
    return n;
}

struct wish {
    struct supervised *s;
    const char *file, *word;
    int times;
};

static inline bool wish_came_true(void *ctx)
{
    struct wish *w = ctx;
    return count_word(w->s, w->file, w->word) >= w->times;
}

static inline void await(struct supervised *s, const char *word, int times)
{
    struct wish w = {s, "events", word, times};
    if (!wait_until(wish_came_true, &w, 30000)) {
        print_error("no '%s' x %d in: %s\n", word, times, slurp(s, "events"));
        print_error("stderr: %s\n", slurp(s, "stderr"));
        fail();
    }
}

/* A part that says so when it is up and when SIGTERM comes. (A shell runs its trap when the sleep
 * is over.) */
#define UNTIL_TERM(word)                                                                           \
    "trap 'ev " word "-term; exit 0' TERM; ev " word "-up; while :; do sleep 0.1; done"

#endif /* ONIC_TESTS_SUPPORT_SUPERVISED_H */
