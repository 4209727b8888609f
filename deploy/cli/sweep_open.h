/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_OPEN_H
#define ONIC_DEPLOY_CLI_SWEEP_OPEN_H

/* sweep_open.h - from the file of a sweep to commands that can be run: the options end here. */

#include "common/config/config.h"
#include "deploy/cli/sweep_plan.h"
#include "learner/process/stop.h"

struct sweep_job {
    const char *name; /* borrowed from the plan */
    char *dir;        /* its run directory */
    char *kept;       /* where its numbers stay (sweep_keep.h); NULL: nowhere */
    bool left_out;    /* not asked for this time */
    /* words behind the program's name, ending with NULL; eval is NULL where none is wanted */
    char **train, **eval;
    int episodes; /* of eval */
    struct stop_params stop;
    /* its options that are no defaults, wherever they were given */
    struct sweep_option *option;
    int n;
};

struct sweep {
    char dir[CONFIG_STR_MAX]; /* run.dir, or runs/<name of the file> */
    struct sweep_file file;
    struct sweep_plan plan;
    struct sweep_job *job;
    int n;
    bool keeps_nothing; /* the file has `keep`, and the command line has options of its own */
};

/* given: the command line; its options are every run's, and win. Whatever `onic train` would refuse
 * of a run's options is refused here, before anything is started: ONIC_ECONFIG with the file and
 * the line, or the run's name; so is a kept run that is of other options. sweep_close in any
 * case. */
int sweep_open(struct sweep *out, const char *path, const struct config *given,
               struct onic_err *err);
void sweep_close(struct sweep *s);
/* Changing this option makes the same run longer, or tells more of it. */
bool sweep_may_change(const char *key);
/* Of the runs only those whose names fit one of the patterns, separated by commas. ONIC_ECONFIG:
 * one of them fits none. */
int sweep_choose(struct sweep *s, const char *patterns, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_SWEEP_OPEN_H */
