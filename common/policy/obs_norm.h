/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_OBS_NORM_H
#define ONIC_COMMON_POLICY_OBS_NORM_H

/* obs_norm.h - float32 observations in units of their own deviation (policy.obs_norm).
 *
 *   z = (v - mean) scale     scale = 1 / deviation; limited to +-OBS_NORM_CLIP
 *
 * for each element of each float32 field; a value that is not finite counts as the mean. Mean and
 * scale are tensors of the network, in the order of the observation, that are not trained: no
 * gradient reaches them, so the optimiser leaves them where the learner has put them
 * (learner/train/obs_stats.h). Published and saved as all others are, they reach actors, `onic
 * eval` and `play` with the weights they belong to. At first mean is 0 and scale 1. */

#include <math.h>

#include "common/nn/params.h"
#include "common/policy/obs_spec.h"

#define OBS_NORM_CLIP 10.0

struct obs_norm {
    int count;          /* elements; 0: nothing is normalised */
    size_t mean, scale; /* offsets of the tensors [1, count] */
};

/* Elements of float32 fields. */
int obs_norm_elements(const struct obs_spec *obs);
/* Adds the tensors for `count` > 0 elements. */
struct obs_norm obs_norm_add(int count, struct params *p);
/* Those that a network has, if any. */
struct obs_norm obs_norm_find(const struct params *p);

static inline float obs_norm_apply(float v, float mean, float scale)
{
    double z = ((double)v - (double)mean) * (double)scale;
    z = z > OBS_NORM_CLIP ? OBS_NORM_CLIP : z < -OBS_NORM_CLIP ? -OBS_NORM_CLIP : z;
    return isfinite(v) ? (float)z : 0.0f;
}

#endif /* ONIC_COMMON_POLICY_OBS_NORM_H */
