/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LAUNCH_OPEN_H
#define ONIC_DEPLOY_CLI_LAUNCH_OPEN_H

/* launch_open.h - from a command line to the runs that a cluster is asked for: the options end
 * here. */

#include "common/config/config.h"
#include "deploy/cli/launch_script.h"

/* given: the command line, whose options are every run's; files: YAML files named on it, or one of
 * a sweep. What `onic train` would refuse of a run's options is refused here, before a job waits
 * for hours: ONIC_ECONFIG. A sweep's folder is made and written unless dry; runs of it that are
 * trained are left out. One run that is at its end is none: then it is said, and out->n is 0.
 * launch_close in any case. */
int launch_open(struct launch *out, const struct config *given, char *const *file, int files,
                bool dry, struct onic_err *err);
void launch_close(struct launch *l);

#endif /* ONIC_DEPLOY_CLI_LAUNCH_OPEN_H */
