/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LAUNCH_SUBMIT_H
#define ONIC_DEPLOY_CLI_LAUNCH_SUBMIT_H

/* launch_submit.h - runs a script of launch_script.h. */

#include "common/base/err.h"

/* Its stdout is ours. ONIC_ENOTFOUND: no sbatch here. ONIC_ECONFIG: Slurm refused something, in its
 * words; nothing of it is in the queue then. ONIC_ECANTCREATE: a run is in the queue already, or
 * its folder cannot be written.
 * ONIC_EAGAIN: Slurm did not answer; the sentence says what may be in its queue. */
int launch_submit(const char *script, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LAUNCH_SUBMIT_H */
