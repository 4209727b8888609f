/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_SHAPING_H
#define ONIC_LEARNER_REWARD_SHAPING_H

/* shaping.h - a chain of small pure stages between a model's score and the intrinsic reward.
 *
 * Written as text: "threshold:0.5,clip:1,count:3" (reward.shaping). Each stage declares what it
 * does to zero, whether it needs episodic counts and whether others may follow; a chain that would
 * pay for the empty caption, or that has no counts to use, is refused at start instead of training
 * on something nobody meant.
 *
 *   threshold:t   1 where x >= t, else 0         (t > 0)
 *   squash:s      tanh(x / s)                    (s > 0)
 *   clip:c        min(max(x, -c), c)             (c > 0)
 *   scale:s       s x                            (s > 0): the stream in another unit
 *   count:b       x * N^-b, N = times the caption occurred in the episode, this one included;
 *                 must be last */

#include <stdint.h>

#include "learner/reward/reward_model.h"

enum { SHAPING_STAGES_MAX = 8, SHAPING_COUNTS = 1024 };

struct shaping_stage_type; /* shaping.c */

struct shaping {
    int n;
    struct {
        const struct shaping_stage_type *type;
        float value;
    } stage[SHAPING_STAGES_MAX];
    float factor[SHAPING_COUNTS]; /* N^-b by N, filled when a count stage is present */
    char text[128];               /* "clip(10) count(3)" */
};

struct shaping_values { /* of stages that are written without one */
    float clip, count;
};

/* text "auto": clip (unless its value is 0), and count (unless 0) where the model is caption-only.
 * A stage without ":value" takes that of `values`; those that are not in it need one. ONIC_ECONFIG
 * says which stage cannot be used and why. */
int shaping_parse(struct shaping *s, const char *text, const struct shaping_values *values,
                  const struct reward_model_type *model, struct onic_err *err);
/* x [n] in place; count [n] as in struct reward_batch (0 gives 0 in a count stage). */
void shaping_apply(const struct shaping *s, float *x, const uint16_t *count, int n);

#endif /* ONIC_LEARNER_REWARD_SHAPING_H */
