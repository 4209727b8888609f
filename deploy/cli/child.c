/* SPDX-License-Identifier: MIT */
/* child.c - one supervised process; see child.h.
 *
 * The child's stderr is a file and not a pipe to us: if we are killed, a pipe would kill the child
 * with SIGPIPE in the middle of its drain. The death signal asks it to drain instead, so no child
 * outlives a run's front end. SIGINT is blocked in children: Ctrl-C reaches the whole process
 * group, but the order of a drain (actors and learner, then the reward server) is ours. Variables
 * ONIC_SECTION_KEY are removed from the environment: they are already in config.yaml, and would
 * otherwise win over the command line there. API keys reach the reward server alone. */
#define _GNU_SOURCE
#include "deploy/cli/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/log_json.h"
#include "common/base/log_line.h"
#include "common/base/plain_file.h"
#include "common/base/process.h"
#include "common/base/rotated.h"
#include "common/base/run_lock.h"
#include "common/base/secrets.h"
#include "common/base/shown.h"
#include "common/config/overlay.h"

enum { LOOK_FOR_LOG_MS = 500, LAST_WORDS_MS = 5000 };

static void clean_environment(void)
{
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char key[64], name[80];
        config_key(i, key);
        snprintf(name, sizeof name, "ONIC_%s", key);
        for (char *p = name; *p; p++)
            *p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
        unsetenv(name);
    }
    setenv("OPENBLAS_NUM_THREADS", "1", 0); /* threads are the learner's own; see train.threads */
}

static void child_pass_on(int fd, const char *variable)
{
    char name[16];
    fcntl(fd, F_SETFD, 0);
    snprintf(name, sizeof name, "fd:%d", fd);
    setenv(variable, name, 1);
}

/* In the forked child: never returns. */
static void child_become(const struct child *c, const struct child_start *how, pid_t parent,
                         int log)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* the parent died before the line above */
        _exit(75);
    signal(SIGPIPE, SIG_DFL);
    clean_environment();
    if (c->spec->kind != CHILD_REWARD)
        secrets_forget();
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (c->spec->kind == CHILD_LEARNER && how->lock_fd >= 0)
        run_lock_pass(how->lock_fd);
    if (c->spec->kind == CHILD_LEARNER && how->panel_fd >= 0)
        child_pass_on(how->panel_fd, "ONIC_PANEL");
    if (c->spec->kind == CHILD_LEARNER && how->pulse_fd >= 0)
        child_pass_on(how->pulse_fd, "ONIC_PULSE");
    setenv("ONIC_STDERR", c->log_path, 1);
    sigprocmask(SIG_SETMASK, how->mask, NULL);
    process_restore_limits(); /* it raises them itself, and knows what its own children get */
    execv(c->spec->argv[0], c->spec->argv);
    log_say(LOG_ERROR, "onic", "%s cannot be executed: %s", c->spec->argv[0], strerror(errno));
    _exit(127);
}

