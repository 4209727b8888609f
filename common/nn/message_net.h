/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_MESSAGE_NET_H
#define ONIC_COMMON_NN_MESSAGE_NET_H

/* message_net.h - the convolutional network that reads a caption byte by byte: the trunk of ONI's
 * classification and ranking reward models (arXiv 2410.23022, appendix; a character CNN as in arXiv
 * 1509.01626) and the message part of the TorchBeast encoder.
 *
 * The caller owns parameters and gradients: the trunk adds its tensors to the caller's table, so
 * that trunk and head are one block for Adam, clipping and checkpoints. Captions are cut at the
 * net's number of bytes and padded with byte 0, whose embedding is fixed at zero.
 *
 * Threads: one call at a time per workspace. A workspace grows to the largest batch seen, then
 * nothing is allocated; or it is laid out in the caller's memory for a stated batch. */

#include <stddef.h>
#include <stdint.h>

#include "common/nn/params.h"

enum message_net_size {
    MESSAGE_NET_LT_CNN,      /* 256 bytes, 64 channels, 6 convolutions -> 128 */
    MESSAGE_NET_LT_CNN_SMALL /* 128 bytes, 32 channels, 3 convolutions -> 32 */
};

enum { MESSAGE_STAGES_MAX = 14 };

enum message_stage_kind { STAGE_EMBED, STAGE_CONV, STAGE_POOL, STAGE_FLATTEN, STAGE_DENSE };

/* One layer; positions: of its output when nothing is left out. */
struct message_stage {
    enum message_stage_kind kind;
    int k, in, out, positions;
    size_t w, b; /* offsets of its tensors */
};

struct message_net {
    int bytes, stages;
    struct message_stage stage[MESSAGE_STAGES_MAX];
};

/* Adds the tensors "message.*" to p and describes the net. */
void message_net_create(struct message_net *net, enum message_net_size size, struct params *p);
int message_net_features(const struct message_net *net);
/* Multiply-accumulates of a caption as long as the net can read. */
double message_net_macs(const struct message_net *net);

struct message_work;
struct message_work *message_work_create(const struct message_net *net);
void message_work_free(struct message_work *w); /* NULL is allowed */
/* A workspace for up to n captions of any length in `memory` (64-byte aligned; NULL: only counts)
 * at *at, which moves on. Never allocates, and is not freed. */
struct message_work *message_work_place(const struct message_net *net, int n, void *memory,
                                        size_t *at);

/* Features [n, message_net_features] of n captions, borrowed until the next call with w. The result
 * of a caption does not depend on the others, except in the last bits: a caller that needs the same
 * bits every time gives captions one by one. */
const float *message_net_forward(const struct message_net *net, const float *weights,
                                 const char *const *caption, const uint16_t *len, int n,
                                 struct message_work *w);
/* dout [n, features]: gradient of the features of the last forward call with w; used up. grads [the
 * caller's block] += */
void message_net_backward(const struct message_net *net, const float *weights, float *grads,
                          float *dout, struct message_work *w);

#endif /* ONIC_COMMON_NN_MESSAGE_NET_H */
