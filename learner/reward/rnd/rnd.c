/* SPDX-License-Identifier: MIT */
/* rnd.c - language-free novelty that generalises: random network distillation (arXiv 1810.12894).
 *
 * A fixed random network maps an observation to a vector; a second one is trained to predict that
 * vector from what has been seen. Where the prediction is bad, the observation is new.
 *
 *   reward = mean squared error / deviation of the discounted returns of errors (return_scale.h)
 *
 * The errors are those before the batch at hand is learned from; each of its steps is then learned
 * from with probability reward.rnd_share, independently of place and environment. Scoring a batch
 * learns from it: a trajectory must be bound once. The return goes on at the end of an episode
 * (traits: endless); an observation that is not known pays 0 and teaches nothing.
 *
 * State in a checkpoint, little-endian: "RND2", u64 version, u64 numbers of an observation, the
 * states of rnd_net.h, rnd_input.h, return_scale.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "learner/reward/reward_model.h"
#include "learner/reward/rnd/return_scale.h"
#include "learner/reward/rnd/rnd_input.h"
#include "learner/reward/rnd/rnd_net.h"

enum { HEAD_BYTES = 4 + 8 + 8 };
static const char MAGIC[4] = "RND2", MAGIC_BEFORE[4] = "RND1";

struct reward_model {
    struct rnd_input *input;
    struct rnd_net *net;
    struct return_scale *scale;
    uint64_t version, seed; /* version: batches learned from */
    double share, error;    /* error: mean of the newest batch, NAN before one of this life */
    /* of the batch at hand, [cap] rows of known observations */
    size_t cap;
    double *raw; /* [cap, elements] */
    float *x;    /* [cap, elements] */
    int *step;   /* [cap] whose it is */
};

static void rnd_free(struct reward_model *m)
{
    if (!m)
        return;
    rnd_input_free(m->input);
    rnd_net_free(m->net);
    return_scale_free(m->scale);
    free(m->raw);
    free(m->x);
    free(m->step);
    free(m);
}

static int rnd_create(struct reward_model **out, const struct config *cfg,
                      const struct obs_spec *obs, struct onic_err *err)
{
    if (!obs || !obs->nfields)
        return err_set(err, ONIC_ECONFIG,
                       "reward.model rnd needs an environment with observations");
    int rc = blas_start(err);
    if (rc)
        return rc;
    struct reward_model *m = xcalloc(1, sizeof *m);
    m->seed = (uint64_t)cfg->run_seed;
    m->share = cfg->reward_rnd_share;
    m->error = (double)NAN;
    m->input = rnd_input_create(obs, m->seed);
    m->net = rnd_net_create(rnd_input_elements(m->input), m->seed);
    m->scale = return_scale_create(cfg->train_gamma_int);
    *out = m;
    return ONIC_OK;
}

static uint64_t rnd_version(const struct reward_model *m)
{
    return m->version;
}

/* --- scores ---------------------------------------------------------------------------------- */

static void rnd_reserve(struct reward_model *m, size_t rows)
{
    size_t elements = (size_t)rnd_input_elements(m->input);
    if (rows <= m->cap)
        return;
    m->cap = rows + rows / 4;
    free(m->x);
    m->x = xaligned(m->cap * elements * sizeof *m->x);
    m->raw = xrealloc(m->raw, m->cap * elements * sizeof *m->raw);
    m->step = xrealloc(m->step, m->cap * sizeof *m->step);
}

/* The known observations of the batch, whitened with this batch included; how many. */
static int gather(struct reward_model *m, const struct reward_batch *b)
{
    size_t elements = (size_t)rnd_input_elements(m->input);
    int rows = 0;
    rnd_reserve(m, (size_t)b->n);
    for (int i = 0; i < b->n; i++) {
        if (!b->obs_after[i])
            continue;
        rnd_input_read(m->input, b->obs_after[i], m->raw + (size_t)rows * elements);
        m->step[rows++] = i;
    }
    rnd_input_learn(m->input, m->raw, rows);
    rnd_input_whiten(m->input, m->raw, rows, m->x);
    return rows;
}

