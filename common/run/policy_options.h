/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_POLICY_OPTIONS_H
#define ONIC_COMMON_RUN_POLICY_OPTIONS_H

/* policy_options.h - the network that the options and the environment ask for: the same in actor,
 * learner and every command that plays a trained policy. */

#include "common/config/config.h"
#include "common/policy/policy.h"

/* default_net: what policy.net=auto means for this environment. obs is copied. */
void policy_options(struct policy_config *out, const struct config *cfg, const char *default_net,
                    const struct action_space *actions, const struct obs_spec *obs);

#endif /* ONIC_COMMON_RUN_POLICY_OPTIONS_H */
