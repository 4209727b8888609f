/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_KEEP_H
#define ONIC_DEPLOY_CLI_SWEEP_KEEP_H

/* sweep_keep.h - what stays of a finished run when its directory is gone: KEEP/NAME with its
 * config.yaml, eval.json and metrics.jsonl as far as they tell something to others (sweep_kept.h),
 * and its version. `onic compare KEEP` reads it as run directories, and a sweep does not train
 * again what is kept: small enough to be put beside the file that asked for it. */

#include "deploy/cli/sweep_open.h"

/* False also where nothing is to be kept. */
bool sweep_is_kept(const struct sweep_job *j);
/* Of a run that is done; config.yaml comes last, so what was cut off is made again. Nothing where
 * nothing is to be kept, or it is. ONIC_ECANTCREATE, ONIC_EIO, ONIC_ENOTFOUND. */
int sweep_keep(const struct sweep_job *j, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_SWEEP_KEEP_H */
