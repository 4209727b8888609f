/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RUN_STATUS_H
#define ONIC_DEPLOY_CLI_RUN_STATUS_H

/* run_status.h - how a run is, out of its directory alone: for whoever may read it, on any machine
 * that sees it, whether the run lives or not. Nothing is written, and nothing of the files is
 * trusted: what is not there or no number is unknown. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/ledger.h"
#include "learner/process/stop.h"

enum { RUN_STATUS_WARNINGS = 5, RUN_STATUS_TEXT_MAX = 512 };

enum run_state {
    RUN_RUNNING,  /* somebody runs it */
    RUN_STOPPED,  /* drained; the same command goes on */
    RUN_CRASHED,  /* its last life was killed, or ended with an error */
    RUN_FINISHED, /* run.frames, stop.success or stop.wall_s is reached */
};

struct run_status_line {
    char time[32], level[8], role[64], text[RUN_STATUS_TEXT_MAX];
};

/* What the stored options say; run_status_open.h reads them. */
struct run_status_wish {
    const char *dir; /* borrowed, like all text here */
    struct stop_params stop;
    bool wants_labels;
};

struct run_status {
    enum run_state state;
    char stuck[352];               /* why no checkpoint can be gone on with, or "" */
    char why[RUN_STATUS_TEXT_MAX]; /* one sentence; "" where there is nothing to say */
    bool locked_known;             /* false: judged by the age of the last line */
    int lives;                     /* 0: not known */
    int exit_code;                 /* of the last life, -1: it said none */
    json_t *last;                  /* last line of metrics.jsonl; NULL: none; owned */
    bool last_is_older;            /* of a life before the one that runs */
    double age_s;                  /* of that line; NAN */
    double steps, steps_per_s, steps_per_s_1min, progress, eta_s; /* NAN: not known */
    bool eta_at_most;                                             /* stop.success may come first */
    double checkpoint_steps, checkpoint_age_s;                    /* of the newest; NAN */
    const char *annotator;     /* "none", "ok", "waiting", "unreachable", "unknown"; static */
    const char *annotator_why; /* borrowed from last; "" */
    bool has_ledger;
    struct ledger ledger;
    struct run_status_line warning[RUN_STATUS_WARNINGS]; /* oldest first */
    int warnings;
};

/* ONIC_ENOTFOUND, ONIC_ECONFIG, ONIC_EAUTH: no run, or it may not be read. */
int run_status_read(struct run_status *out, const struct run_status_wish *w, struct onic_err *err);
void run_status_free(struct run_status *s);
const char *run_state_name(enum run_state state);
/* A number of the last line; NAN when it is not there. */
double run_status_number(const struct run_status *s, const char *key);

/* run_status_log.c: the next whole line of what lies from *at up to end, without its newline: *len
 * bytes, zero bytes among them, and a NUL. NULL: there is no more. */
char *run_status_next_line(char **at, const char *end, size_t *len);
/* run_status_log.c: the newest warnings and errors of RUN/log, into s. */
void run_status_warnings(struct run_status *s, const char *dir);
/* run_status_lock.c: does a process hold the lock of the run? -1: that cannot be told. since: Unix
 * seconds from which it has been held, 0: not known. */
int run_status_locked(const char *dir, double *since);

#endif /* ONIC_DEPLOY_CLI_RUN_STATUS_H */
