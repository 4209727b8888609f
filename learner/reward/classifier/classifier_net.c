/* SPDX-License-Identifier: MIT */
/* classifier_net.c - see classifier_net.h. */
#include "learner/reward/classifier/classifier_net.h"

#include "common/nn/layers/softmax_ce/softmax_ce.h"

enum { CLASSES = 2 };

struct message_head *classifier_net_create(void)
{
    static const struct message_head_shape SHAPE = {.width = {512, 512, CLASSES}, .dropout = 0.1};
    return message_head_create(&SHAPE);
}

void classifier_net_score(struct message_head *net, const float *weights,
                          const char *const *caption, const uint16_t *len, int n, float *p)
{
    size_t floats = CLASSES * (size_t)n;
    if (n == 0)
        return;
    float *logits = message_head_scratch(net, 2 * floats), *both = logits + floats;
    message_head_score(net, weights, caption, len, n, logits);
    softmax_ce_forward(both, NULL, logits, NULL, n, CLASSES);
    for (int i = 0; i < n; i++)
        p[i] = both[CLASSES * i + 1];
}

double classifier_net_loss(struct message_head *net, const float *weights,
                           const char *const *caption, const uint16_t *len, const int32_t *target,
                           int n, const float weight[2], uint64_t seed, uint64_t step, float *grads)
{
    size_t rows = (size_t)n;
    float *p = message_head_scratch(net, (CLASSES + 2) * rows);
    float *loss = p + CLASSES * rows, *dloss = loss + rows;
    const float *logits = message_head_forward(net, weights, caption, len, n, seed, step);
    softmax_ce_forward(p, loss, logits, target, n, CLASSES);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        dloss[i] = weight ? weight[target[i]] : 1.0f / (float)n;
        sum += (double)dloss[i] * (double)loss[i];
    }
    softmax_ce_backward(message_head_gradient(net), dloss, p, target, n, CLASSES);
    message_head_backward(net, weights, grads);
    return sum;
}
