/* SPDX-License-Identifier: MIT */
/* slice.c - see slice.h.
 *
 * The network runs over T+1 rows in one pass: the last row gives V(x_T) for the bootstrap with the
 * weights being trained, and costs 1/T more than a pass over T rows; its output gradients are zero.
 * The state is reset where the step before ended an episode, so row T of an ended column is the
 * first observation of the next episode and is not used as a bootstrap: V-trace cuts there. */
#include "learner/train/slice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "learner/train/gae.h"
#include "learner/train/vtrace.h"

static const double deviation_min = 1e-3; /* a batch of equal advantages must not be blown up */

/* Two passes over the same list: the first measures, the second hands out. */
static size_t point(struct slice *s, uint8_t *base, size_t T, size_t N)
{
    size_t at = 0, A = (size_t)s->A, S = (size_t)s->S, n = T * N, n1 = (T + 1) * N;
    const size_t f = sizeof(float);
    s->rows = memory_cut(base, &at, n1 * sizeof *s->rows);
    s->state0 = memory_cut(base, &at, N * S * f);
    s->reset = memory_cut(base, &at, n1);
    bool numbers = s->dist->space.kind == ACTION_CONTINUOUS;
    s->choice = numbers ? NULL : memory_cut(base, &at, n * s->parts * sizeof *s->choice);
    s->number = numbers ? memory_cut(base, &at, n * s->parts * f) : NULL;
    s->mask = s->mask_bytes ? memory_cut(base, &at, n * s->mask_bytes) : NULL;
    s->done = s->X ? memory_cut(base, &at, n * (size_t)s->X * f) : NULL;
    s->logp_mu = memory_cut(base, &at, n * f);
    s->value_old = memory_cut(base, &at, n * 2 * f);
    s->ended = memory_cut(base, &at, n);
    s->skip = memory_cut(base, &at, n);
    s->never = memory_cut(base, &at, n);
    s->outputs = memory_cut(base, &at, n1 * A * f);
    s->value = memory_cut(base, &at, n1 * 2 * f);
    s->logp = memory_cut(base, &at, n * f);
    s->entropy = memory_cut(base, &at, n * f);
    s->ratio = memory_cut(base, &at, n * f);
    s->advantage = memory_cut(base, &at, n * f);
    s->doutputs = memory_cut(base, &at, n1 * A * f);
    s->dvalue = memory_cut(base, &at, n1 * 2 * f);
    s->dlogp = memory_cut(base, &at, n * f);
    s->explore = memory_cut(base, &at, n * f);
    for (int h = 0; h < 2; h++) {
        s->reward[h] = memory_cut(base, &at, n * f);
        s->end_value[h] = memory_cut(base, &at, n * f);
        s->head[h] = memory_cut(base, &at, n1 * f);
        s->target[h] = memory_cut(base, &at, n * f);
        s->adv[h] = memory_cut(base, &at, n * f);
    }
    return at;
}

struct slice *slice_create(const struct policy *p, int T, int max_n)
{
    struct slice *s = xcalloc(1, sizeof *s);
    s->T = T;
    s->max_n = max_n;
    s->dist = policy_actions(p);
    s->A = action_dist_outputs(s->dist);
    s->parts = (size_t)action_space_parts(&s->dist->space);
    s->mask_bytes = action_space_mask_bytes(&s->dist->space);
    s->policy = p;
    s->S = policy_state_size(p);
    s->X = policy_last_size(p);
    s->ws = policy_trainer_create(p, T + 1, max_n);
    size_t bytes = point(s, NULL, (size_t)T, (size_t)max_n);
    s->memory = xaligned(bytes);
    point(s, s->memory, (size_t)T, (size_t)max_n);
    memset(s->never, 0, (size_t)T * (size_t)max_n);
    return s;
}

void slice_free(struct slice *s)
{
    if (!s)
        return;
    policy_trainer_free(s->ws);
    free(s->memory);
    free(s);
}

/* --- inputs ---------------------------------------------------------------------------------- */

static void gather_action(struct slice *s, const struct trajectory *t, size_t from, size_t to)
{
    size_t parts = s->parts;
    if (s->choice && parts == 1) /* what nearly all worlds have */
        s->choice[to] = t->action[from];
    for (size_t k = 0; s->choice && parts > 1 && k < parts; k++)
        s->choice[to * parts + k] = t->action[from * parts + k];
    for (size_t k = 0; s->number && k < parts; k++)
        s->number[to * parts + k] = t->number[from * parts + k];
    if (s->mask)
        memcpy(s->mask + to * s->mask_bytes, t->mask + from * s->mask_bytes, s->mask_bytes);
}