static void rnd_pay(struct reward_model *m, const struct reward_batch *b, int rows, float *out)
{
    size_t elements = (size_t)rnd_input_elements(m->input);
    float error[RND_NET_ROWS];
    double sum = 0;
    memset(out, 0, (size_t)b->n * sizeof *out);
    for (int from = 0; from < rows; from += RND_NET_ROWS) {
        int n = rows - from < RND_NET_ROWS ? rows - from : RND_NET_ROWS;
        rnd_net_errors(m->net, m->x + (size_t)from * elements, n, error);
        for (int r = 0; r < n; r++) {
            out[m->step[from + r]] = error[r];
            sum += (double)error[r];
        }
    }
    m->error = sum / rows;
    return_scale_add(m->scale, out, b->n, b->environment, b->C);
    double deviation = return_scale_deviation(m->scale);
    for (int i = 0; i < b->n; i++)
        out[i] = deviation > 1e-12 ? (float)((double)out[i] / deviation) : 0.0f;
}

/* Moves the rows that are drawn to the front and takes a step per RND_NET_ROWS of them. */
static void distill(struct reward_model *m, int rows)
{
    size_t elements = (size_t)rnd_input_elements(m->input);
    struct rng r = rng_stream(m->seed, "rnd rows", m->version, 0, 0);
    int drawn = 0;
    for (int i = 0; i < rows; i++) {
        if ((double)rng_float(&r) >= m->share)
            continue;
        memmove(m->x + (size_t)drawn++ * elements, m->x + (size_t)i * elements,
                elements * sizeof *m->x);
    }
    for (int from = 0; from < drawn; from += RND_NET_ROWS) {
        int n = drawn - from < RND_NET_ROWS ? drawn - from : RND_NET_ROWS;
        rnd_net_learn(m->net, m->x + (size_t)from * elements, n);
    }
    m->version++;
}

static void rnd_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    int rows = gather(m, b);
    if (rows == 0) {
        memset(out, 0, (size_t)b->n * sizeof *out);
        return;
    }
    rnd_pay(m, b, rows, out);
    distill(m, rows);
}

static void rnd_report(const struct reward_model *m,
                       void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/loss", m->error);
    put(ctx, "reward_model/train_steps", (double)rnd_net_steps(m->net));
    put(ctx, "reward_model/return_std", return_scale_deviation(m->scale));
}

/* --- checkpoint ------------------------------------------------------------------------------ */

static void rnd_save(const struct reward_model *m, struct buf *out)
{
    uint64_t elements = (uint64_t)rnd_input_elements(m->input);
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->version, 8);
    buf_append(out, &elements, 8);
    rnd_net_save(m->net, out);
    rnd_input_save(m->input, out);
    return_scale_save(m->scale, out);
}

static bool rnd_read(struct reward_model *m, const char *p, size_t len)
{
    size_t net = rnd_net_bytes(m->net), input = rnd_input_bytes(m->input);
    size_t fixed = HEAD_BYTES + net + input;
    uint64_t elements = 0;
    if (len < fixed || memcmp(p, MAGIC, sizeof MAGIC) != 0)
        return false;
    memcpy(&elements, p + 12, 8);
    if (elements != (uint64_t)rnd_input_elements(m->input) ||
        return_scale_load(NULL, p + fixed, len - fixed) != len - fixed ||
        !rnd_input_load(m->input, p + HEAD_BYTES + net) || !rnd_net_load(m->net, p + HEAD_BYTES))
        return false;
    return_scale_load(m->scale, p + fixed, len - fixed);
    memcpy(&m->version, p + 4, 8);
    return true;
}

static int rnd_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    if (len >= sizeof MAGIC && memcmp(data, MAGIC_BEFORE, sizeof MAGIC) == 0)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "the state of reward model rnd is of a version before 0.2.0, whose networks "
                       "read observations in another way; begin a new run");
    return rnd_read(m, data, len)
               ? ONIC_OK
               : err_set(err, ONIC_EDAMAGED,
                         "the state of reward model rnd is malformed (%zu bytes)", len);
}

const struct reward_model_type reward_model_rnd = {
    .name = "rnd",
    .summary = "error of predicting a random network's view of the observation; no language",
    .traits = {.reads_observations = true, .endless = true},
    .create = rnd_create,
    .free = rnd_free,
    .version = rnd_version,
    .score = rnd_score,
    .report = rnd_report,
    .save = rnd_save,
    .load = rnd_load,
};
