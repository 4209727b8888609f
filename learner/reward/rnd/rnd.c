/* SPDX-License-Identifier: MIT */
/* rnd.c - language-free novelty that generalises: random network distillation (arXiv 1810.12894).
 *
 * A fixed random network maps an observation to a vector; a second one is trained to predict that
 * vector from what has been seen. Where the prediction is bad, the observation is new. The reward
 * is the mean squared error over its running standard deviation.
 *
 * All elements of all observation fields enter, each less its running mean over its running
 * standard deviation, cut at +-CUT. Scoring a batch learns from it (one Adam step on at most ROWS
 * of its steps, evenly spaced): a trajectory must be bound once. A step that ends an episode pays 0
 * and teaches nothing: its observation is not known here.
 *
 * State in a checkpoint, little-endian: "RND1", u64 version, u64 elements, u64 Adam steps, f64
 * observations seen, f64 count, mean and sum of squares of the errors, f64 mean and sum of squares
 * per element, then f32 target, predictor, Adam's m and v. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/optim/adam.h"
#include "common/nn/params.h"
#include "learner/reward/reward_model.h"

enum { ROWS = 512, HIDDEN = 128, OUT = 64, LAYERS_MAX = 3, HEAD_BYTES = 4 + 3 * 8 };
static const char MAGIC[4] = "RND1";
static const float CUT = 5.0f;
static const double LR = 1e-4;
static const struct adam ADAM = {0.9, 0.999, 1e-8};

struct net {
    struct params params;
    int layers, width[LAYERS_MAX + 1];
    size_t w[LAYERS_MAX], b[LAYERS_MAX];
    float *h[LAYERS_MAX]; /* [ROWS, width] */
};

/* Mean and sum of squared deviations, one value at a time (Welford). */
struct moments {
    double n, mean, m2;
};

struct reward_model {
    struct obs_spec obs;
    int elements;
    struct net target, predictor;
    float *fixed, *block[3], *grads; /* block: predictor, m, v */
    uint64_t version, step;
    double seen;       /* observations in mean and m2 */
    double *mean, *m2; /* [elements] */
    struct moments error;
    float *x, *dy[2];                /* [ROWS, max(elements, HIDDEN)] */
    double *value;                   /* [elements] of one observation */
    double *sum, *squares, *inverse; /* [elements] of a batch; one over the deviation */
    int index[ROWS];
    float loss[ROWS];
};

static void net_create(struct net *n, int layers, int elements)
{
    static const char *const name[LAYERS_MAX][2] = {{"0.w", "0.b"}, {"1.w", "1.b"}, {"2.w", "2.b"}};
    n->layers = layers;
    n->width[0] = elements;
    for (int i = 0; i < layers; i++) {
        n->width[i + 1] = i == layers - 1 ? OUT : HIDDEN;
        n->w[i] = params_add(&n->params, name[i][0], n->width[i], n->width[i + 1], PARAM_ORTHOGONAL,
                             1.41421356f);
        n->b[i] = params_add(&n->params, name[i][1], 1, n->width[i + 1], PARAM_ZERO, 0);
        n->h[i] = xaligned((size_t)ROWS * (size_t)n->width[i + 1] * sizeof(float));
    }
}

static const float *net_forward(struct net *n, const float *weights, const float *x, int rows)
{
    for (int i = 0; i < n->layers; i++) {
        dense_forward(n->h[i], n->width[i + 1], x, n->width[i], weights + n->w[i],
                      weights + n->b[i], rows, n->width[i], n->width[i + 1],
                      i < n->layers - 1 ? ACT_RELU : ACT_NONE);
        x = n->h[i];
    }
    return x;
}

static void rnd_free(struct reward_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < LAYERS_MAX; i++) {
        free(m->target.h[i]);
        free(m->predictor.h[i]);
        free(m->block[i]);
    }
    free(m->fixed);
    free(m->grads);
    free(m->mean);
    free(m->m2);
    free(m->x);
    free(m->dy[0]);
    free(m->dy[1]);
    free(m->value);
    free(m->sum);
    free(m->squares);
    free(m->inverse);
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
    m->obs = *obs;
    for (int i = 0; i < obs->nfields; i++)
        m->elements += obs_field_count(&obs->field[i]);
    size_t elements = (size_t)m->elements, wide = elements > HIDDEN ? elements : HIDDEN;
    net_create(&m->target, 2, m->elements);
    net_create(&m->predictor, 3, m->elements);
    m->fixed = xaligned(m->target.params.floats * sizeof(float));
    params_init(&m->target.params, m->fixed, (uint64_t)cfg->run_seed);
    for (int i = 0; i < 3; i++)
        m->block[i] = xaligned(m->predictor.params.floats * sizeof(float));
    params_init(&m->predictor.params, m->block[0], (uint64_t)cfg->run_seed + 1);
    m->grads = xaligned(m->predictor.params.floats * sizeof(float));
    m->mean = xcalloc(elements, sizeof *m->mean);
    m->m2 = xcalloc(elements, sizeof *m->m2);
    m->value = xcalloc(elements, sizeof *m->value);
    m->sum = xcalloc(elements, sizeof *m->sum);
    m->squares = xcalloc(elements, sizeof *m->squares);
    m->inverse = xcalloc(elements, sizeof *m->inverse);
    m->x = xaligned(ROWS * wide * sizeof(float));
    m->dy[0] = xaligned(ROWS * wide * sizeof(float));
    m->dy[1] = xaligned(ROWS * wide * sizeof(float));
    *out = m;
    return ONIC_OK;
}