/* The log of the child for writing; its folder may have been tidied away. */
static int child_open_log(struct child *c, const char *run_dir, struct onic_err *err)
{
    char dir[sizeof c->log_path], whole[PATH_MAX];
    snprintf(dir, sizeof dir, "%s/log", run_dir);
    if (plain_folder_make(dir, err) != ONIC_OK)
        return err->code = ONIC_EIO; /* there may be room soon */
    snprintf(c->log_path, sizeof c->log_path, "%.4000s/%s.log", realpath(dir, whole) ? whole : dir,
             c->spec->role);
    int log = plain_file_open_own(c->log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (log < 0)
        return err_set(err, ONIC_EIO, "%s cannot be opened: %s", c->log_path,
                       plain_file_why(errno));
    if (c->log_fd >= 0) {
        rotated_folder_forget(&c->log_folder);
    } else {
        c->log_fd = plain_file_open_own(c->log_path, O_RDONLY, 0);
        if (c->log_fd >= 0)
            lseek(c->log_fd, 0, SEEK_END); /* earlier lives are not shown again */
    }
    if (c->log_fd >= 0)
        c->log_folder = rotated_folder_of(c->log_path);
    return log;
}

int child_start(struct child *c, const struct child_start *how, struct onic_err *err)
{
    c->started_ms = clock_ms(); /* what cannot be started has not lived, and is not forgotten */
    int log = child_open_log(c, how->run_dir, err);
    if (log < 0)
        return log;
    c->oom_kills = limits_oom_kills("");
    c->stalled = false;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        child_become(c, how, parent, log);
    int rc = pid < 0 ? limits_no_process(c->spec->role, errno, err) : ONIC_OK;
    close(log);
    if (rc)
        return rc;
    c->pid = pid;
    c->restart_at_ms = 0;
    return ONIC_OK;
}

static void show_held(struct child *c, struct panel *panel)
{
    char level = log_line_level(c->held, strlen(c->held));
    if (c->held[0] &&
        (c->spec->kind == CHILD_LEARNER || level == 'e' || level == 'w' || level == '?')) {
        char line[CHILD_LINE_MAX + 1];
        int n = snprintf(line, sizeof line, "%s\n", c->held);
        panel_line(panel, line, (size_t)n);
    }
    c->held[0] = '\0';
}

/* A sentence that is no logger's is said before the end, which repeats it: it waits for that. */
static bool may_be_last_words(const struct child *c)
{
    return log_line_level(c->held, strlen(c->held)) == '?' &&
           clock_ms() - c->held_ms < LAST_WORDS_MS;
}

static void end_line(struct child *c, struct panel *panel)
{
    c->partial[c->partial_len] = '\0';
    c->partial_len = 0;
    if (!c->partial[0])
        return;
    shown_clean_line(c->partial, strlen(c->partial)); /* not every word is a logger's */
    show_held(c, panel);
    memcpy(c->held, c->partial, sizeof c->held);
    c->held_ms = clock_ms();
    if (!log_json_message(c->partial, c->last_words, sizeof c->last_words))
        memcpy(c->last_words, c->partial, sizeof c->last_words);
}

static void read_log(struct child *c, struct panel *panel)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(c->log_fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n' || c->partial_len == CHILD_LINE_MAX - 1)
                end_line(c, panel);
            if (bytes[i] != '\n')
                c->partial[c->partial_len++] = bytes[i];
        }
}

/* The log was renamed or deleted: the child goes on in the old file until its next line, so we do
 * too, until there is something in the new one. */
static void find_new_log(struct child *c, struct panel *panel)
{
    struct stat st;
    off_t at = lseek(c->log_fd, 0, SEEK_CUR);
    if (fstat(c->log_fd, &st) == 0 && st.st_size < at) /* copied and truncated */
        lseek(c->log_fd, 0, SEEK_SET);
    if (!rotated_away(c->log_fd, c->log_path) || stat(c->log_path, &st) != 0 || st.st_size == 0 ||
        !rotated_folder_is(&c->log_folder, c->log_path)) /* another run's */
        return;
    int now = plain_file_open_own(c->log_path, O_RDONLY, 0);
    if (now < 0)
        return;
    read_log(c, panel); /* what was written before the child changed over */
    close(c->log_fd);
    c->log_fd = now;
}

void child_follow(struct child *c, struct panel *panel, bool dead, bool quiet_end)
{
    if (c->log_fd < 0)
        return;
    if (!may_be_last_words(c))
        show_held(c, panel);
    if (!c->log_stays && (dead || log_every_ms(&c->log_looked_ms, LOOK_FOR_LOG_MS)))
        find_new_log(c, panel);
    read_log(c, panel);
    if (dead) {
        end_line(c, panel);
        if (quiet_end)
            c->held[0] = '\0';
        show_held(c, panel);
    }
}

bool child_reap(struct child *c, int *status)
{
    if (!c->pid || waitpid(c->pid, status, WNOHANG) != c->pid)
        return false;
    c->pid = 0;
    return true;
}

void child_signal(const struct child *c, int sig)
{
    if (c->pid)
        kill(c->pid, sig);
}

void child_close(struct child *c)
{
    if (c->log_fd >= 0) {
        close(c->log_fd);
        rotated_folder_forget(&c->log_folder);
    }
    c->log_fd = -1;
}
