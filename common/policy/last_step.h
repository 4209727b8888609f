/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_LAST_STEP_H
#define ONIC_COMMON_POLICY_LAST_STEP_H

/* last_step.h - the step before as an input of a policy (policy.last_action, policy.last_reward).
 *
 *   action  choices: a number per option, 1 for those taken (one of each part), 0 for the others.
 *           numbers: what the environment got, in units in which its bounds are -1 and 1.
 *   reward  the environment's own, as sign(r) log(1 + |r|): a score of 1000 is no more than 7, and
 *           unlike with a clip two rewards never look alike.
 *
 * All of it is 0 at the first step of an episode, and a number that is not finite counts as 0. Pure
 * functions; actor and learner use the same, so their numbers are equal to the bit. */

#include <stdbool.h>

#include "common/policy/action_space.h"

/* Inputs of these two kinds, or none; at most BOUND_ACTIONS + 1. */
int last_step_size(const struct action_space *s, bool action, bool reward);
/* out [last_step_size]. done: the action in the environment's units (action_dist_act); a cell that
 * holds no option of its part, as ACTION_NONE, is none. */
void last_step_write(const struct action_space *s, bool action, bool reward,
                     const union action_cell *done, float r, float *out);

#endif /* ONIC_COMMON_POLICY_LAST_STEP_H */