static uint64_t rnd_version(const struct reward_model *m)
{
    return m->version;
}

/* --- scores ---------------------------------------------------------------------------------- */

static void rnd_read_values(struct reward_model *m, const uint8_t *obs)
{
    double *v = m->value;
    for (int f = 0; f < m->obs.nfields; f++) {
        obs_values(&m->obs.field[f], obs, v);
        v += obs_field_count(&m->obs.field[f]);
    }
}

/* Adds `rows` observations to mean and m2, from the sums of their deviations from the mean so far
 * (Chan, Golub and LeVeque 1983), and brings `inverse` up to date. */
static void merge_scale(struct reward_model *m, double rows)
{
    double all = m->seen + rows;
    for (int i = 0; i < m->elements; i++) {
        double d = m->sum[i] / rows, within = m->squares[i] - m->sum[i] * d;
        m->m2[i] += (within > 0 ? within : 0) + d * d * m->seen * rows / all;
        m->mean[i] += d * rows / all;
        double var = m->m2[i] / all;
        m->inverse[i] = var > 1e-12 ? 1.0 / sqrt(var) : 0.0;
    }
    m->seen = all;
}

/* Mean and deviation of every element, this batch included. */
static void learn_scale(struct reward_model *m, const struct reward_batch *b)
{
    size_t bytes = (size_t)m->elements * sizeof(double);
    double rows = 0;
    memset(m->sum, 0, bytes);
    memset(m->squares, 0, bytes);
    for (int i = 0; i < b->n; i++) {
        if (!b->obs_after[i])
            continue;
        rnd_read_values(m, b->obs_after[i]);
        if (m->seen + rows == 0) /* deviations from about the mean: nothing cancels */
            memcpy(m->mean, m->value, bytes);
        for (int k = 0; k < m->elements; k++) {
            double d = m->value[k] - m->mean[k];
            m->sum[k] += d;
            m->squares[k] += d * d;
        }
        rows++;
    }
    if (rows > 0)
        merge_scale(m, rows);
}

static void normalise(const struct reward_model *m, float *x)
{
    for (int i = 0; i < m->elements; i++) {
        float z = (float)((m->value[i] - m->mean[i]) * m->inverse[i]);
        x[i] = z < -CUT ? -CUT : z > CUT ? CUT : z;
    }
}

/* Errors of `rows` observations in x -> loss, difference in dy[0]. */
static void errors(struct reward_model *m, int rows)
{
    const float *want = net_forward(&m->target, m->fixed, m->x, rows);
    const float *got = net_forward(&m->predictor, m->block[0], m->x, rows);
    for (int r = 0; r < rows; r++) {
        double sum = 0;
        for (int j = 0; j < OUT; j++) {
            float d = got[r * OUT + j] - want[r * OUT + j];
            m->dy[0][r * OUT + j] = 2.0f * d / (float)(OUT * rows);
            sum += (double)(d * d);
        }
        m->loss[r] = (float)(sum / OUT);
    }
}

