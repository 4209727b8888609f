/* SPDX-License-Identifier: MIT */
/* child.c - one supervised process; see child.h.
 *
 * The child's stderr is a file and not a pipe to us: if we are killed, a pipe would kill the child
 * with SIGPIPE in the middle of its drain. The death signal asks it to drain instead, so no child
 * outlives a run's front end. SIGINT is blocked in children: Ctrl-C reaches the whole process
 * group, but the order of a drain (actors and learner, then the reward server) is ours. Variables
 * ONIC_SECTION_KEY are removed from the environment: they are already in config.yaml, and would
 * otherwise win over the command line there. */
#define _GNU_SOURCE
#include "deploy/launcher/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/process.h"
#include "common/base/run_lock.h"
#include "common/config/overlay.h"

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

/* In the forked child: never returns. */
static void become(const struct child *c, const struct child_start *how, pid_t parent, int log)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* the parent died before the line above */
        _exit(75);
    signal(SIGPIPE, SIG_DFL);
    clean_environment();
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (c->spec->kind == CHILD_LEARNER && how->lock_fd >= 0)
        run_lock_pass(how->lock_fd);
    if (c->spec->kind == CHILD_LEARNER && how->panel_fd >= 0) {
        char name[16];
        fcntl(how->panel_fd, F_SETFD, 0);
        snprintf(name, sizeof name, "fd:%d", how->panel_fd);
        setenv("ONIC_PANEL", name, 1);
    }
    sigprocmask(SIG_SETMASK, how->mask, NULL);
    process_restore_limits(); /* it raises them itself, and knows what its own children get */
    execv(c->spec->argv[0], c->spec->argv);
    fprintf(stderr, "onic: %s cannot be executed: %s\n", c->spec->argv[0], strerror(errno));
    _exit(127);
}

int child_start(struct child *c, const struct child_start *how, struct onic_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/log/%s.log", how->run_dir, c->spec->role);
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return err_set(err, ONIC_EIO, "%s cannot be opened: %s", path, strerror(errno));
    if (c->log_fd < 0) {
        c->log_fd = open(path, O_RDONLY | O_CLOEXEC);
        if (c->log_fd >= 0)
            lseek(c->log_fd, 0, SEEK_END); /* earlier lives are not shown again */
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(c, how, parent, log);
    close(log);
    if (pid < 0)
        return err_set(err, ONIC_EIO, "a process for %s cannot be created: %s", c->spec->role,
                       strerror(errno));
    c->pid = pid;
    c->started_ms = clock_ms();
    c->restart_at_ms = 0;
    return ONIC_OK;
}

/* The level of a line in the form of log.h, '?' when it has another form (a crash, a sanitizer,
 * last words). */
static char level_of(const char *line)
{
    static const char *const levels[] = {" error ", " warn ", " info ", " debug "};
    if (strlen(line) < 32 || line[4] != '-' || line[10] != 'T' || line[23] != 'Z')
        return '?';
    for (int i = 0; i < 4; i++)
        if (strncmp(line + 24, levels[i], strlen(levels[i])) == 0)
            return "ewid"[i];
    return '?';
}

static void show_held(struct child *c, struct panel *panel)
{
    char level = level_of(c->held);
    if (c->held[0] &&
        (c->spec->kind == CHILD_LEARNER || level == 'e' || level == 'w' || level == '?')) {
        char line[CHILD_LINE_MAX + 1];
        int n = snprintf(line, sizeof line, "%s\n", c->held);
        panel_line(panel, line, (size_t)n);
    }
    c->held[0] = '\0';
}

static void end_line(struct child *c, struct panel *panel)
{
    c->partial[c->partial_len] = '\0';
    c->partial_len = 0;
    if (!c->partial[0])
        return;
    show_held(c, panel);
    memcpy(c->held, c->partial, sizeof c->held);
    memcpy(c->last_words, c->partial, sizeof c->last_words);
}

void child_follow(struct child *c, struct panel *panel, bool dead, bool quiet_end)
{
    char bytes[4096];
    ssize_t n;
    if (c->log_fd < 0)
        return;
    show_held(c, panel);
    while ((n = read(c->log_fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n' || c->partial_len == CHILD_LINE_MAX - 1)
                end_line(c, panel);
            if (bytes[i] != '\n')
                c->partial[c->partial_len++] = bytes[i];
        }
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
    if (c->log_fd >= 0)
        close(c->log_fd);
    c->log_fd = -1;
}
