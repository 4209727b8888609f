/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_OPEN_H
#define ONIC_DEPLOY_CLI_TRAIN_OPEN_H

/* train_open.h - from a command line to a run that can be started: the options end here. */

#include "common/config/config.h"
#include "deploy/cli/train_run.h"

/* Resolves the options, takes the run directory with its lock, refuses what some part would refuse,
 * and writes config.yaml. given: the command line. What is refused leaves no trace. Call
 * train_close whatever is returned. */
int train_open(struct train_plan *out, const struct config *given, struct onic_err *err);
void train_close(struct train_plan *p);

#endif /* ONIC_DEPLOY_CLI_TRAIN_OPEN_H */
