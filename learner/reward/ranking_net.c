/* SPDX-License-Identifier: MIT */
/* ranking_net.c - see ranking_net.h. The captions of all pairs go through the net as one
 * batch, each once. */
#include "learner/reward/ranking_net.h"

#include "learner/reward/pair_loss.h"

struct message_head *ranking_net_create(void)
{
    static const struct message_head_shape SHAPE = {.width = {256, 512, 1}, .orthogonal = true};
    return message_head_create(&SHAPE);
}

void ranking_net_score(struct message_head *net, const float *weights, const char *const *caption,
                       const uint16_t *len, int n, float *reward)
{
    message_head_score(net, weights, caption, len, n, reward);
}

/* Gradient of each caption's reward, summed over its pairs, into d [ncaptions]; the mean loss.
 * scratch [4, p->n]. */
static double pair_gradients(const struct ranking_pairs *p, const float *reward, float *d,
                             float *scratch)
{
    size_t n = (size_t)p->n;
    float *ra = scratch, *rb = ra + n, *da = rb + n, *db = da + n;
    for (size_t i = 0; i < n; i++) {
        ra[i] = reward[p->a[i]];
        rb[i] = reward[p->b[i]];
    }
    double loss = pair_loss(ra, rb, p->label, p->n, da, db);
    for (size_t i = 0; i < n; i++) {
        d[p->a[i]] += da[i];
        d[p->b[i]] += db[i];
    }
    return loss;
}

double ranking_net_loss(struct message_head *net, const float *weights,
                        const struct ranking_pairs *p, float *grads)
{
    const float *reward =
        message_head_forward(net, weights, p->caption, p->len, p->ncaptions, 0, 0);
    double loss = pair_gradients(p, reward, message_head_gradient(net),
                                 message_head_scratch(net, 4 * (size_t)p->n));
    message_head_backward(net, weights, grads);
    return loss;
}
