/* SPDX-License-Identifier: MIT */
/* message_head.c - see message_head.h. */
#include "learner/reward/message_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/denormals.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/message_net.h"

enum {
    LAYERS = MESSAGE_HEAD_LAYERS,
    LAST = LAYERS - 1,
    SCORE_BLOCK = 8 /* captions; their hidden layers stay in the first-level cache */
};

struct message_head {
    struct params params;
    struct message_net trunk;
    struct message_work *work;
    double dropout;
    int in[LAYERS], out[LAYERS], widest;
    size_t w[LAYERS], b[LAYERS];
    int n, cap; /* captions of the last forward call; that the buffers hold */
    const float *input[LAYERS];
    float *h[LAYERS], *dh[2]; /* [cap, widest] */
    float *dropped, *keep;    /* last hidden layer after dropout; 0 or 1/(1-dropout) */
    float *scratch;           /* [room], the owner's */
    size_t room;
};

struct message_head *message_head_create(const struct message_head_shape *shape)
{
    static const char *const name[LAYERS][2] = {
        {"head.0.w", "head.0.b"}, {"head.1.w", "head.1.b"}, {"head.2.w", "head.2.b"}};
    struct message_head *c = xcalloc(1, sizeof *c);
    c->dropout = shape->dropout;
    message_net_create(&c->trunk, MESSAGE_NET_LT_CNN, &c->params);
    for (int i = 0; i < LAYERS; i++) {
        int in = i ? shape->width[i - 1] : message_net_features(&c->trunk), out = shape->width[i];
        bool orthogonal = shape->orthogonal;
        float bound = 1.0f / sqrtf((float)in);
        c->in[i] = in;
        c->out[i] = out;
        c->widest = in > c->widest ? in : c->widest;
        c->w[i] =
            params_add(&c->params, name[i][0], in, out,
                       orthogonal ? PARAM_ORTHOGONAL : PARAM_UNIFORM, orthogonal ? 1.0f : bound);
        c->b[i] = params_add(&c->params, name[i][1], 1, out,
                             orthogonal ? PARAM_ZERO : PARAM_UNIFORM, orthogonal ? 0.0f : bound);
    }
    c->work = message_work_create(&c->trunk);
    return c;
}

static void free_buffers(struct message_head *c)
{
    for (int i = 0; i < LAYERS; i++)
        free(c->h[i]);
    free(c->dh[0]);
    free(c->dh[1]);
    free(c->dropped);
    free(c->keep);
}

void message_head_free(struct message_head *c)
{
    if (!c)
        return;
    free_buffers(c);
    free(c->scratch);
    message_work_free(c->work);
    free(c);
}

const struct params *message_head_params(const struct message_head *c)
{
    return &c->params;
}

void message_head_init(const struct message_head *c, float *weights, uint64_t seed)
{
    params_init(&c->params, weights, seed);
}

static void message_head_reserve(struct message_head *c, int n)
{
    if (n <= c->cap)
        return;
    free_buffers(c);
    c->cap = n;
    float **buffer[] = {&c->h[0], &c->h[1], &c->h[2], &c->dh[0], &c->dh[1], &c->dropped, &c->keep};
    for (size_t i = 0; i < sizeof buffer / sizeof *buffer; i++)
        *buffer[i] = xaligned((size_t)n * (size_t)c->widest * sizeof(float));
}

/* y [n, out] from x [n, in]: every row of W is read once for all captions, and added to those whose
 * input is not 0. A caption's sums run in the same order whatever stands beside it, which a matrix
 * product does not promise. */
static void score_layer(const struct message_head *c, const float *weights, int i, float *y,
                        const float *x, int n)
{
    size_t in = (size_t)c->in[i], out = (size_t)c->out[i];
    const struct kernels *k = kernels();
    for (int m = 0; m < n; m++)
        memcpy(y + (size_t)m * out, weights + c->b[i], out * sizeof *y);
    for (size_t j = 0; j < in; j++)
        for (size_t m = 0; m < (size_t)n; m++)
            if (x[m * in + j] != 0.0f)
                k->axpy(y + m * out, weights + c->w[i] + j * out, x[m * in + j], out);
    if (i < LAST)
        k->relu(y, y, (size_t)n * out);
}

