/* SPDX-License-Identifier: MIT */
/* classifier_net.c - see classifier_net.h. */
#include "learner/reward/classifier/classifier_net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/softmax_ce/softmax_ce.h"
#include "common/nn/message_net.h"

enum { FEATURES = 128, HIDDEN = 512, CLASSES = 2, LAYERS = 3 };
static const double DROPOUT = 0.1;
static const int WIDTH[LAYERS + 1] = {FEATURES, HIDDEN, HIDDEN, CLASSES};

struct classifier_net {
    struct params params;
    struct message_net trunk;
    size_t w[LAYERS], b[LAYERS];
    struct message_work *work;
    int cap; /* captions the buffers below hold */
    float *h[LAYERS], *dh[2];
    float *dropped; /* [cap, HIDDEN] second hidden layer after dropout */
    float *keep;    /* [cap, HIDDEN] 0 or 1/(1-DROPOUT) */
    float *p, *loss, *dloss;
};

struct classifier_net *classifier_net_create(void)
{
    static const char *const name[LAYERS][2] = {
        {"head.0.w", "head.0.b"}, {"head.1.w", "head.1.b"}, {"head.2.w", "head.2.b"}};
    struct classifier_net *c = xcalloc(1, sizeof *c);
    message_net_create(&c->trunk, MESSAGE_NET_LT_CNN, &c->params);
    for (int i = 0; i < LAYERS; i++) {
        float bound = 1.0f / sqrtf((float)WIDTH[i]);
        c->w[i] = params_add(&c->params, name[i][0], WIDTH[i], WIDTH[i + 1], PARAM_UNIFORM, bound);
        c->b[i] = params_add(&c->params, name[i][1], 1, WIDTH[i + 1], PARAM_UNIFORM, bound);
    }
    c->work = message_work_create(&c->trunk);
    return c;
}

static void free_buffers(struct classifier_net *c)
{
    for (int i = 0; i < LAYERS; i++)
        free(c->h[i]);
    free(c->dh[0]);
    free(c->dh[1]);
    free(c->dropped);
    free(c->keep);
    free(c->p);
    free(c->loss);
    free(c->dloss);
}

void classifier_net_free(struct classifier_net *c)
{
    if (!c)
        return;
    free_buffers(c);
    message_work_free(c->work);
    free(c);
}

const struct params *classifier_net_params(const struct classifier_net *c)
{
    return &c->params;
}

void classifier_net_init(const struct classifier_net *c, float *weights, uint64_t seed)
{
    params_init(&c->params, weights, seed);
}

static void reserve(struct classifier_net *c, int n)
{
    if (n <= c->cap)
        return;
    free_buffers(c);
    c->cap = n;
    size_t rows = (size_t)n, wide = rows * HIDDEN * sizeof(float);
    for (int i = 0; i < LAYERS; i++)
        c->h[i] = xaligned(wide);
    c->dh[0] = xaligned(wide);
    c->dh[1] = xaligned(wide);
    c->dropped = xaligned(wide);
    c->keep = xaligned(wide);
    c->p = xaligned(rows * CLASSES * sizeof(float));
    c->loss = xaligned(rows * sizeof(float));
    c->dloss = xaligned(rows * sizeof(float));
}

static void dense(struct classifier_net *c, const float *weights, int i, const float *x, int n)
{
    dense_forward(c->h[i], WIDTH[i + 1], x, WIDTH[i], weights + c->w[i], weights + c->b[i], n,
                  WIDTH[i], WIDTH[i + 1], i < LAYERS - 1 ? ACT_RELU : ACT_NONE);
}

/* One caption: rows of W where the input is not 0. A product of one row would spend its time on
 * packing W. */
static void dense_one(struct classifier_net *c, const float *weights, int i, const float *x)
{
    float *y = c->h[i];
    size_t N = (size_t)WIDTH[i + 1];
    memcpy(y, weights + c->b[i], N * sizeof *y);
    for (int k = 0; k < WIDTH[i]; k++)
        if (x[k] != 0.0f)
            kernels()->axpy(y, weights + c->w[i] + (size_t)k * N, x[k], N);
    if (i < LAYERS - 1)
        kernels()->relu(y, y, N);
}

void classifier_net_score(struct classifier_net *c, const float *weights,
                          const char *const *caption, const uint16_t *len, int n, float *p)
{
    static const int32_t any = 0;
    reserve(c, 1);
    for (int m = 0; m < n; m++) {
        const float *x = message_net_forward(&c->trunk, weights, &caption[m], &len[m], 1, c->work);
        for (int i = 0; i < LAYERS; i++) {
            dense_one(c, weights, i, x);
            x = c->h[i];
        }
        softmax_ce_forward(c->p, NULL, x, &any, 1, CLASSES);
        p[m] = c->p[1];
    }
}

static void drop(struct classifier_net *c, int n, uint64_t seed, uint64_t step)
{
    struct rng r = rng_stream(seed, "reward dropout", step, 0, 0);
    const uint32_t limit = (uint32_t)(DROPOUT * 0x1p32);
    const float kept = (float)(1.0 / (1.0 - DROPOUT));
    for (int i = 0; i < n * HIDDEN; i++) {
        c->keep[i] = rng_u32(&r) < limit ? 0.0f : kept;
        c->dropped[i] = c->h[1][i] * c->keep[i];
    }
}

/* From the gradient of the logits in dh[0] to the gradient of the features, returned. */
static float *dense_gradients(struct classifier_net *c, const float *weights, const float *features,
                              int n, float *grads)
{
    const float *input[LAYERS] = {features, c->h[0], c->dropped};
    float *dy = c->dh[0], *dx = c->dh[1];
    for (int i = LAYERS - 1; i >= 0; i--) {
        dense_backward(dx, WIDTH[i], grads + c->w[i], grads + c->b[i], dy, WIDTH[i + 1], input[i],
                       WIDTH[i], c->h[i], WIDTH[i + 1], weights + c->w[i], n, WIDTH[i],
                       WIDTH[i + 1], i < LAYERS - 1 ? ACT_RELU : ACT_NONE);
        if (i == LAYERS - 1)
            for (int k = 0; k < n * HIDDEN; k++)
                dx[k] *= c->keep[k];
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    return dy;
}

double classifier_net_loss(struct classifier_net *c, const float *weights,
                           const char *const *caption, const uint16_t *len, const int32_t *target,
                           int n, uint64_t seed, uint64_t step, float *grads)
{
    reserve(c, n);
    const float *features = message_net_forward(&c->trunk, weights, caption, len, n, c->work);
    dense(c, weights, 0, features, n);
    dense(c, weights, 1, c->h[0], n);
    drop(c, n, seed, step);
    dense(c, weights, 2, c->dropped, n);
    softmax_ce_forward(c->p, c->loss, c->h[2], target, n, CLASSES);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (double)c->loss[i];
        c->dloss[i] = 1.0f / (float)n;
    }
    memset(c->dh[0], 0, (size_t)(n * CLASSES) * sizeof(float));
    memset(grads, 0, c->params.floats * sizeof *grads);
    softmax_ce_backward(c->dh[0], c->dloss, c->p, target, n, CLASSES);
    float *dfeatures = dense_gradients(c, weights, features, n, grads);
    message_net_backward(&c->trunk, weights, grads, dfeatures, c->work);
    return sum / n;
}
