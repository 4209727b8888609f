/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REWARD_OFFLINE_H
#define ONIC_DEPLOY_CLI_REWARD_OFFLINE_H

/* reward_offline.h - a reward learned from the labelled pairs of a folder (pairs.h), as in Motif.
 *
 * The reward is written anew after every epoch, so breaking off keeps what was learned. */

#include <stdbool.h>

#include "common/base/err.h"
#include "learner/reward/motif/motif_train.h"

/* Writes FOLDER/reward.safetensors and quantiles.csv, and says what was learned. Takes SIGINT: the
 * epoch under way is the last one. */
int reward_offline_train(const char *folder, const struct motif_options *o, bool json,
                         struct onic_err *err);
/* How well it predicts the pairs that it was not trained on. file: "" = FOLDER's own. */
int reward_offline_eval(const char *folder, const char *file, bool json, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_REWARD_OFFLINE_H */
