/* SPDX-License-Identifier: MIT */
/* ranking_net.c - see ranking_net.h. The captions of all pairs go through the net as one
 * batch, each once. */
#include "learner/reward/ranking_net.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/message_net.h"
#include "learner/reward/pair_loss.h"

enum { FEATURES = 128, LAYERS = 3, WIDEST = 512, PAIR_ARRAYS = 4 };
static const int WIDTH[LAYERS + 1] = {FEATURES, 256, WIDEST, 1};

struct ranking_net {
    struct params params;
    struct message_net trunk;
    size_t w[LAYERS], b[LAYERS];
    struct message_work *work;
    int cap; /* captions the buffers below hold */
    float *h[LAYERS], *dh[2];
    float *pair[PAIR_ARRAYS]; /* [pairs_cap] rewards of both captions, then their gradients */
    int pairs_cap;
};

struct ranking_net *ranking_net_create(void)
{
    static const char *const name[LAYERS][2] = {
        {"head.0.w", "head.0.b"}, {"head.1.w", "head.1.b"}, {"head.2.w", "head.2.b"}};
    struct ranking_net *c = xcalloc(1, sizeof *c);
    message_net_create(&c->trunk, MESSAGE_NET_LT_CNN, &c->params);
    for (int i = 0; i < LAYERS; i++) {
        c->w[i] =
            params_add(&c->params, name[i][0], WIDTH[i], WIDTH[i + 1], PARAM_ORTHOGONAL, 1.0f);
        c->b[i] = params_add(&c->params, name[i][1], 1, WIDTH[i + 1], PARAM_ZERO, 0.0f);
    }
    c->work = message_work_create(&c->trunk);
    return c;
}

static void free_buffers(struct ranking_net *c)
{
    for (int i = 0; i < LAYERS; i++)
        free(c->h[i]);
    free(c->dh[0]);
    free(c->dh[1]);
}

void ranking_net_free(struct ranking_net *c)
{
    if (!c)
        return;
    free_buffers(c);
    for (int i = 0; i < PAIR_ARRAYS; i++)
        free(c->pair[i]);
    message_work_free(c->work);
    free(c);
}

const struct params *ranking_net_params(const struct ranking_net *c)
{
    return &c->params;
}

void ranking_net_init(const struct ranking_net *c, float *weights, uint64_t seed)
{
    params_init(&c->params, weights, seed);
}

static void reserve(struct ranking_net *c, int n)
{
    if (n <= c->cap)
        return;
    free_buffers(c);
    c->cap = n;
    for (int i = 0; i < LAYERS; i++)
        c->h[i] = xaligned((size_t)n * WIDEST * sizeof(float));
    for (int i = 0; i < 2; i++)
        c->dh[i] = xaligned((size_t)n * WIDEST * sizeof(float));
}

static enum act activation(int layer)
{
    return layer < LAYERS - 1 ? ACT_RELU : ACT_NONE;
}

/* Features to rewards, which are c->h[LAYERS - 1]. */
static void head_forward(struct ranking_net *c, const float *weights, const float *x, int n)
{
    for (int i = 0; i < LAYERS; i++) {
        dense_forward(c->h[i], WIDTH[i + 1], x, WIDTH[i], weights + c->w[i], weights + c->b[i], n,
                      WIDTH[i], WIDTH[i + 1], activation(i));
        x = c->h[i];
    }
}

void ranking_net_score(struct ranking_net *c, const float *weights, const char *const *caption,
                       const uint16_t *len, int n, float *reward)
{
    reserve(c, 1);
    for (int m = 0; m < n; m++) {
        const float *x = message_net_forward(&c->trunk, weights, &caption[m], &len[m], 1, c->work);
        head_forward(c, weights, x, 1);
        reward[m] = c->h[LAYERS - 1][0];
    }
}

/* From the gradient of the rewards in dh[0] to the gradient of the features, returned. */
static float *head_backward(struct ranking_net *c, const float *weights, const float *features,
                            int n, float *grads)
{
    const float *input[LAYERS] = {features, c->h[0], c->h[1]};
    float *dy = c->dh[0], *dx = c->dh[1];
    for (int i = LAYERS - 1; i >= 0; i--) {
        dense_backward(dx, WIDTH[i], grads + c->w[i], grads + c->b[i], dy, WIDTH[i + 1], input[i],
                       WIDTH[i], c->h[i], WIDTH[i + 1], weights + c->w[i], n, WIDTH[i],
                       WIDTH[i + 1], activation(i));
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    return dy;
}

/* Gradient of each caption's reward, summed over its pairs, into dh[0]; the mean loss. */
static double pair_gradients(struct ranking_net *c, const struct ranking_pairs *p)
{
    const float *reward = c->h[LAYERS - 1];
    float *ra = c->pair[0], *rb = c->pair[1], *da = c->pair[2], *db = c->pair[3];
    for (int i = 0; i < p->n; i++) {
        ra[i] = reward[p->a[i]];
        rb[i] = reward[p->b[i]];
    }
    double loss = pair_loss(ra, rb, p->label, p->n, da, db);
    memset(c->dh[0], 0, (size_t)p->ncaptions * sizeof(float));
    for (int i = 0; i < p->n; i++) {
        c->dh[0][p->a[i]] += da[i];
        c->dh[0][p->b[i]] += db[i];
    }
    return loss;
}

double ranking_net_loss(struct ranking_net *c, const float *weights, const struct ranking_pairs *p,
                        float *grads)
{
    reserve(c, p->ncaptions);
    if (p->n > c->pairs_cap) {
        c->pairs_cap = p->n;
        for (int i = 0; i < PAIR_ARRAYS; i++)
            c->pair[i] = xrealloc(c->pair[i], (size_t)p->n * sizeof(float));
    }
    const float *features =
        message_net_forward(&c->trunk, weights, p->caption, p->len, p->ncaptions, c->work);
    head_forward(c, weights, features, p->ncaptions);
    double loss = pair_gradients(c, p);
    memset(grads, 0, c->params.floats * sizeof *grads);
    float *dfeatures = head_backward(c, weights, features, p->ncaptions, grads);
    message_net_backward(&c->trunk, weights, grads, dfeatures, c->work);
    return loss;
}
