/* SPDX-License-Identifier: MIT */
/* loss.c - see loss.h.
 *
 * The gradient is written out instead of derived by a tape: with respect to the log-probability and
 * the exploration term of each step here, with respect to the outputs of the policy head in
 * action_dist.h, because that depends on the kind of the actions. A clip or clamp that is active
 * has gradient 0. The same formulas are checked by finite differences in
 * tests/unit/learner/train/test_loss.c. */
#include "learner/train/loss.h"

#include <math.h>

static const float UNIFORM_KL_MAX = 30.0f;

void loss_ratio(float *ratio, const float *logp, const float *logp_mu, int n)
{
    for (int i = 0; i < n; i++) {
        float w = expf(logp[i] - logp_mu[i]);
        w = w < LOSS_RATIO_MAX ? w : LOSS_RATIO_MAX;
        ratio[i] = w > 1.0f / LOSS_RATIO_MAX ? w : 1.0f / LOSS_RATIO_MAX;
    }
}

/* Policy term of one step; returns d loss / d logp (before the division by steps). */
static float policy_term(const struct loss_params *p, float ratio, float advantage,
                         struct loss_sums *s)
{
    float bounded = ratio;
    if (p->clip > 0.0f) {
        float hi = 1.0f + p->clip, lo = 1.0f / hi;
        bounded = ratio < lo ? lo : ratio > hi ? hi : ratio;
    }
    float plain = ratio * advantage, clipped = bounded * advantage;
    bool cut = clipped < plain || ratio >= LOSS_RATIO_MAX || ratio <= 1.0f / LOSS_RATIO_MAX;
    s->policy -= (double)(clipped < plain ? clipped : plain);
    s->clipped += cut;
    return cut ? 0.0f : -plain; /* d(ratio)/d(logp) = ratio */
}

/* Value term of one step and head; returns d/dV (before coefficients and division), both in units
 * of `unit`. */
static float value_term(const struct loss_params *p, float unit, float value, float old,
                        float target, double *sum)
{
    float d = (value - target) / unit;
    if (p->clip_value > 0.0f) {
        float moved = value - old, limit = p->clip_value * unit;
        if (fabsf(moved) > limit) {
            float bounded = (old + copysignf(limit, moved) - target) / unit;
            if (bounded * bounded > d * d) {
                *sum += (double)bounded * (double)bounded;
                return 0.0f;
            }
        }
    }
    *sum += (double)d * (double)d;
    return 2.0f * d;
}

/* Exploration term of step i; returns its coefficient, 0 where the clamp is active. */
static float exploration_term(const struct loss_params *p, const struct loss_rows *r, size_t i,
                              struct loss_sums *s)
{
    s->entropy += (double)r->entropy[i];
    if (!p->symmetric_kl)
        return p->entropy_coef;
    size_t A = (size_t)action_dist_outputs(r->dist);
    const uint8_t *mask = r->done.mask;
    if (mask)
        mask += i * action_space_mask_bytes(&r->dist->space);
    float d = action_dist_uniform_kl(r->dist, r->evaluated + i * A, mask, r->entropy[i]);
    s->uniform_kl += (double)(d < UNIFORM_KL_MAX ? d : UNIFORM_KL_MAX);
    return d < UNIFORM_KL_MAX ? p->entropy_coef : 0.0f;
}

void loss_gradient(const struct loss_params *p, const struct loss_rows *r, double steps,
                   float *doutputs, float *dvalue, struct loss_sums *sums)
{
    float inv = (float)(1.0 / steps), weight[2];
    for (size_t h = 0; h < 2; h++)
        weight[h] = p->value_coef * inv * (p->value_share[h] / p->value_unit[h]);
    for (size_t i = 0; i < (size_t)r->n; i++) {
        float *dv = dvalue + 2 * i;
        if (r->skip[i]) {
            r->dlogp[i] = r->explore[i] = dv[0] = dv[1] = 0.0f;
            continue;
        }
        r->dlogp[i] = policy_term(p, r->ratio[i], r->advantage[i], sums) * inv;
        r->explore[i] = exploration_term(p, r, i, sums) * inv;
        for (size_t h = 0; h < 2; h++) {
            float d = value_term(p, p->value_unit[h], r->value[2 * i + h], r->value_old[2 * i + h],
                                 r->target[h][i], &sums->value[h]);
            dv[h] = p->value_share[h] > 0.0f ? weight[h] * d : 0.0f;
        }
        sums->steps += 1.0;
        sums->kl += (double)r->ratio[i] - 1.0 - ((double)r->logp[i] - (double)r->logp_mu[i]);
        sums->ratio += (double)r->ratio[i];
    }
    struct action_slopes slopes = {.entropy = r->entropy,
                                   .dlogp = r->dlogp,
                                   .explore = r->explore,
                                   .to_uniform = p->symmetric_kl,
                                   .skip = r->skip};
    action_dist_gradient(r->dist, r->evaluated, &r->done, r->n, &slopes, doutputs);
}

double loss_actor(const struct loss_params *p, const struct loss_sums *s)
{
    double n = s->steps > 0.0 ? s->steps : 1.0;
    double explore = p->symmetric_kl ? s->uniform_kl : -s->entropy;
    return (s->policy + (double)p->entropy_coef * explore) / n;
}

double loss_total(const struct loss_params *p, const struct loss_sums *s)
{
    double n = s->steps > 0.0 ? s->steps : 1.0;
    double value =
        (double)p->value_share[0] * s->value[0] + (double)p->value_share[1] * s->value[1];
    return loss_actor(p, s) + (double)p->value_coef * value / n;
}
