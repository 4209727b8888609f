/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_END_H
#define ONIC_DEPLOY_CLI_TRAIN_END_H

/* train_end.h - whether a run has got to its end, and what `onic train` says then. */

#include "common/config/config.h"

/* True when the newest checkpoint of the run has reached run.frames, stop.success or stop.wall_s of
 * cfg: training would end at once. Then it is said, with the command that goes on. */
bool train_end_is_reached(const struct config *cfg, const char *run_dir);

/* The ledger on stdout; then why no label came, if one should have; then, when there is something
 * to evaluate and the life was not refused
 * (`code` its exit code), where it is and which command goes on. */
void train_end_say(const struct config *cfg, const char *run_dir, int code);

#endif /* ONIC_DEPLOY_CLI_TRAIN_END_H */