static void learn(struct reward_model *m, int rows)
{
    struct net *n = &m->predictor;
    float *dy = m->dy[0], *dx = m->dy[1];
    memset(m->grads, 0, n->params.floats * sizeof(float));
    for (int i = n->layers - 1; i >= 0; i--) {
        dense_backward(i ? dx : NULL, n->width[i], m->grads + n->w[i], m->grads + n->b[i], dy,
                       n->width[i + 1], i ? n->h[i - 1] : m->x, n->width[i], n->h[i],
                       n->width[i + 1], m->block[0] + n->w[i], rows, n->width[i], n->width[i + 1],
                       i < n->layers - 1 ? ACT_RELU : ACT_NONE);
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    adam_step(&ADAM, m->block[0], m->block[1], m->block[2], m->grads, n->params.floats, 1.0, LR,
              ++m->step);
}

static void book_error(struct moments *e, double loss)
{
    e->n += 1;
    double d = loss - e->mean;
    e->mean += d / e->n;
    e->m2 += d * (loss - e->mean);
}

/* The steps of b from `from`, with distance `stride`, at most ROWS; returns where it ended. */
static int gather(struct reward_model *m, const struct reward_batch *b, int from, int stride,
                  int *rows)
{
    int i = from;
    for (*rows = 0; i < b->n && *rows < ROWS; i += stride) {
        if (!b->obs_after[i]) /* not known */
            continue;
        rnd_read_values(m, b->obs_after[i]);
        normalise(m, m->x + (size_t)*rows * (size_t)m->elements);
        m->index[(*rows)++] = i;
    }
    return i;
}

static void rnd_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    int rows;
    memset(out, 0, (size_t)b->n * sizeof *out);
    learn_scale(m, b);
    for (int i = 0; i < b->n;) {
        i = gather(m, b, i, 1, &rows);
        if (rows)
            errors(m, rows);
        for (int r = 0; r < rows; r++) {
            book_error(&m->error, (double)m->loss[r]);
            out[m->index[r]] = m->loss[r];
        }
    }
    double deviation = m->error.n > 1 ? sqrt(m->error.m2 / m->error.n) : 0.0;
    for (int i = 0; i < b->n; i++)
        out[i] = deviation > 1e-12 ? (float)((double)out[i] / deviation) : 0.0f;
    gather(m, b, 0, b->n > ROWS ? (b->n + ROWS - 1) / ROWS : 1, &rows);
    if (!rows)
        return;
    errors(m, rows);
    learn(m, rows);
    m->version++;
}

static void rnd_report(const struct reward_model *m,
                       void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/loss", m->error.n > 0 ? m->error.mean : (double)NAN);
    put(ctx, "reward_model/train_steps", (double)m->step);
}

/* --- checkpoint ------------------------------------------------------------------------------ */

static void rnd_save(const struct reward_model *m, struct buf *out)
{
    uint64_t elements = (uint64_t)m->elements;
    size_t n = (size_t)m->elements * sizeof(double);
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->version, 8);
    buf_append(out, &elements, 8);
    buf_append(out, &m->step, 8);
    buf_append(out, &m->seen, 8);
    buf_append(out, &m->error, sizeof m->error);
    buf_append(out, m->mean, n);
    buf_append(out, m->m2, n);
    buf_append(out, m->fixed, m->target.params.floats * sizeof(float));
    for (int i = 0; i < 3; i++)
        buf_append(out, m->block[i], m->predictor.params.floats * sizeof(float));
}

static bool finite_numbers(const char *p, size_t doubles, size_t floats)
{
    for (size_t i = 0; i < doubles; i++, p += 8) {
        double x;
        memcpy(&x, p, 8);
        if (!isfinite(x))
            return false;
    }
    for (size_t i = 0; i < floats; i++, p += 4) {
        float x;
        memcpy(&x, p, 4);
        if (!isfinite(x))
            return false;
    }
    return true;
}

static const char *rnd_take(void *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
    return from + bytes;
}

static int rnd_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    size_t doubles = 4 + 2 * (size_t)m->elements;
    size_t floats = m->target.params.floats + 3 * m->predictor.params.floats;
    uint64_t elements = 0;
    bool ok = len == HEAD_BYTES + doubles * 8 + floats * 4 && memcmp(p, MAGIC, sizeof MAGIC) == 0;
    if (ok)
        memcpy(&elements, p + 12, 8);
    if (!ok || elements != (uint64_t)m->elements ||
        !finite_numbers(p + HEAD_BYTES, doubles, floats))
        return err_set(err, ONIC_EDAMAGED, "the state of reward model rnd is malformed (%zu bytes)",
                       len);
    size_t n = (size_t)m->elements * sizeof(double);
    p = rnd_take(&m->version, p + 4, 8) + 8;
    p = rnd_take(&m->step, p, 8);
    p = rnd_take(&m->seen, p, 8);
    p = rnd_take(&m->error, p, sizeof m->error);
    p = rnd_take(m->mean, p, n);
    p = rnd_take(m->m2, p, n);
    p = rnd_take(m->fixed, p, m->target.params.floats * sizeof(float));
    for (int i = 0; i < 3; i++)
        p = rnd_take(m->block[i], p, m->predictor.params.floats * sizeof(float));
    return ONIC_OK;
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
