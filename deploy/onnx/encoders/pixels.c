/* SPDX-License-Identifier: MIT */
/* pixels.c - the network pixels: its pictures go through the convolutions channels first, as the
 * operator wants them. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/encoders/pixels/picture_fields.h"
#include "common/policy/encoders/pixels/picture_net.h"
#include "deploy/onnx/net.h"

extern const struct onnx_encoder onnx_encoder_pixels;

/* [B, C, H, W] in parts of 255. */
static const char *picture_of(const struct onnx_net *n, const struct picture_fields *in)
{
    static const int64_t channels_first[] = {0, 3, 1, 2};
    const struct obs_spec *obs = &policy_config(n->policy)->obs;
    const char *part[OBS_FIELDS_MAX];
    for (int i = 0; i < in->count; i++) {
        const struct obs_field *f = &obs->field[in->field[i]];
        const char *x = op_cast(n->g, net_field(n, f->name), ONNX_FLOAT);
        if (f->ndim == 2)
            x = op_unsqueeze(n->g, x, 1);
        else if (in->plane[i].channel == 1)
            x = op_transpose(n->g, x, 4, channels_first);
        part[i] = x;
    }
    const char *all = in->count == 1 ? part[0] : op_concat(n->g, in->count, part, 1);
    return op2(n->g, "Mul", all, op_float(n->g, 1.0f / 255.0f));
}

/* The last map [B, features], the channel fastest. */
static const char *convolved(const struct onnx_net *n, const struct picture_net *net, const char *x)
{
    const char *map[PICTURE_LAYERS_MAX + 1] = {x};
    for (int k = 0; k < net->count; k++) {
        const struct picture_layer *l = &net->layer[k];
        const struct net_conv c = {l->conv.KH, l->conv.stride, l->conv.pad, 2};
        char w[PARAM_NAME_MAX], b[PARAM_NAME_MAX];
        snprintf(w, sizeof w, "pixels.conv%d_w", k);
        snprintf(b, sizeof b, "pixels.conv%d_b", k);
        const char *y = net_conv(n, map[k], &c, w, b, l->adds ? NULL : "Relu");
        map[k + 1] = l->adds ? op1(n->g, "Relu", op2(n->g, "Add", y, map[k - 1])) : y;
    }
    return net_flat_channels_last(n, map[net->count], 2);
}

static const char *emit_pixels(const struct onnx_net *n)
{
    const struct policy_config *c = policy_config(n->policy);
    struct picture_fields in = {.count = 0};
    struct picture_net net;
    struct params *unused = xcalloc(1, sizeof *unused); /* the policy has them already */
    int rc = picture_fields_find(&in, &c->obs, NULL);
    if (!rc)
        rc = picture_net_make(&net, c, in.H, in.W, in.C, unused, NULL);
    ONIC_ASSERT(!rc); /* the policy could be made */
    free(unused);
    struct onnx_graph *g = n->g;
    const char *sum =
        op2(g, "MatMul", convolved(n, &net, picture_of(n, &in)), net_matrix(n, "pixels.fc_w"));
    const char *others = net_plain_fields(n, &in.plain, "pixels.numbers", "pixels.table");
    sum = others ? op2(g, "Add", sum, others) : sum;
    return op1(g, "Relu", op2(g, "Add", sum, net_vector(n, "pixels.fc_b")));
}

const struct onnx_encoder onnx_encoder_pixels = {"pixels", emit_pixels};
