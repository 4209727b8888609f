/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LOOP_H
#define ONIC_LEARNER_PROCESS_LOOP_H

/* loop.h - a life of a learner: open, resume, train until something says stop, drain, close.
 *
 * open.c opens and resumes, loop.c is the loop. Everything runs on the training thread; the
 * links and the checkpoint writer have threads of their own behind their headers. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "common/metrics/metrics.h"
#include "common/wire/rollout/learner_link.h"
#include "learner/process/batcher.h"
#include "learner/process/checkpoint_writer.h"
#include "learner/process/episode_log.h"
#include "learner/process/label_client.h"
#include "learner/process/run_identity.h"
#include "learner/train/trainer.h"

struct learner {
    struct config *cfg;                /* resolved */
    const volatile sig_atomic_t *stop; /* set by a signal: drain */
    char dir[CONFIG_STR_MAX];
    int lock_fd;
    bool config_is_ours; /* config.yaml was written by this process, which settles it */
    struct env_description env;
    struct run_identity lineage;
    struct trainer *core;
    struct wire_learner *wire;
    struct batcher *batcher;
    struct label_client *annotate;
    struct metrics *metrics;
    struct checkpoint_writer *saver;
    struct episode_log *replays;
    /* loop.c */
    const char *stopping;                                    /* why, NULL = training */
    int64_t checkpoint_ms, ledger_ms, look_ms, published_ms; /* clock_ms of the last one */
    uint64_t checkpoint_version, checkpoint_steps;           /* asked for last */
    int64_t wait_log_ms, flush_log_ms;                       /* rate limits */
};

/* given: the command line. ONIC_OK when the run ended as wished (drained, frames reached, ...);
 * else the error whose exit code the program ends with. */
int learner_run(const struct config *given, const volatile sig_atomic_t *stop,
                struct onic_err *err);

/* open.c: whether this process can have the open files, threads and memory that a run will need;
 * ONIC_ECONFIG names the limit in the way. */
int learner_check_limits(const struct config *cfg, struct onic_err *err);
/* open.c: fills an empty run; on failure what was opened is closed by learner_close. */
int learner_open(struct learner *r, const struct config *given, struct onic_err *err);
void learner_close(struct learner *r);
/* open.c: starts the checkpoint of the state as it is now; false while the last one is being
 * written. */
bool learner_checkpoint(struct learner *r);

#endif /* ONIC_LEARNER_PROCESS_LOOP_H */
