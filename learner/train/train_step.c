/* SPDX-License-Identifier: MIT */
/* train_step.c - the algorithm: asynchronous PPO with V-trace, rewards bound at train time.
 *
 * 1. Rewards: the environment's, scaled and clipped; the intrinsic one from the newest labels.
 *
 *    Observations: what they are normalised by, if they are (obs_stats.h).
 *
 * 2. Per pass: cut the batch's columns into minibatches, these into slices, slices over threads.
 *
 * 3. Forward: network over T+1 rows, importance ratios, V-trace or GAE for each value head,
 *    A = c_ext A_ext + c_int A_int.
 *
 * 4. Normalise A to mean 0 and deviation 1 over the whole minibatch, and measure the scale on which
 *    each value head learns (value_norm.h): the numbers all slices must agree on.
 *
 * 5. Backward: losses and gradients per slice, each thread into its own block.
 *
 * 6. Step: sum of the blocks in thread order, clip by the global norm, Adam; value heads in their
 *    own units.
 *
 * Slices keep their activations between 3 and 5, so normalising costs no second forward pass; only
 * slices beyond a memory bound repeat it. All sums run in a fixed order: the same batch gives the
 * same bits, whatever the timing. */
#include "learner/train/train_step.h"

#include <math.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/kernels.h"
#include "common/nn/optim/grad_clip.h"
#include "learner/train/suspect.h"

/* --- cutting --------------------------------------------------------------------------------- */

/* Columns of the batch in training order: as they came, or shuffled so that every minibatch mixes
 * all actors. */
static void order_columns(struct trainer *c, int epoch)
{
    int C = c->batch->C;
    if (C > c->order_cap) {
        c->order_cap = C + C / 4;
        c->order = xrealloc(c->order, (size_t)c->order_cap * sizeof *c->order);
    }
    for (int i = 0; i < C; i++)
        c->order[i] = i;
    if (c->params.minibatches == 1)
        return;
    struct rng rng =
        rng_stream(c->params.seed, "minibatch", c->counters.version, (uint64_t)epoch, 0);
    for (int i = C - 1; i > 0; i--) {
        int j = (int)rng_below(&rng, (uint32_t)i + 1), column = c->order[i];
        c->order[i] = c->order[j];
        c->order[j] = column;
    }
}

static int slice_begin(const struct trainer *c, int slice)
{
    return (int)((int64_t)c->column_count * slice / c->slice_count);
}

/* As many slices as the width asks for, but the same number for every thread where that is
 * possible. */
static void cut_slices(struct trainer *c, int first, int count)
{
    int threads = thread_team_count(c->team);
    c->columns = c->order + first;
    c->column_count = count;
    int n = (count + c->slice_columns - 1) / c->slice_columns;
    n = (n + threads - 1) / threads * threads;
    c->slice_count = n < count ? n : count;
    if (c->slice_count > c->results_cap) {
        c->results_cap = 2 * c->slice_count;
        c->results = xrealloc(c->results, (size_t)c->results_cap * sizeof *c->results);
    }
    memset(c->results, 0, (size_t)c->slice_count * sizeof *c->results);
    while (c->kept_count < c->slice_count && c->kept_count < c->kept_max)
        c->kept[c->kept_count++] = slice_create(c->policy, c->params.rollout, c->slice_columns);
    for (int i = 0; c->slice_count > c->kept_max && i < threads; i++)
        if (!c->scratch[i])
            c->scratch[i] = slice_create(c->policy, c->params.rollout, c->slice_columns);
}

/* --- the two phases, run by every thread ----------------------------------------------------- */

/* Member 0 is the thread that called trainer_update. */
static void tell_that_it_turns(const struct trainer *c, int member)
{
    if (member == 0 && c->turns)
        c->turns(c->turns_ctx);
}

static struct slice *train_step_forward(struct trainer *c, int i, int member)
{
    struct slice *s = i < c->kept_max ? c->kept[i] : c->scratch[member];
    int from = slice_begin(c, i);
    slice_gather(s, c->batch, c->columns + from, slice_begin(c, i + 1) - from, &c->rule);
    c->results[i].finite = slice_forward(s, c->policy, c->weights, &c->rule);
    tell_that_it_turns(c, member);
    return s;
}

