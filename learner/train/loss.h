/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_LOSS_H
#define ONIC_LEARNER_TRAIN_LOSS_H

/* loss.h - the APPO objective and its gradient with respect to the network's outputs
 * (oni-spec 3.2).
 *
 *   ratio  = clamp(pi(a|x) / mu(a|x), 1/20, 20)
 *   policy = -mean min(ratio A, clamp(ratio, 1/(1+clip), 1+clip) A)
 *   value  = value_coef * mean over steps, summed over the two heads, of
 *            value_share max((V - v)^2, (V_old + clamp(V - V_old, +-clip_value) - v)^2),
 *            V, V_old, v and the clip in units of value_unit (value_norm.h)
 *   entropy = -entropy_coef * mean H(pi), or with symmetric_kl
 *              entropy_coef * mean min(30, KL(pi || uniform) + KL(uniform || pi))
 *
 * Means run over the steps with weight 1. Targets v and advantages A are constants. Pure functions
 * on blocks of rows; sums in double. Thread-safe. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy/action_dist.h"

#define LOSS_RATIO_MAX 20.0f /* further off-policy than this the importance weight says nothing */

struct loss_params {
    float clip, clip_value; /* 0 = off */
    float value_coef, entropy_coef;
    /* per head; a share of 0 is a gradient of exactly 0. Both 1: losses in reward units */
    float value_share[2], value_unit[2];
    bool symmetric_kl; /* pull towards uniform instead of the entropy bonus (oni-spec 3.1) */
};

/* Sums over steps; divide by `steps` for means. */
struct loss_sums {
    double steps;                     /* of weight 1 */
    double policy, value[2], entropy; /* value without value_coef and share; entropy H */
    double uniform_kl; /* with symmetric_kl: the term above without its coefficient */
    double kl;         /* estimate of KL(mu || pi): sum of ratio - 1 - log ratio */
    double clipped;    /* steps whose policy gradient the clip cut off */
    double ratio;
};

/* ratio [n] = clamp(exp(logp - logp_mu), 1/20, 20) */
void loss_ratio(float *ratio, const float *logp, const float *logp_mu, int n);

/* What loss_gradient reads, all [n] unless noted. */
struct loss_rows {
    int n;
    const struct action_dist *dist;
    const float *evaluated; /* [n, A] after action_dist_evaluate */
    struct action_rows done;
    const float *ratio, *logp, *logp_mu, *entropy;
    const float *advantage;         /* mixed and normalised */
    const float *value, *value_old; /* [n, 2] now, and when the step was taken */
    const float *target[2];         /* v of each head */
    const uint8_t *skip;            /* 1 = weight 0 */
    float *dlogp, *explore;         /* scratch */
};

/* doutputs [n, A] and dvalue [n, 2] are written: the gradient of (policy + value + entropy), where
 * means divide by `steps` (of the whole minibatch, so that slices add up). Adds to *sums.
 * symmetric_kl wants choices. */
void loss_gradient(const struct loss_params *p, const struct loss_rows *r, double steps,
                   float *doutputs, float *dvalue, struct loss_sums *sums);

/* policy + entropy, as differentiated above */
double loss_actor(const struct loss_params *p, const struct loss_sums *s);
/* policy + value + entropy */
double loss_total(const struct loss_params *p, const struct loss_sums *s);

#endif /* ONIC_LEARNER_TRAIN_LOSS_H */
