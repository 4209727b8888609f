/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_LAG_H
#define ONIC_COMMON_WIRE_ROLLOUT_LAG_H

/* lag.h - how train.max_policy_lag, the most weights versions between acting and training, is
 * shared out between the two ends.
 *
 * An actor begins a rollout with weights that are at most `slack` behind the newest version it was
 * told of. The learner grants credit for as many trajectories as the updates of the rest can take
 * (peer_grant). What becomes too old all the same (an actor that is slower than the others by many
 * updates) is dropped before it is trained on, and counted. */

#include <stdint.h>

static inline uint64_t wire_lag_slack(uint64_t max_policy_lag)
{
    return max_policy_lag / 6;
}

#endif /* ONIC_COMMON_WIRE_ROLLOUT_LAG_H */