static void forward_phase(void *ctx, int member)
{
    struct trainer *c = ctx;
    for (int i = member; i < c->slice_count; i += thread_team_count(c->team)) {
        const struct slice *s = train_step_forward(c, i, member);
        struct minibatch_result *r = &c->results[i];
        if (!r->finite)
            continue;
        slice_advantage_sums(s, &r->advantage);
        slice_value_sums(s, r->value);
    }
}

static void backward_phase(void *ctx, int member)
{
    struct trainer *c = ctx;
    memset(c->grads[member], 0, c->floats * sizeof(float));
    for (int i = member; i < c->slice_count; i += thread_team_count(c->team)) {
        struct slice *s = i < c->kept_max ? c->kept[i] : train_step_forward(c, i, member);
        slice_backward(s, c->policy, c->weights, &c->loss, c->steps, c->advantage_mean,
                       c->advantage_factor, c->grads[member], &c->results[i].loss);
        tell_that_it_turns(c, member);
    }
}

/* This member's part of a block of floats, in whole cache lines. */
static void train_step_part_of(const struct trainer *c, int member, size_t *from, size_t *count)
{
    size_t n = (size_t)thread_team_count(c->team), lines = (c->floats + 15) / 16;
    size_t begin = lines * (size_t)member / n * 16, end = lines * ((size_t)member + 1) / n * 16;
    *from = begin;
    *count = (end < c->floats ? end : c->floats) - begin;
}

static void sum_phase(void *ctx, int member)
{
    struct trainer *c = ctx;
    size_t from, count;
    train_step_part_of(c, member, &from, &count);
    for (int i = 1; i < thread_team_count(c->team); i++)
        kernels()->axpy(c->grads[0] + from, c->grads[i] + from, 1.0f, count);
}

/* Floats [from, to) of the block, if any. Returns where the next range begins. */
static size_t adam_range(struct trainer *c, size_t from, size_t to, double lr)
{
    if (from >= to)
        return from;
    adam_step(&c->params.adam, c->weights + from, c->m + from, c->v + from, c->grads[0] + from,
              to - from, c->grad_scale, lr, c->counters.adam_steps);
    return to;
}

/* The step of a value head is one in its normalised parameters (value_norm.h). */
static void adam_phase(void *ctx, int member)
{
    struct trainer *c = ctx;
    size_t at, count;
    train_step_part_of(c, member, &at, &count);
    size_t end = at + count;
    for (int h = 0; h < POLICY_HEADS; h++) {
        size_t from = c->head[h].from, to = from + c->head[h].count;
        at = adam_range(c, at, from < end ? from : end, c->lr_now);
        at = adam_range(c, at, to < end ? to : end, c->lr_now * (double)c->loss.value_unit[h]);
    }
    adam_range(c, at, end, c->lr_now);
}

/* What the clip and Adam see of a value head is the gradient of its normalised parameters. One that
 * is about to start somewhere else has none. */
static void scale_head_gradients(struct trainer *c, const bool start[POLICY_HEADS])
{
    for (int h = 0; h < POLICY_HEADS; h++) {
        bool leaves = start[h] && value_norm_start(&c->value_norm, h) != 0;
        for (size_t i = 0; i < c->head[h].count; i++)
            c->grads[0][c->head[h].from + i] *= leaves ? 0.0f : c->loss.value_unit[h];
    }
}

/* --- one gradient step ----------------------------------------------------------------------- */

/* The statistics of the value targets move, and with them the scale of the losses. */
static void measure_values(struct trainer *c, struct value_sums total[POLICY_HEADS])
{
    double share[POLICY_HEADS];
    struct value_sums sums[POLICY_HEADS] = {{0}};
    for (int h = 0; h < POLICY_HEADS; h++) {
        for (int i = 0; i < c->slice_count; i++)
            value_sums_add(&sums[h], &c->results[i].value[h]);
        value_sums_add(&total[h], &sums[h]);
    }
    value_norm_see(&c->value_norm, sums);
    value_norm_shares(&c->value_norm, c->rule.coef, share);
    for (int h = 0; h < POLICY_HEADS; h++) {
        c->loss.value_share[h] = (float)share[h];
        c->loss.value_unit[h] = (float)value_norm_sigma(&c->value_norm, h);
    }
}

