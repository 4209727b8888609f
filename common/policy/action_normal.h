/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ACTION_NORMAL_H
#define ONIC_COMMON_POLICY_ACTION_NORMAL_H

/* action_normal.h - the half of action_dist.h for numbers: the same functions for independent
 * normal distributions, squashed or not. parts: numbers of an action; outputs [n, 2 parts]. */

#include "common/policy/action_dist.h"

void action_normal_sample(int parts, bool squash, const float *outputs, const float *u, int n,
                          union action_cell *action, float *logp);
void action_normal_evaluate(int parts, bool squash, const float *outputs, const float *number,
                            int n, float *logp, float *entropy);
void action_normal_gradient(int parts, bool squash, const float *outputs, const float *number,
                            int n, const struct action_slopes *slopes, float *doutputs);

#endif /* ONIC_COMMON_POLICY_ACTION_NORMAL_H */