/* As the actor remembered it: from what the environment got and gave. */
static void gather_last(struct slice *s, const struct trajectory *t, size_t from, size_t to)
{
    union action_cell cell[BOUND_ACTION_PARTS];
    for (size_t k = 0; k < s->parts; k++)
        if (s->choice)
            cell[k].choice = t->action[from * s->parts + k];
        else
            cell[k].number = t->number[from * s->parts + k];
    action_dist_act(s->dist, cell, 1);
    policy_last_write(s->policy, cell, t->reward[from], s->done + to * (size_t)s->X);
}

static void gather_step(struct slice *s, const struct trajectory *t, size_t from, size_t to,
                        bool limit_ends)
{
    uint8_t flags = t->flags[from];
    bool cut =
        !limit_ends && !(flags & STEP_TERMINATED) && (flags & (STEP_TRUNCATED | STEP_FAILED));
    gather_action(s, t, from, to);
    if (s->done)
        gather_last(s, t, from, to);
    s->logp_mu[to] = t->logp[from];
    s->ended[to] = (flags & STEP_ENDED) != 0;
    s->skip[to] =
        (flags & STEP_FAILED) != 0; /* the environment broke: its last step teaches nothing */
    for (size_t h = 0; h < 2; h++) {
        s->value_old[2 * to + h] = t->value[2 * from + h];
        s->end_value[h][to] = cut ? t->final_value[2 * from + h] : 0.0f;
    }
}

void slice_gather(struct slice *s, const struct batch *b, const int *order, int n,
                  const struct slice_rule *rule)
{
    ONIC_ASSERT(b->T == s->T && n >= 1 && n <= s->max_n);
    size_t N = (size_t)n, S = (size_t)s->S;
    s->N = n;
    for (size_t i = 0; i < N; i++) {
        int column = order[i];
        const struct trajectory *t = b->column[column].t;
        size_t e = (size_t)b->column[column].e, E = (size_t)t->shape.E;
        memcpy(s->state0 + i * S, t->state0 + e * S, S * sizeof(float));
        s->reset[i] = 0; /* the actor already zeroed the state of a new episode */
        for (size_t step = 0; step < (size_t)s->T; step++) {
            size_t from = step * E + e, to = step * N + i;
            size_t bound = step * (size_t)b->C + (size_t)column;
            s->rows[to] = t->obs + from * t->shape.obs_bytes;
            gather_step(s, t, from, to, rule->compat_oni);
            s->reset[to + N] = s->ended[to];
            s->reward[POLICY_EXT][to] = b->r_ext[bound];
            s->reward[POLICY_INT][to] = b->r_int[bound];
            if (rule->compat_oni) { /* the coefficients meet in the reward, not in the advantage */
                s->reward[POLICY_EXT][to] = rule->coef[POLICY_EXT] * b->r_ext[bound] +
                                            rule->coef[POLICY_INT] * b->r_int[bound];
                s->reward[POLICY_INT][to] = 0.0f;
            }
        }
        s->rows[(size_t)s->T * N + i] = t->obs + ((size_t)s->T * E + e) * t->shape.obs_bytes;
    }
}

/* --- forward --------------------------------------------------------------------------------- */

/* The kernels are allowed to turn a NaN into anything, so outputs are looked at before they are
 * used. */
static bool outputs_finite(const struct slice *s, size_t n, size_t n1)
{
    double sum = 0.0;
    for (size_t i = 0; i < n * (size_t)s->A; i++)
        sum += (double)s->outputs[i];
    for (size_t i = 0; i < 2 * n1; i++)
        sum += (double)s->value[i];
    return isfinite(sum);
}

static struct action_rows rows_done(const struct slice *s)
{
    return (struct action_rows){.choice = s->choice, .number = s->number, .mask = s->mask};
}

/* ONI's bootstrap instead of V(x_T): (V(x_{T-1}) - r_{T-1}) / gamma (learner/reward/ONI.md). */
static void bootstrap_like_oni(struct slice *s, int head, double gamma)
{
    size_t N = (size_t)s->N, n = (size_t)s->T * N;
    for (size_t i = 0; i < N; i++) {
        double v = (double)s->head[head][n - N + i] - (double)s->reward[head][n - N + i];
        s->head[head][n + i] = gamma > 0 ? (float)(v / gamma) : 0.0f;
    }
}

