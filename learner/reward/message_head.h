/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_MESSAGE_HEAD_H
#define ONIC_LEARNER_REWARD_MESSAGE_HEAD_H

/* message_head.h - caption -> a few numbers: the message net (common/nn/message_net.h) and three
 * dense layers on its features, what the reward models that read captions have in common. Which
 * loss trains the numbers is the owner's.
 *
 * The weights are the caller's blocks, because a model has two: those it trains and those it scores
 * with. Threads: one call at a time per object. */

#include <stdbool.h>
#include <stdint.h>

#include "common/nn/params.h"

enum { MESSAGE_HEAD_LAYERS = 3 };

struct message_head_shape {
    int width[MESSAGE_HEAD_LAYERS]; /* outputs of each layer */
    bool orthogonal; /* weights orthogonal and biases 0, else both uniform +-1/sqrt(inputs) */
    double dropout;  /* share of the last hidden layer that training leaves out */
};

struct message_head;

struct message_head *message_head_create(const struct message_head_shape *shape);
void message_head_free(struct message_head *c); /* NULL is allowed */
const struct params *message_head_params(const struct message_head *c);
void message_head_init(const struct message_head *c, float *weights, uint64_t seed);

/* out [n, width of the last layer]: of each caption the same bits whatever is asked with it or was
 * asked before. Not between message_head_forward and its backward. */
void message_head_score(struct message_head *c, const float *weights, const char *const *caption,
                        const uint16_t *len, int n, float *out);
/* Outputs [n, width of the last layer], borrowed, with the dropout mask of this seed and step. */
const float *message_head_forward(struct message_head *c, const float *weights,
                                  const char *const *caption, const uint16_t *len, int n,
                                  uint64_t seed, uint64_t step);
/* Where the gradient of the outputs of the last forward call belongs, set to 0. */
float *message_head_gradient(struct message_head *c);
/* Room for the owner's loss, borrowed until the next call; a call for no more than an earlier one
 * allocates nothing. */
float *message_head_scratch(struct message_head *c, size_t floats);
/* grads [params->floats] is overwritten. */
void message_head_backward(struct message_head *c, const float *weights, float *grads);

#endif /* ONIC_LEARNER_REWARD_MESSAGE_HEAD_H */
