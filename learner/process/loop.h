/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LOOP_H
#define ONIC_LEARNER_PROCESS_LOOP_H

/* loop.h - a life of a learner that was opened (open.h): train until something says stop, drain,
 * close.
 *
 * Everything runs on the training thread; the links and the checkpoint writer have threads of
 * their own behind their headers. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/metrics/metrics.h"
#include "common/run/run_home.h"
#include "common/wire/rollout/learner_link.h"
#include "learner/process/batcher.h"
#include "learner/process/checkpoint_writer.h"
#include "learner/process/episode_log.h"
#include "learner/process/label_client.h"
#include "learner/process/monitor.h"
#include "learner/process/place_key.h"
#include "learner/process/run_identity.h"
#include "learner/process/run_recording.h"
#include "learner/process/stop.h"
#include "learner/reward/share_watch.h"
#include "learner/train/trainer.h"

enum {
    LEARNER_TEXT_MAX = 512,
    ROLL_BACKS_MOST = CONFIG_MAX_train_roll_backs,
    ROLL_BACK_UPDATES = 1000
};

/* What the loop is told; learner_options.h reads it. */
struct learner_params {
    struct stop_params stop;
    bool deterministic; /* lock-step: rounds, labels and checkpoints in a fixed order */
    double checkpoint_every_s;
    uint64_t checkpoint_every_updates; /* 0: by time alone */
    uint64_t milestone_every;          /* environment steps; 0: none is kept for good */
    int checkpoint_failures_max;       /* in a row; then the run ends */
    double publish_every_s;            /* weights, at most so often */
    uint64_t publish_versions_max;     /* but before they are more than so many ahead */
    struct run_recording_params recording;
    int roll_backs_max;                   /* within ROLL_BACK_UPDATES; then the run ends */
    char reward_server[LEARNER_TEXT_MAX]; /* "": none was given */
};

struct dashboard;
struct record_writer;

struct learner {
    struct learner_params params;
    const volatile sig_atomic_t *stop; /* set by a signal: drain */
    char dir[LEARNER_TEXT_MAX];
    struct buf config; /* resolved options as YAML, for checkpoints */
    int lock_fd;
    bool lock_is_ours;    /* not inherited */
    struct run_home home; /* nothing is written once it is not here any more */
    bool homeless;
    bool stateless;      /* what was trained is no good, and nothing else was found */
    bool config_is_ours; /* config.yaml was written by this process, which settles it */
    struct env_description env;
    struct run_identity lineage;
    uint8_t place_key[PLACE_KEY_LEN];
    struct trainer *core;
    struct wire_keys *keys; /* NULL = none */
    struct wire_learner *wire;
    struct batcher *batcher;
    struct label_client *annotate;
    struct share_watch share; /* of the intrinsic reward */
    struct metrics *metrics;
    struct checkpoint_writer *checkpoints;
    struct episode_log *replays;
    struct record_writer *record; /* NULL: nothing is recorded */
    struct monitor monitor;       /* what machines ask of it */
    struct dashboard *dashboard;  /* NULL: the run has no page */
    /* loop.c */
    const char *stopping;                                    /* why, NULL = training */
    int64_t life_ms;                                         /* clock_ms of its beginning */
    int64_t checkpoint_ms, ledger_ms, look_ms, published_ms; /* clock_ms of the last one */
    uint64_t checkpoint_version, checkpoint_steps;           /* asked for last */
    uint64_t published_version;
    uint64_t rolled_back_at[ROLL_BACKS_MOST]; /* versions of the last ones, 0 = none; a ring */
    int64_t starved_ms;                       /* of this life: waited for trajectories */
    int64_t wait_log_ms, flush_log_ms, ledger_log_ms; /* rate limits */
};

/* Trains and drains. ONIC_OK when the run ended as wished (drained, frames reached, ...); else the
 * error whose exit code the program ends with. */
int learner_train(struct learner *r, struct onic_err *err);
/* Starts the checkpoint of the state as it is now; false while the last one is being written. */
bool learner_checkpoint(struct learner *r);
/* Ends a life, also one that was opened only in part; rc: how opening or training ended. */
void learner_end(struct learner *r, int rc);

#endif /* ONIC_LEARNER_PROCESS_LOOP_H */
