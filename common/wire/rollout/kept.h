/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_KEPT_H
#define ONIC_COMMON_WIRE_ROLLOUT_KEPT_H

/* kept.h - a trajectory out of a frame that was kept in a file (wire_learner_frame), checked as if
 * it came from an actor: files are trusted no more than peers. One thread. */

#include <stddef.h>

#include "common/base/err.h"
#include "common/data/trajectory.h"

/* What the learner of that run asked of its actors' trajectories (struct wire_learner_params). */
struct kept_expect {
    struct trajectory_shape shape; /* E: each frame's own */
    struct obs_spec obs;
    float value_most;
};

struct kept_frames; /* memory for reading */

struct kept_frames *kept_frames_create(void);
void kept_frames_free(struct kept_frames *k); /* NULL is allowed */

/* frame, at a multiple of 8, must stay valid as long as the trajectory is read. ONIC_EDAMAGED with
 * what is wrong, and *out is NULL. */
int kept_trajectory_read(struct kept_frames *k, const void *frame, size_t len,
                         const struct kept_expect *expect, struct trajectory **out,
                         struct onic_err *err);
void kept_trajectory_free(struct trajectory *t); /* NULL is allowed */

#endif /* ONIC_COMMON_WIRE_ROLLOUT_KEPT_H */
