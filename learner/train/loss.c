/* SPDX-License-Identifier: MIT */
/* loss.c - see loss.h.
 *
 * The gradient is written out instead of derived by a tape. With z the logits, p = softmax(z), a
 * the action taken and A the number of actions:
 *
 *   d ratio / d z_j                    = ratio ((j = a) - p_j)
 *   d H / d z_j                        = -p_j (log p_j + H)
 *   d (KL(pi||u) + KL(u||pi)) / d z_j  = p_j (log p_j + H) + p_j - 1/A
 *
 * A clip or clamp that is active has gradient 0. The same formulas are checked by finite
 * differences in tests/unit/learner/train/test_loss.c. */
#include "learner/train/loss.h"

#include <math.h>
#include <string.h>

#include "common/nn/kernels.h"

static const float UNIFORM_KL_MAX = 30.0f;

void loss_log_softmax(float *logits, const int16_t *action, int n, int actions, float *logp,
                      float *entropy)
{
    const struct kernels *k = kernels();
    float p[LOSS_ACTIONS_MAX];
    size_t A = (size_t)actions;
    int rows_at_once = LOSS_ACTIONS_MAX / actions;
    for (int from = 0; from < n; from += rows_at_once) {
        int rows = n - from < rows_at_once ? n - from : rows_at_once;
        float *block = logits + (size_t)from * A;
        for (int i = 0; i < rows; i++) {
            float *z = block + (size_t)i * A, top = z[0];
            for (int j = 1; j < actions; j++)
                top = z[j] > top ? z[j] : top;
            for (int j = 0; j < actions; j++)
                z[j] -= top;
        }
        k->exp(p, block, (size_t)rows * A);
        for (int i = 0; i < rows; i++) {
            float *z = block + (size_t)i * A, sum = 0.0f, weighted = 0.0f;
            for (int j = 0; j < actions; j++) {
                sum += p[(size_t)i * A + (size_t)j];
                weighted += p[(size_t)i * A + (size_t)j] * z[j];
            }
            float log_sum = logf(sum);
            for (int j = 0; j < actions; j++)
                z[j] -= log_sum;
            entropy[from + i] = log_sum - weighted / sum;
            logp[from + i] = z[action[from + i]];
        }
    }
}

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

/* Exploration term of one step; returns its coefficient, 0 where the clamp is active. */
static float exploration_term(const struct loss_params *p, const float *logp_all, float entropy,
                              size_t A, struct loss_sums *s)
{
    s->entropy += (double)entropy;
    if (!p->symmetric_kl)
        return p->entropy_coef;
    float sum = 0.0f;
    for (size_t j = 0; j < A; j++)
        sum += logp_all[j];
    float d = -entropy - sum / (float)A; /* log A and -log A cancel */
    s->uniform_kl += (double)(d < UNIFORM_KL_MAX ? d : UNIFORM_KL_MAX);
    return d < UNIFORM_KL_MAX ? p->entropy_coef : 0.0f;
}

void loss_gradient(const struct loss_params *p, const struct loss_rows *r, double steps,
                   float *dlogits, float *dvalue, struct loss_sums *sums)
{
    size_t A = (size_t)r->actions;
    float inv = (float)(1.0 / steps), weight[2];
    for (size_t h = 0; h < 2; h++)
        weight[h] = p->value_coef * inv * (p->value_share[h] / p->value_unit[h]);
    kernels()->exp(dlogits, r->logp_all, (size_t)r->n * A); /* p_j, turned into gradients below */
    for (int i = 0; i < r->n; i++) {
        const float *logp_all = r->logp_all + (size_t)i * A;
        float *dz = dlogits + (size_t)i * A, *dv = dvalue + 2 * (size_t)i;
        if (r->skip[i]) {
            memset(dz, 0, A * sizeof *dz);
            dv[0] = dv[1] = 0.0f;
            continue;
        }
        float dlogp = policy_term(p, r->ratio[i], r->advantage[i], sums) * inv;
        float entropy = r->entropy[i];
        float coef = exploration_term(p, logp_all, entropy, A, sums) * inv;
        float one = p->symmetric_kl ? coef : 0.0f; /* d KL(uniform || pi) / d z_j = p_j - 1/A */
        for (size_t j = 0; j < A; j++)
            dz[j] = dz[j] * (coef * (logp_all[j] + entropy) - dlogp + one) - one / (float)A;
        dz[r->action[i]] += dlogp;
        for (size_t h = 0; h < 2; h++) {
            float d = value_term(p, p->value_unit[h], r->value[2 * (size_t)i + h],
                                 r->value_old[2 * (size_t)i + h], r->target[h][i], &sums->value[h]);
            dv[h] = p->value_share[h] > 0.0f ? weight[h] * d : 0.0f;
        }
        sums->steps += 1.0;
        sums->kl += (double)r->ratio[i] - 1.0 - ((double)r->logp[i] - (double)r->logp_mu[i]);
        sums->ratio += (double)r->ratio[i];
    }
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
