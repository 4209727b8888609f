/* SPDX-License-Identifier: MIT */
/* layers.c - the layers that several networks share; see net.h. Weights keep the names and, where
 * the operator allows it, the layout that they have in a checkpoint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "deploy/onnx/net.h"

static enum onnx_type field_type(enum obs_type type)
{
    static const enum onnx_type types[] = {
        [OBS_U8] = ONNX_UINT8,  [OBS_I8] = ONNX_INT8,   [OBS_I16] = ONNX_INT16,
        [OBS_I32] = ONNX_INT32, [OBS_I64] = ONNX_INT64, [OBS_F32] = ONNX_FLOAT,
    };
    return types[type];
}

const char *net_field(const struct onnx_net *n, const char *name)
{
    const struct obs_field *f = obs_spec_find(&policy_config(n->policy)->obs, name);
    int64_t dims[1 + OBS_DIMS_MAX] = {ONNX_BATCH};
    char doc[OBS_NAME_MAX + 64];
    ONIC_ASSERT(f);
    for (int i = 0; i < f->ndim; i++)
        dims[1 + i] = f->shape[i];
    snprintf(doc, sizeof doc, "the field %s of the observation, as the environment gives it", name);
    return onnx_input(n->g, net_field_name(n, f), field_type(f->type), 1 + f->ndim, dims, doc);
}

const char *net_field_ints(const struct onnx_net *n, const char *name)
{
    const struct obs_field *f = obs_spec_find(&policy_config(n->policy)->obs, name);
    const char *x = op_cast(n->g, net_field(n, name), ONNX_INT64);
    return f->ndim == 1 ? x : op_flat(n->g, x, obs_field_count(f));
}

const struct param *net_param(const struct onnx_net *n, const char *name)
{
    const struct param *p = params_find(policy_params(n->policy), name);
    ONIC_ASSERT(p);
    return p;
}

const float *net_values(const struct onnx_net *n, const char *name)
{
    return n->weights + net_param(n, name)->offset;
}

const char *net_matrix(const struct onnx_net *n, const char *name)
{
    const struct param *p = net_param(n, name);
    return onnx_tensor(n->g, name, ONNX_FLOAT, 2, (const int64_t[]){p->rows, p->cols},
                       net_values(n, name));
}

const char *net_vector(const struct onnx_net *n, const char *name)
{
    return onnx_tensor(n->g, name, ONNX_FLOAT, 1, (const int64_t[]){net_param(n, name)->cols},
                       net_values(n, name));
}

static const char *net_act(const struct onnx_net *n, const char *x, const char *act)
{
    return act ? op1(n->g, act, x) : x;
}

const char *net_dense(const struct onnx_net *n, const char *x, const char *w, const char *b,
                      const char *act)
{
    return net_act(n, op3(n->g, "Gemm", x, net_matrix(n, w), net_vector(n, b)), act);
}

const char *net_table_with_zero(const struct onnx_net *n, const char *table)
{
    const struct param *p = net_param(n, table);
    char name[PARAM_NAME_MAX + 16];
    size_t floats = (size_t)p->rows * (size_t)p->cols;
    float *rows = xcalloc(floats + (size_t)p->cols, sizeof *rows);
    memcpy(rows, net_values(n, table), floats * sizeof *rows);
    snprintf(name, sizeof name, "%s/and_zero", table);
    const char *made =
        onnx_tensor(n->g, name, ONNX_FLOAT, 2, (const int64_t[]){p->rows + 1, p->cols}, rows);
    free(rows);
    return made;
}

const char *net_gather_sum(const struct onnx_net *n, const char *table, const char *index,
                           const char *b, const char *act)
{
    const char *sum = op_sum(n->g, op_gather(n->g, table, index, 0), 1);
    return net_act(n, op2(n->g, "Add", sum, net_vector(n, b)), act);
}

/* w [taps * C, N] as [N, C, taps]. */
static const char *net_conv_weight(const struct onnx_net *n, const char *w,
                                   const struct net_conv *c)
{
    const struct param *p = net_param(n, w);
    int taps = c->dims == 1 ? c->k : c->k * c->k, C = p->rows / taps, N = p->cols;
    const float *from = net_values(n, w);
    float *to = xcalloc((size_t)p->rows * (size_t)N, sizeof *to);
    for (int tap = 0; tap < taps; tap++)
        for (int ch = 0; ch < C; ch++)
            for (int o = 0; o < N; o++)
                to[(o * C + ch) * taps + tap] = from[(tap * C + ch) * N + o];
    const char *made =
        onnx_tensor(n->g, w, ONNX_FLOAT, 2 + c->dims, (const int64_t[]){N, C, c->k, c->k}, to);
    free(to);
    return made;
}

const char *net_conv(const struct onnx_net *n, const char *x, const struct net_conv *c,
                     const char *w, const char *b, const char *act)
{
    const int64_t stride[] = {c->stride, c->stride}, pad[] = {c->pad, c->pad, c->pad, c->pad};
    const char *y = op3(n->g, "Conv", x, net_conv_weight(n, w, c), net_vector(n, b));
    onnx_attr_ints(n->g, "strides", c->dims, stride);
    onnx_attr_ints(n->g, "pads", 2 * c->dims, pad);
    return net_act(n, y, act);
}

const char *net_flat_channels_last(const struct onnx_net *n, const char *x, int dims)
{
    static const int64_t one[] = {0, 2, 1}, two[] = {0, 2, 3, 1};
    const char *last = op_transpose(n->g, x, 2 + dims, dims == 1 ? one : two);
    const char *y = op1(n->g, "Flatten", last);
    onnx_attr_int(n->g, "axis", 1);
    return y;
}
