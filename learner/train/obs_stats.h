/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_OBS_STATS_H
#define ONIC_LEARNER_TRAIN_OBS_STATS_H

/* obs_stats.h - mean and deviation of every float32 observation element over all that the learner
 * has trained on: what policy.obs_norm normalises by (common/policy/obs_norm.h).
 *
 * Each observation of each step of weight 1 counts once, whatever train.epochs, and all alike, as
 * in Gymnasium's NormalizeObservation and Stable-Baselines3's VecNormalize: what an old policy saw
 * moves less and less, so the network's inputs come to rest. Values that are not finite are left
 * out. Sums run in the batch's order, so the same batches give the same bits. Training thread. */

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/policy/policy.h"
#include "learner/train/batch.h"

struct obs_stats;

/* NULL where the network normalises nothing; the others take NULL for that. */
struct obs_stats *obs_stats_create(const struct policy *p);
void obs_stats_free(struct obs_stats *s);

/* The observations that the steps of a batch began with. */
void obs_stats_see(struct obs_stats *s, const struct batch *b);
/* As it was before that batch, from which no finite gradient could be made. */
void obs_stats_unsee(struct obs_stats *s);
/* Sets the tensors of the network in a block of weights. An element that has not varied has scale
 * 1: its values are all the mean, so it is 0. */
void obs_stats_put(const struct obs_stats *s, float *weights);

/* Exactly, and back; ONIC_EDAMAGED for what cannot be these statistics. */
void obs_stats_save(const struct obs_stats *s, struct buf *out);
int obs_stats_load(struct obs_stats *s, const void *data, size_t len, struct onic_err *err);

#endif /* ONIC_LEARNER_TRAIN_OBS_STATS_H */
