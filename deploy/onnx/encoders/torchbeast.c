/* SPDX-License-Identifier: MIT */
/* torchbeast.c - the network torchbeast, whichever of its parts a policy has: those of whose
 * tensors it has some. The convolutions that C computes as look-ups are convolutions here. */
#include <stdio.h>
#include <string.h>

#include "common/nn/message_net.h"
#include "common/policy/nethack_obs.h"
#include "deploy/onnx/nethack.h"

extern const struct onnx_encoder onnx_encoder_torchbeast;

static bool net_has(const struct onnx_net *n, const char *name)
{
    return params_find(policy_params(n->policy), name);
}

/* Two layers of a part, named by it. */
static const char *torchbeast_two_dense(const struct onnx_net *n, const char *x, const char *name)
{
    char w[PARAM_NAME_MAX], b[PARAM_NAME_MAX];
    for (int i = 0; i < 2; i++) {
        snprintf(w, sizeof w, "torchbeast.%s%d_w", name, i);
        snprintf(b, sizeof b, "torchbeast.%s%d_b", name, i);
        x = net_dense(n, x, w, b, "Relu");
    }
    return x;
}

/* --- glyphs ---------------------------------------------------------------------------------- */

/* cells int64 [B, rows * cols] through two convolutions; inside: what is not counts as 0 (NULL:
 * all). */
static const char *torchbeast_grid(const struct onnx_net *n, const char *cells, const char *inside,
                                   int rows, int cols, const char *name, int stride)
{
    const struct net_conv conv = {3, stride, 1, 2};
    struct onnx_graph *g = n->g;
    const char *x = op_gather(g, net_matrix(n, "torchbeast.glyph"), cells, 0);
    char w[PARAM_NAME_MAX], b[PARAM_NAME_MAX];
    if (inside)
        x = op_where(g, op_unsqueeze(g, inside, 2), x, op_float(g, 0));
    x = op_reshape(g, x, 4,
                   (const int64_t[]){-1, rows, cols, net_param(n, "torchbeast.glyph")->cols});
    x = op_transpose(g, x, 4, (const int64_t[]){0, 3, 1, 2});
    for (int i = 0; i < 2; i++) {
        snprintf(w, sizeof w, "torchbeast.%s%d_w", name, i);
        snprintf(b, sizeof b, "torchbeast.%s%d_b", name, i);
        x = net_conv(n, x, &conv, w, b, "Elu");
    }
    return net_flat_channels_last(n, x, 2);
}

static const char *torchbeast_crop(const struct onnx_net *n, const char *glyphs,
                                   const char *blstats)
{
    enum { SIDE = 16 };
    static const struct nethack_crop crop = {SIDE, SIDE / 2, SIDE / 2};
    bool oni = policy_config(n->policy)->compat_oni;
    struct onnx_graph *g = n->g;
    const char *x, *y, *there, *inside;
    nethack_hero(g, blstats, &x, &y, &there);
    if (oni) /* always the corner, but of each row of the batch */
        x = y = op2(g, "Mul", x, op_int(g, 0));
    const char *cells = nethack_crop(g, glyphs, x, y, &crop, &inside);
    if (oni)
        cells = op_where(g, inside, cells, op_int(g, 0));
    return torchbeast_grid(n, cells, oni ? NULL : inside, SIDE, SIDE, "crop", 1);
}

/* --- the message, byte by byte --------------------------------------------------------------- */

/* Bytes int64 [B, length], 0 behind the end of the text. */
static const char *message_bytes(const struct onnx_net *n, int length)
{
    struct onnx_graph *g = n->g;
    const char *x = op_slice(g, net_field_ints(n, "message"), 1, 0, length);
    const char *ends = op_cast(g, op2(g, "Equal", x, op_int(g, 0)), ONNX_INT64);
    const char *alive = op2(g, "Equal", op2(g, "CumSum", ends, op_int(g, 1)), op_int(g, 0));
    return op_where(g, alive, x, op_int(g, 0));
}

/* The name of a stage's tensor. */
static const char *stage_name(const struct params *p, size_t offset)
{
    for (int i = 0; i < p->count; i++)
        if (p->param[i].offset == offset)
            return p->param[i].name;
    return NULL;
}

static const char *torchbeast_message(const struct onnx_net *n)
{
    static const int64_t channels_first[] = {0, 2, 1};
    struct onnx_graph *g = n->g;
    struct message_net net;
    struct params own = {0}; /* the table that the stages' offsets are of */
    bool small = net_param(n, "message.embedding")->cols == 16;
    message_net_create(&net, small ? MESSAGE_NET_LT_CNN_SMALL : MESSAGE_NET_LT_CNN, &own);
    const char *x = message_bytes(n, net.bytes);
    x = op_gather(g, net_matrix(n, "message.embedding"), x, 0);
    x = op_transpose(g, x, 3, channels_first);
    for (int i = 1; i < net.stages; i++) {
        const struct message_stage *s = &net.stage[i];
        const int64_t k[] = {s->k};
        const struct net_conv conv = {s->k, 1, 0, 1};
        const char *w = stage_name(&own, s->w), *b = stage_name(&own, s->b);
        if (s->kind == STAGE_CONV) {
            x = net_conv(n, x, &conv, w, b, "Relu");
        } else if (s->kind == STAGE_POOL) {
            x = op1(g, "MaxPool", x);
            onnx_attr_ints(g, "kernel_shape", 1, k);
            onnx_attr_ints(g, "strides", 1, k);
        } else if (s->kind == STAGE_FLATTEN) {
            x = net_flat_channels_last(n, x, 1);
        } else {
            x = net_dense(n, x, w, b, "Relu");
        }
    }
    return x;
}

static const char *emit_torchbeast(const struct onnx_net *n)
{
    struct onnx_graph *g = n->g;
    const char *part[4], *glyphs = net_field_ints(n, "glyphs");
    const char *blstats = net_field_ints(n, "blstats");
    int parts = 0;
    glyphs = op_where(g, op_within(g, glyphs, 0, NETHACK_GLYPHS - 1), glyphs, op_int(g, 0));
    onnx_scope(g, "map");
    if (net_has(n, "torchbeast.map0_w"))
        part[parts++] = torchbeast_grid(n, glyphs, NULL, NETHACK_ROWS, NETHACK_COLS, "map", 2);
    onnx_scope(g, "crop");
    if (net_has(n, "torchbeast.crop0_w"))
        part[parts++] = torchbeast_crop(n, glyphs, blstats);
    onnx_scope(g, "status");
    if (net_has(n, "torchbeast.status0_w"))
        part[parts++] = torchbeast_two_dense(n, nethack_status(g, blstats), "status");
    onnx_scope(g, "message");
    if (net_has(n, "message.embedding"))
        part[parts++] = torchbeast_message(n);
    onnx_scope(g, "encoder");
    return torchbeast_two_dense(n, op_concat(g, parts, part, 1), "join");
}

const struct onnx_encoder onnx_encoder_torchbeast = {"torchbeast", emit_torchbeast};
