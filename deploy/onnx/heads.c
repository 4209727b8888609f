/* SPDX-License-Identifier: MIT */
/* heads.c - the outputs of a model: logits, or means and deviations, and values. Value heads are
 * stored in reward units (learner/train/value_norm.h), so nothing is left to undo. */
#include "common/policy/action_dist.h"
#include "deploy/onnx/net.h"

static void emit_numbers(const struct onnx_net *n, const char *x)
{
    struct onnx_graph *g = n->g;
    const struct action_dist *d = policy_actions(n->policy);
    int64_t dims[] = {ONNX_BATCH, d->space.n};
    const char *y = net_dense(n, x, "policy.w", "policy.b", NULL), *mean = y, *deviation;
    if (action_dist_columns(d) < action_dist_outputs(d)) { /* the same in all rows */
        const char *zeros = op2(g, "Mul", y, op_float(g, 0));
        deviation = op2(g, "Add", zeros, net_vector(n, "policy.log_deviation"));
    } else {
        mean = op_slice(g, y, 1, 0, d->space.n);
        deviation = op_slice(g, y, 1, d->space.n, 2 * (int64_t)d->space.n);
    }
    deviation = op_clip(g, deviation, op_float(g, ACTION_LOG_DEVIATION_MIN),
                        op_float(g, ACTION_LOG_DEVIATION_MAX));
    net_output(n, "mean", mean, 2, dims,
               "of a normal distribution each, in units in which the bounds are -1 and 1");
    net_output(n, "log_std", deviation, 2, dims, "log of its deviation");
}

static void emit_value(const struct onnx_net *n, const char *x, const char *w, const char *b,
                       const char *name, const char *doc)
{
    const char *y = net_dense(n, x, w, b, NULL);
    y = op_reshape(n->g, y, 1, (const int64_t[]){-1});
    net_output(n, name, y, 1, (const int64_t[]){ONNX_BATCH}, doc);
}

void net_heads(const struct onnx_net *n, const char *x)
{
    const struct action_dist *d = policy_actions(n->policy);
    onnx_scope(n->g, "heads");
    if (d->space.kind == ACTION_CONTINUOUS)
        emit_numbers(n, x);
    else
        net_output(n, "logits", net_dense(n, x, "policy.w", "policy.b", NULL), 2,
                   (const int64_t[]){ONNX_BATCH, action_dist_outputs(d)},
                   "one softmax per choice, over its options; the choices side by side");
    if (policy_config(n->policy)->compat_oni) {
        emit_value(n, x, "value.w", "value.b", "value", "of all rewards together");
        return;
    }
    emit_value(n, x, "value_ext.w", "value_ext.b", "value_ext", "of the environment's rewards");
    emit_value(n, x, "value_int.w", "value_int.b", "value_int", "of the rewards for messages");
}