/* n <= SCORE_BLOCK captions. The trunk takes them one by one, for the same reason. */
static void score_block(struct message_head *c, const float *weights, const char *const *caption,
                        const uint16_t *len, int n, float *out)
{
    size_t features = (size_t)c->in[0];
    float *x = c->dh[0];
    for (int m = 0; m < n; m++)
        memcpy(x + (size_t)m * features,
               message_net_forward(&c->trunk, weights, &caption[m], &len[m], 1, c->work),
               features * sizeof *x);
    for (int i = 0; i < LAYERS; i++) {
        float *y = i < LAST ? c->h[i] : out;
        score_layer(c, weights, i, y, x, n);
        x = y;
    }
}

void message_head_score(struct message_head *c, const float *weights, const char *const *caption,
                        const uint16_t *len, int n, float *out)
{
    message_head_reserve(c, n < SCORE_BLOCK ? n : SCORE_BLOCK);
    for (int first = 0; first < n; first += SCORE_BLOCK) {
        int rows = n - first < SCORE_BLOCK ? n - first : SCORE_BLOCK;
        score_block(c, weights, caption + first, len + first, rows, out + first * c->out[LAST]);
    }
}

/* The last hidden layer as the last layer sees it. */
static const float *drop(struct message_head *c, uint64_t seed, uint64_t step)
{
    if (c->dropout <= 0)
        return c->h[LAST - 1];
    struct rng r = rng_stream(seed, "reward dropout", step, 0, 0);
    const uint32_t limit = (uint32_t)(c->dropout * 0x1p32);
    const float kept = (float)(1.0 / (1.0 - c->dropout));
    for (int i = 0; i < c->n * c->in[LAST]; i++) {
        c->keep[i] = rng_u32(&r) < limit ? 0.0f : kept;
        c->dropped[i] = c->h[LAST - 1][i] * c->keep[i];
    }
    return c->dropped;
}

static void dense(struct message_head *c, const float *weights, int i, const float *x)
{
    int in = c->in[i], out = c->out[i];
    dense_forward(c->h[i], out, x, in, weights + c->w[i], weights + c->b[i], c->n, in, out,
                  i < LAST ? ACT_RELU : ACT_NONE);
}

const float *message_head_forward(struct message_head *c, const float *weights,
                                  const char *const *caption, const uint16_t *len, int n,
                                  uint64_t seed, uint64_t step)
{
    message_head_reserve(c, n);
    c->n = n;
    c->input[0] = message_net_forward(&c->trunk, weights, caption, len, n, c->work);
    for (int i = 0; i < LAYERS; i++) {
        dense(c, weights, i, c->input[i]);
        if (i < LAST)
            c->input[i + 1] = i < LAST - 1 ? c->h[i] : drop(c, seed, step);
    }
    return c->h[LAST];
}

float *message_head_gradient(struct message_head *c)
{
    memset(c->dh[0], 0, (size_t)(c->n * c->out[LAST]) * sizeof(float));
    return c->dh[0];
}

float *message_head_scratch(struct message_head *c, size_t floats)
{
    if (floats > c->room) {
        free(c->scratch);
        c->scratch = xaligned(floats * sizeof *c->scratch);
        c->room = floats;
    }
    return c->scratch;
}

void message_head_backward(struct message_head *c, const float *weights, float *grads)
{
    float *dy = c->dh[0], *dx = c->dh[1];
    unsigned mode = denormals_off(); /* of a net that is sure, all gradients end among them */
    memset(grads, 0, c->params.floats * sizeof *grads);
    for (int i = LAST; i >= 0; i--) {
        int in = c->in[i], out = c->out[i];
        dense_backward(dx, in, grads + c->w[i], grads + c->b[i], dy, out, c->input[i], in, c->h[i],
                       out, weights + c->w[i], c->n, in, out, i < LAST ? ACT_RELU : ACT_NONE);
        for (int k = 0; i == LAST && c->dropout > 0 && k < c->n * in; k++)
            dx[k] *= c->keep[k];
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    message_net_backward(&c->trunk, weights, grads, dy, c->work);
    denormals_restore(mode);
}