/* Outputs, advantages and targets: what is not finite must not reach the statistics. */
static bool forward_finite(const struct trainer *c)
{
    double sum = 0;
    for (int i = 0; i < c->slice_count; i++) {
        if (!c->results[i].finite)
            return false;
        sum += c->results[i].advantage.squares;
        for (int h = 0; h < POLICY_HEADS; h++)
            sum += c->results[i].value[h].target_squares;
    }
    return isfinite(sum);
}

/* False when something is not finite. */
static bool measure_minibatch(struct trainer *c, struct value_sums total[POLICY_HEADS])
{
    struct advantage_sums sums = {0};
    if (!forward_finite(c))
        return false;
    measure_values(c, total);
    for (int i = 0; i < c->slice_count; i++) {
        sums.sum += c->results[i].advantage.sum;
        sums.squares += c->results[i].advantage.squares;
        sums.count += c->results[i].advantage.count;
    }
    c->steps = sums.count > 0 ? sums.count : 1;
    c->advantage_mean = 0.0;
    c->advantage_factor = 1.0;
    if (c->params.normalize_advantage && sums.count > 1)
        slice_advantage_scale(&sums, value_norm_advantage_unit(&c->value_norm, c->rule.coef),
                              &c->advantage_mean, &c->advantage_factor);
    return isfinite(c->advantage_mean) && isfinite(c->advantage_factor);
}

/* Heads to be started after this step. They were created as 0 (trainer.c). */
static void heads_to_start(const struct trainer *c, bool start[POLICY_HEADS])
{
    for (int h = 0; h < POLICY_HEADS; h++) {
        const float *w = c->weights + c->head[h].from;
        start[h] = c->value_norm.rate > 0 && c->loss.value_share[h] > 0 &&
                   value_norm_knows(&c->value_norm, h);
        for (size_t i = 0; start[h] && i < c->head[h].count; i++)
            start[h] = w[i] == 0.0f;
    }
}

/* The network's initial weights are those of a normalised head; they get their unit with the first
 * targets that are not all 0, and the bias their mean where that is far (value_norm.h). */
static void start_heads(struct trainer *c, const bool start[POLICY_HEADS])
{
    if (!start[POLICY_EXT] && !start[POLICY_INT])
        return;
    params_init(policy_params(c->policy), c->grads[0], c->params.seed); /* not needed any more */
    for (int h = 0; h < POLICY_HEADS; h++) {
        if (!start[h])
            continue;
        kernels()->axpy(c->weights + c->head[h].from, c->grads[0] + c->head[h].from,
                        c->loss.value_unit[h], c->head[h].count);
        c->weights[c->head[h].bias] += (float)value_norm_start(&c->value_norm, h);
    }
}

static struct loss_sums minibatch_losses(const struct trainer *c)
{
    struct loss_sums sums = {0};
    for (int i = 0; i < c->slice_count; i++) {
        const struct minibatch_result *r = &c->results[i];
        sums.steps += r->loss.steps;
        sums.policy += r->loss.policy;
        sums.value[0] += r->loss.value[0];
        sums.value[1] += r->loss.value[1];
        sums.entropy += r->loss.entropy;
        sums.uniform_kl += r->loss.uniform_kl;
        sums.kl += r->loss.kl;
        sums.clipped += r->loss.clipped;
        sums.ratio += r->loss.ratio;
    }
    return sums;
}

/* Adds this minibatch to the statistics of the update; `share`: its part of them. */
static void add_stats(const struct trainer *c, const struct loss_sums *losses, double norm,
                      double share, struct train_stats *out)
{
    double per_step = share / (losses->steps > 0 ? losses->steps : 1);
    out->policy_loss += losses->policy * per_step;
    out->actor_loss += loss_actor(&c->loss, losses) * share;
    out->value_loss += losses->value[POLICY_EXT] * per_step;
    out->value_loss_int += losses->value[POLICY_INT] * per_step;
    out->entropy += losses->entropy * per_step;
    out->kl += losses->kl * per_step;
    out->clipped += losses->clipped * per_step;
    out->ratio += losses->ratio * per_step;
    out->grad_norm += norm * share;
    out->gradient_steps += 1;
}

