/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_CHILD_H
#define ONIC_DEPLOY_CLI_CHILD_H

/* child.h - one process of a run: start it, follow its log, reap it. Policy is in supervise.c. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/log_line.h"
#include "common/base/rotated.h"
#include "common/metrics/panel.h"
#include "deploy/cli/deaths.h"
#include "deploy/cli/supervise.h"

enum { CHILD_LINE_MAX = LOG_LINE_MAX };

struct child {
    const struct child_spec *spec;
    pid_t pid;             /* 0 = not running */
    int64_t started_ms;    /* of the last start */
    int64_t restart_at_ms; /* 0 = no restart planned */
    int backoff_ms;
    struct deaths deaths;
    int64_t oom_kills;                /* limits_oom_kills at the last start */
    bool stalled;                     /* killed by us for want of a pulse */
    bool disk_failed;                 /* one of its deaths was exit code 74 */
    char log_path[4096];              /* absolute */
    int log_fd;                       /* followed log, -1 = not open */
    struct rotated_folder log_folder; /* of the followed log */
    int64_t log_looked_ms;            /* was it rotated away? */
    bool log_stays;                   /* what is there under its name now is not this child's */
    char partial[CHILD_LINE_MAX];     /* line that has not ended yet */
    size_t partial_len;
    char held[CHILD_LINE_MAX];       /* newest line, shown on the next tick, a program's last words
                                        only when it lives on; "" = none */
    int64_t held_ms;                 /* when it was read */
    char last_words[CHILD_LINE_MAX]; /* newest line that is not empty */
};

struct child_start {
    const char *run_dir;
    int lock_fd, panel_fd, pulse_fd; /* -1 = none; the learner's only */
    const sigset_t *mask;            /* signal mask of the child */
};

/* Forks and executes. ONIC_EIO when its log cannot be written, ONIC_ECONFIG when there may be no
 * further process; the child's own failure to execute is its exit code 127. */
int child_start(struct child *c, const struct child_start *how, struct onic_err *err);
/* Reads what the child has written since the last call and shows it, also when its log was rotated
 * away or truncated meanwhile. dead: also the line without a newline; quiet_end: the newest line is
 * kept back (it becomes the sentence of the run). */
void child_follow(struct child *c, struct panel *panel, bool dead, bool quiet_end);
/* True when the process has ended; *status as of waitpid. */
bool child_reap(struct child *c, int *status);
void child_signal(const struct child *c, int sig); /* no-op when not running */
void child_close(struct child *c);

#endif /* ONIC_DEPLOY_CLI_CHILD_H */