static void targets_of_head(struct slice *s, const struct slice_rule *rule, size_t h)
{
    const float *value = s->head[h], *bootstrap = value + (size_t)s->T * (size_t)s->N;
    const uint8_t *ended = rule->endless[h] ? s->never : s->ended;
    if (rule->gae) {
        gae(s->target[h], s->adv[h], s->reward[h], value, ended, s->end_value[h], bootstrap, s->T,
            s->N, rule->gamma[h], rule->lambda);
        return;
    }
    struct vtrace_rule v = {rule->gamma[h], rule->lambda, rule->rho_bar, rule->c_bar};
    vtrace(s->target[h], s->adv[h], s->ratio, s->reward[h], value, ended, s->end_value[h],
           bootstrap, s->T, s->N, &v);
}

bool slice_forward(struct slice *s, const struct policy *p, const float *weights,
                   const struct slice_rule *rule)
{
    size_t N = (size_t)s->N, n = (size_t)s->T * N, n1 = n + N;
    policy_forward(p, s->ws, weights, s->rows, s->done, s->state0, s->reset, s->T + 1, s->N,
                   s->outputs, s->value);
    if (!outputs_finite(s, n, n1))
        return false;
    struct action_rows done = rows_done(s);
    action_dist_evaluate(s->dist, s->outputs, &done, (int)n, s->logp, s->entropy);
    loss_ratio(s->ratio, s->logp, s->logp_mu, (int)n);
    for (size_t h = 0; h < 2; h++) {
        for (size_t i = 0; i < n1; i++)
            s->head[h][i] = s->value[2 * i + h];
        if (rule->compat_oni)
            bootstrap_like_oni(s, (int)h, rule->gamma[h]);
        targets_of_head(s, rule, h);
    }
    float ext = rule->compat_oni ? 1.0f : rule->coef[POLICY_EXT];
    float intrinsic = rule->compat_oni ? 0.0f : rule->coef[POLICY_INT];
    for (size_t i = 0; i < n; i++)
        s->advantage[i] = ext * s->adv[POLICY_EXT][i] + intrinsic * s->adv[POLICY_INT][i];
    return true;
}

void slice_advantage_sums(const struct slice *s, struct advantage_sums *sums)
{
    for (size_t i = 0; i < (size_t)s->T * (size_t)s->N; i++) {
        if (s->skip[i])
            continue;
        double a = (double)s->advantage[i];
        sums->sum += a;
        sums->squares += a * a;
        sums->count += 1.0;
    }
}

void slice_advantage_scale(const struct advantage_sums *sums, double unit, double *mean,
                           double *factor)
{
    double m = sums->sum / sums->count;
    double variance = (sums->squares - sums->count * m * m) / (sums->count - 1);
    double deviation = sqrt(variance > 0 ? variance : 0), least = deviation_min * unit;
    *mean = m;
    *factor = 1.0 / (deviation > least ? deviation : least);
}

void slice_normalize(struct slice *s, double mean, double factor)
{
    for (size_t i = 0; i < (size_t)s->T * (size_t)s->N; i++)
        s->advantage[i] = (float)(((double)s->advantage[i] - mean) * factor);
}

void slice_value_sums(const struct slice *s, struct value_sums sums[POLICY_HEADS])
{
    for (int h = 0; h < POLICY_HEADS; h++) {
        struct value_sums add = {0};
        for (size_t i = 0; i < (size_t)s->T * (size_t)s->N; i++) {
            if (s->skip[i])
                continue;
            double v = (double)s->head[h][i], target = (double)s->target[h][i], e = target - v;
            add.steps += 1.0;
            add.value += v;
            add.target += target;
            add.target_squares += target * target;
            add.error += e;
            add.error_squares += e * e;
        }
        value_sums_add(&sums[h], &add);
    }
}

/* --- backward -------------------------------------------------------------------------------- */

void slice_backward(struct slice *s, const struct policy *p, const float *weights,
                    const struct loss_params *loss, double steps, double mean, double factor,
                    float *grads, struct loss_sums *sums)
{
    size_t N = (size_t)s->N, n = (size_t)s->T * N;
    slice_normalize(s, mean, factor);
    struct loss_rows rows = {
        .n = (int)n,
        .dist = s->dist,
        .evaluated = s->outputs,
        .done = rows_done(s),
        .ratio = s->ratio,
        .logp = s->logp,
        .logp_mu = s->logp_mu,
        .entropy = s->entropy,
        .advantage = s->advantage,
        .value = s->value,
        .value_old = s->value_old,
        .target = {s->target[0], s->target[1]},
        .skip = s->skip,
        .dlogp = s->dlogp,
        .explore = s->explore,
    };
    loss_gradient(loss, &rows, steps, s->doutputs, s->dvalue, sums);
    memset(s->doutputs + n * (size_t)s->A, 0, N * (size_t)s->A * sizeof(float));
    memset(s->dvalue + 2 * n, 0, 2 * N * sizeof(float));
    policy_backward(p, s->ws, weights, s->doutputs, s->dvalue, grads);
}
