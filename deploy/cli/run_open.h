/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RUN_OPEN_H
#define ONIC_DEPLOY_CLI_RUN_OPEN_H

/* run_open.h - a trained policy out of a run directory or a checkpoint file. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/config.h"
#include "common/policy/policy.h"

struct loaded_run {
    struct config cfg;            /* the run's configuration under what was given now */
    struct checkpoint_file *file; /* open until loaded_run_close: reward model and more */
    struct policy *policy;
    float *weights; /* [params floats] */
    uint64_t weights_version, env_steps;
};

/* path: run directory (newest valid checkpoint; skipped ones are named on stderr) or a checkpoint
 * file. given: the command line; its explicit options win, except those that would change the
 * network (ONIC_ECONFIG). ONIC_ECONFIG, too, where the run needs a plug-in or a NetHack library
 * that `given` does not name: what a checkpoint names is not loaded. all_fields: the environment
 * will be asked for every field (out->cfg says so), of which the policy reads those that it was
 * trained on. */
int loaded_run_open(struct loaded_run *out, const char *path, const struct config *given,
                    bool all_fields, struct onic_err *err);
/* ONIC_ENOTFOUND: a folder that is no run directory, for it has no `lacks` ("config.yaml"). That of
 * a sweep is called so, with what can be done with it. */
int run_folder_refuse(const char *path, const char *lacks, struct onic_err *err);
/* Opens the checkpoint alone; *out (NULL on failure) is closed with checkpoint_close. */
int loaded_run_checkpoint(struct checkpoint_file **out, const char *path, struct onic_err *err);
/* The portable options of the configuration that a checkpoint carries, under what was given now,
 * for who needs neither policy nor environment. */
int loaded_run_config(struct config *out, const struct checkpoint_file *file,
                      const struct config *given, struct onic_err *err);
void loaded_run_close(struct loaded_run *r);

#endif /* ONIC_DEPLOY_CLI_RUN_OPEN_H */
