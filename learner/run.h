/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RUN_H
#define ONIC_LEARNER_RUN_H

/* run.h - a life of a learner: open, resume, train until something says stop, drain, close.
 *
 * run_start.c opens and resumes, run.c is the loop. Everything runs on the training thread; the
 * links and the checkpoint writer have threads of their own behind their headers. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "common/metrics/metrics.h"
#include "common/wire/wire_learner.h"
#include "learner/annotate.h"
#include "learner/batcher.h"
#include "learner/core.h"
#include "learner/lineage.h"
#include "learner/replays.h"
#include "learner/saver.h"

struct run {
    struct config *cfg;                /* resolved */
    const volatile sig_atomic_t *stop; /* set by a signal: drain */
    char dir[CONFIG_STR_MAX];
    int lock_fd;
    bool config_is_ours; /* config.yaml was written by this process, which settles it */
    struct env_description env;
    struct lineage lineage;
    struct learner_core *core;
    struct wire_learner *wire;
    struct batcher *batcher;
    struct annotate *annotate;
    struct metrics *metrics;
    struct saver *saver;
    struct replays *replays;
    /* run.c */
    const char *stopping;                                    /* why, NULL = training */
    int64_t checkpoint_ms, ledger_ms, look_ms, published_ms; /* clock_ms of the last one */
    uint64_t checkpoint_version, checkpoint_steps;           /* asked for last */
    int64_t wait_log_ms, flush_log_ms;                       /* rate limits */
};

/* given: the command line. ONIC_OK when the run ended as wished (drained, frames reached, ...);
 * else the error whose exit code the program ends with. */
int learner_run(const struct config *given, const volatile sig_atomic_t *stop,
                struct onic_err *err);

/* run_start.c: fills an empty run; on failure what was opened is closed by run_close. */
int run_open(struct run *r, const struct config *given, struct onic_err *err);
void run_close(struct run *r);
/* run_start.c: starts the checkpoint of the state as it is now; false while the last one is being
 * written. */
bool run_checkpoint(struct run *r);

#endif /* ONIC_LEARNER_RUN_H */
