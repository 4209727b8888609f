/* SPDX-License-Identifier: MIT */
/* mlp.c - the network mlp: fields of any kind and two dense layers. */
#include "deploy/onnx/net.h"

extern const struct onnx_encoder onnx_encoder_mlp;

static const char *emit_mlp(const struct onnx_net *n)
{
    const struct obs_spec *obs = &policy_config(n->policy)->obs;
    struct plain_fields in = {.count = 0};
    for (int i = 0; i < obs->nfields; i++)
        plain_fields_add(&in, &obs->field[i]);
    const char *sum = net_plain_fields(n, &in, "mlp.w1", "mlp.table");
    const char *x = op1(n->g, "Relu", op2(n->g, "Add", sum, net_vector(n, "mlp.b1")));
    return net_dense(n, x, "mlp.w2", "mlp.b2", "Relu");
}

const struct onnx_encoder onnx_encoder_mlp = {"mlp", emit_mlp};