/* True: the policy has moved far enough from the one that acted. The first step with a batch is
 * always made: what acted may be older than train.kl_stop allows, and only a step brings newer
 * weights. */
static bool measure_divergence(const struct trainer *c, const struct loss_sums *losses,
                               struct train_stats *out)
{
    double kl = losses->kl / (losses->steps > 0 ? losses->steps : 1);
    out->kl_largest = fmax(out->kl_largest, kl);
    return c->params.kl_stop > 0 && out->gradient_steps > 0 && kl > c->params.kl_stop;
}

enum step_result { STEP_MADE, STEP_NOT_FINITE, STEP_DIVERGED };

static enum step_result try_step(struct trainer *c, double share, struct train_stats *out)
{
    double norm = 0;
    bool start[POLICY_HEADS];
    thread_team_run(c->team, forward_phase, c);
    if (!measure_minibatch(c, out->values))
        return STEP_NOT_FINITE;
    thread_team_run(c->team, backward_phase, c);
    thread_team_run(c->team, sum_phase, c);
    heads_to_start(c, start);
    scale_head_gradients(c, start);
    if (!grad_clip(c->grads[0], c->floats, c->params.max_grad_norm, &norm, &c->grad_scale))
        return STEP_NOT_FINITE;
    struct loss_sums losses = minibatch_losses(c);
    if (measure_divergence(c, &losses, out))
        return STEP_DIVERGED;
    c->counters.adam_steps++;
    thread_team_run(c->team, adam_phase, c);
    start_heads(c, start);
    add_stats(c, &losses, norm, share, out);
    return STEP_MADE;
}

/* The weights are as they were unless STEP_MADE; after numbers that are not finite the scale of the
 * value heads is, too. */
static enum step_result gradient_step(struct trainer *c, double share, struct train_stats *out)
{
    struct value_norm before = c->value_norm;
    enum step_result step = try_step(c, share, out);
    if (step == STEP_NOT_FINITE)
        c->value_norm = before;
    return step;
}

/* A batch from which nobody can be told neither accuses nor clears. Returns its actor, as
 * suspect_actor does. */
static int64_t book_suspect(struct trainer *c)
{
    uint64_t incarnation;
    int64_t actor = suspect_actor(c, &incarnation);
    if (c->nonfinite_in_row == 0)
        c->suspect = SUSPECT_UNTOLD;
    if (actor == SUSPECT_UNTOLD)
        return actor;
    c->suspect = c->suspect == SUSPECT_UNTOLD || c->suspect == actor ? actor : SUSPECT_NONE;
    c->suspect_incarnation = incarnation;
    return actor;
}

static int book_nonfinite(struct trainer *c, struct onic_err *err)
{
    int64_t actor = book_suspect(c);
    c->counters.nonfinite++;
    c->nonfinite_in_row++;
    if (actor >= 0)
        log_warn("a gradient is not finite and was not applied; the numbers of one actor are far "
                 "beyond those of the others",
                 kv("update", c->counters.version + 1), kv("in_a_row", c->nonfinite_in_row),
                 kv("total", c->counters.nonfinite), kv("actor", actor));
    else
        log_warn("a gradient is not finite and was not applied",
                 kv("update", c->counters.version + 1), kv("in_a_row", c->nonfinite_in_row),
                 kv("total", c->counters.nonfinite));
    if (c->nonfinite_in_row < NONFINITE_MAX)
        return ONIC_OK;
    return err_set(
        err, ONIC_EINTERNAL,
        "%d gradients in a row were not finite; go on from the last checkpoint with a smaller "
        "train.lr or train.max_grad_norm",
        NONFINITE_MAX);
}

/* Means over all gradient steps become means over those that were made. */
static void rescale_stats(struct train_stats *out, double factor)
{
    double *mean[] = {&out->policy_loss,    &out->actor_loss, &out->value_loss,
                      &out->value_loss_int, &out->entropy,    &out->kl,
                      &out->clipped,        &out->ratio,      &out->grad_norm};
    for (size_t i = 0; i < sizeof mean / sizeof mean[0]; i++)
        *mean[i] *= factor;
}

static int minibatches_of(const struct trainer *c)
{
    return c->params.minibatches < c->batch->C ? c->params.minibatches : c->batch->C;
}

