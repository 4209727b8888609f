/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_TRAINED_NET_OPTIONS_H
#define ONIC_LEARNER_REWARD_TRAINED_NET_OPTIONS_H

/* trained_net_options.h - what the options say about a reward model that learns from labels: for
 * the create of such a model. */

#include "common/config/config.h"
#include "learner/reward/trained_net.h"

void trained_net_options(struct trained_net_params *out, const struct config *cfg);

#endif /* ONIC_LEARNER_REWARD_TRAINED_NET_OPTIONS_H */
