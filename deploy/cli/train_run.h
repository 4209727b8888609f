/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_RUN_H
#define ONIC_DEPLOY_CLI_TRAIN_RUN_H

/* train_run.h - the processes of a run on this machine, from the first to the last.
 *
 * The three programs get the configuration in the run directory and, as flags, only what differs
 * from life to life: addresses, actor numbers, folders. Actors get no configuration at all but
 * local paths: they take it from the learner's WELCOME, exactly as on a cluster. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/run/run_home.h"
#include "deploy/cli/train_addresses.h"
#include "learner/process/stop.h"

enum { TRAIN_PATH_MAX = 512, TRAIN_ACTOR_FLAGS_MAX = 13, TRAIN_CODE_FLAGS = 5 };

/* A run that is ready to be started; train_open.h makes it. */
struct train_plan {
    char run_dir[TRAIN_PATH_MAX]; /* config.yaml in it is that of this life */
    int lock_fd;                  /* of the directory, < 0 = none; children inherit it */
    struct run_home home;         /* of the directory, of a run that is not finished */
    char env_id[TRAIN_PATH_MAX], reward_model[TRAIN_PATH_MAX]; /* to be said */
    bool resumed;
    bool finished; /* it has reached its end before: nothing is to be started */
    struct stop_params stop;
    bool foreign_labels; /* reward.server was given */
    struct train_addresses addresses;
    int actors;
    char *actor_flags[TRAIN_ACTOR_FLAGS_MAX]; /* [nactor_flags] of each of them; owned */
    int nactor_flags;
    char *code_flags[TRAIN_CODE_FLAGS]; /* of learner and reward server: what they load; owned */
    char *reader_flags;                 /* of `onic eval`: what it is to load; owned */
    char dashboard[TRAIN_PATH_MAX];     /* dashboard.listen of the learner */
    bool panel;
    int restarts; /* run.restarts */
};

/* One life; its exit code, after what is to be said of it was said. */
int train_run(struct train_plan *p, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_TRAIN_RUN_H */