/* One pass over the batch; *loss: its mean actor loss. *ended: the policy has diverged, so it ended
 * before its end and no other one follows. */
static int train_step_pass(struct trainer *c, int epoch, struct train_stats *out, double *loss,
                           bool *ended, struct onic_err *err)
{
    int C = c->batch->C, minibatches = minibatches_of(c), k = 0, rc = ONIC_OK;
    double share = 1.0 / ((double)c->params.epochs * minibatches), before = out->actor_loss;
    order_columns(c, epoch);
    for (; !rc && !*ended && k < minibatches; k++) {
        int from = (int)((int64_t)C * k / minibatches);
        cut_slices(c, from, (int)((int64_t)C * (k + 1) / minibatches) - from);
        enum step_result step = gradient_step(c, share, out);
        *ended = step == STEP_DIVERGED;
        if (step == STEP_MADE)
            c->nonfinite_in_row = 0;
        else if (step == STEP_NOT_FINITE)
            rc = book_nonfinite(c, err);
    }
    out->epochs += (double)(k - *ended) / minibatches;
    *loss = (out->actor_loss - before) * c->params.epochs;
    return rc;
}

/* --- one update ------------------------------------------------------------------------------ */

static void begin_schedules(struct trainer *c, struct train_stats *out)
{
    const struct trainer_params *p = &c->params;
    double progress = p->frames ? (double)c->counters.env_steps / (double)p->frames : 0.0;
    c->lr_now = p->lr_schedule == SCHEDULE_LINEAR        ? schedule_linear(p->lr, 0, progress)
                : p->lr_schedule == SCHEDULE_KL_ADAPTIVE ? c->lr_adapted
                                                         : p->lr;
    out->lr = c->lr_now;
    out->entropy_coef = schedule_linear(p->entropy, p->entropy_final, progress);
    c->loss.entropy_coef = (float)out->entropy_coef;
}

/* Where a divergence ended the update, the mean over the steps made leaves out what is to be
 * steered: in lock-step it is 0 after one step. */
static void adapt_lr(struct trainer *c, const struct train_stats *out, bool ended)
{
    if (c->params.lr_schedule == SCHEDULE_KL_ADAPTIVE)
        c->lr_adapted = schedule_kl_adaptive(c->lr_adapted, ended ? out->kl_largest : out->kl,
                                             c->params.kl_target);
}

int train_step(struct trainer *c, struct train_stats *out, struct onic_err *err)
{
    struct batch *b = c->batch;
    *out = (struct train_stats){
        .lag_mean = b->lag_mean, .lag_max = (double)b->lag_max, .steps = (double)b->steps};
    reward_mix_bind(c->reward, &b->reward, b->r_env, b->r_ext, b->r_int);
    reward_mix_take_stats(c->reward, &out->reward);
    begin_schedules(c, out);
    uint64_t nonfinite = c->counters.nonfinite;
    obs_stats_see(c->obs_stats, b);
    obs_stats_put(c->obs_stats, c->weights);
    bool ended = false;
    double loss = (double)NAN, previous = loss;
    int rc = train_step_pass(c, 0, out, &loss, &ended, err);
    for (int epoch = 1; !rc && !ended && epoch < c->params.epochs; epoch++) {
        if (fabs(loss - previous) < c->params.early_stop) /* never after the first: NAN */
            break;
        previous = loss;
        rc = train_step_pass(c, epoch, out, &loss, &ended, err);
    }
    if (out->gradient_steps > 0) {
        rescale_stats(out, (double)c->params.epochs * minibatches_of(c) / out->gradient_steps);
        adapt_lr(c, out, ended);
    }
    for (int h = 0; h < POLICY_HEADS; h++)
        out->return_scale[h] = c->value_norm.rate > 0 ? value_norm_sigma(&c->value_norm, h)
                                                      : value_sums_deviation(&out->values[h]);
    c->counters
        .version++; /* also after a skipped step: actors wait for the next version in lock-step */
    c->counters.env_steps += b->steps;
    if (c->counters.nonfinite != nonfinite) {
        obs_stats_unsee(c->obs_stats);
        obs_stats_put(c->obs_stats, c->weights);
    }
    return rc;
}
