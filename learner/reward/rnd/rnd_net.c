/* SPDX-License-Identifier: MIT */
/* rnd_net.c - see rnd_net.h. */
#include "learner/reward/rnd/rnd_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/optim/adam.h"
#include "common/nn/params.h"

enum { ROWS = RND_NET_ROWS, HIDDEN = 128, OUT = 64, LAYERS_MAX = 3, BLOCKS = 3 };
static const double LR = 1e-4;
static const struct adam ADAM = {0.9, 0.999, 1e-8};

struct mlp {
    struct params params;
    int layers, width[LAYERS_MAX + 1];
    size_t w[LAYERS_MAX], b[LAYERS_MAX];
    float *h[LAYERS_MAX]; /* [ROWS, width] */
};

struct rnd_net {
    struct mlp target, predictor;
    float *fixed, *block[BLOCKS], *grads; /* block: predictor, m, v */
    uint64_t step;
    float *dy[2]; /* [ROWS, HIDDEN] */
};

static void rnd_mlp_create(struct mlp *n, int layers, int inputs)
{
    static const char *const name[LAYERS_MAX][2] = {{"0.w", "0.b"}, {"1.w", "1.b"}, {"2.w", "2.b"}};
    n->layers = layers;
    n->width[0] = inputs;
    for (int i = 0; i < layers; i++) {
        n->width[i + 1] = i == layers - 1 ? OUT : HIDDEN;
        n->w[i] = params_add(&n->params, name[i][0], n->width[i], n->width[i + 1], PARAM_ORTHOGONAL,
                             1.41421356f);
        n->b[i] = params_add(&n->params, name[i][1], 1, n->width[i + 1], PARAM_ZERO, 0);
        n->h[i] = xaligned((size_t)ROWS * (size_t)n->width[i + 1] * sizeof(float));
    }
}

static const float *rnd_mlp_forward(struct mlp *n, const float *weights, const float *x, int rows)
{
    for (int i = 0; i < n->layers; i++) {
        dense_forward(n->h[i], n->width[i + 1], x, n->width[i], weights + n->w[i],
                      weights + n->b[i], rows, n->width[i], n->width[i + 1],
                      i < n->layers - 1 ? ACT_RELU : ACT_NONE);
        x = n->h[i];
    }
    return x;
}

struct rnd_net *rnd_net_create(int inputs, uint64_t seed)
{
    struct rnd_net *n = xcalloc(1, sizeof *n);
    rnd_mlp_create(&n->target, 2, inputs);
    rnd_mlp_create(&n->predictor, 3, inputs);
    n->fixed = xaligned(n->target.params.floats * sizeof(float));
    params_init(&n->target.params, n->fixed, seed);
    for (int i = 0; i < BLOCKS; i++)
        n->block[i] = xaligned(n->predictor.params.floats * sizeof(float));
    params_init(&n->predictor.params, n->block[0], seed + 1);
    n->grads = xaligned(n->predictor.params.floats * sizeof(float));
    for (int i = 0; i < 2; i++)
        n->dy[i] = xaligned((size_t)ROWS * HIDDEN * sizeof(float));
    return n;
}

void rnd_net_free(struct rnd_net *n)
{
    if (!n)
        return;
    for (int i = 0; i < LAYERS_MAX; i++) {
        free(n->target.h[i]);
        free(n->predictor.h[i]);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(n->block[i]);
    free(n->fixed);
    free(n->grads);
    free(n->dy[0]);
    free(n->dy[1]);
    free(n);
}

uint64_t rnd_net_steps(const struct rnd_net *n)
{
    return n->step;
}

void rnd_net_errors(struct rnd_net *n, const float *x, int rows, float *error)
{
    const float *want = rnd_mlp_forward(&n->target, n->fixed, x, rows);
    const float *got = rnd_mlp_forward(&n->predictor, n->block[0], x, rows);
    for (int r = 0; r < rows; r++) {
        double sum = 0;
        for (int j = 0; j < OUT; j++) {
            float d = got[r * OUT + j] - want[r * OUT + j];
            n->dy[0][r * OUT + j] = 2.0f * d / (float)(OUT * rows);
            sum += (double)(d * d);
        }
        error[r] = (float)(sum / OUT);
    }
}

void rnd_net_learn(struct rnd_net *n, const float *x, int rows)
{
    struct mlp *p = &n->predictor;
    float error[ROWS], *dy = n->dy[0], *dx = n->dy[1];
    rnd_net_errors(n, x, rows, error);
    memset(n->grads, 0, p->params.floats * sizeof(float));
    for (int i = p->layers - 1; i >= 0; i--) {
        dense_backward(i ? dx : NULL, p->width[i], n->grads + p->w[i], n->grads + p->b[i], dy,
                       p->width[i + 1], i ? p->h[i - 1] : x, p->width[i], p->h[i], p->width[i + 1],
                       n->block[0] + p->w[i], rows, p->width[i], p->width[i + 1],
                       i < p->layers - 1 ? ACT_RELU : ACT_NONE);
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    adam_step(&ADAM, n->block[0], n->block[1], n->block[2], n->grads, p->params.floats, 1.0, LR,
              ++n->step);
}

/* --- checkpoint ------------------------------------------------------------------------------ */

void rnd_net_save(const struct rnd_net *n, struct buf *out)
{
    buf_append(out, &n->step, 8);
    buf_append(out, n->fixed, n->target.params.floats * sizeof(float));
    for (int i = 0; i < BLOCKS; i++)
        buf_append(out, n->block[i], n->predictor.params.floats * sizeof(float));
}

static size_t rnd_net_floats(const struct rnd_net *n)
{
    return n->target.params.floats + BLOCKS * n->predictor.params.floats;
}

size_t rnd_net_bytes(const struct rnd_net *n)
{
    return 8 + rnd_net_floats(n) * sizeof(float);
}

bool rnd_net_load(struct rnd_net *n, const char *p)
{
    const char *at = p + 8;
    for (size_t i = 0; i < rnd_net_floats(n); i++) {
        float x;
        memcpy(&x, at + i * sizeof x, sizeof x);
        if (!isfinite(x))
            return false;
    }
    memcpy(&n->step, p, 8);
    memcpy(n->fixed, at, n->target.params.floats * sizeof(float));
    at += n->target.params.floats * sizeof(float);
    for (int i = 0; i < BLOCKS; i++, at += n->predictor.params.floats * sizeof(float))
        memcpy(n->block[i], at, n->predictor.params.floats * sizeof(float));
    return true;
}
