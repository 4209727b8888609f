/* SPDX-License-Identifier: MIT */
/* core.c - the recurrent cores and the step before; see net.h. Written out as products and gates
 * and not as ONNX's LSTM and GRU: those have other orders of gates, a dimension of time that one
 * step does not need, and no mingru. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/policy/action_space.h"
#include "deploy/onnx/net.h"

/* --- the step before ------------------------------------------------------------------------- */

/* What is no number counts as 0; x double. */
static const char *finite_or_zero(struct onnx_graph *g, const char *x)
{
    const char *bad = op2(g, "Or", op1(g, "IsNaN", x), op1(g, "IsInf", x));
    return op_cast(g, op_where(g, bad, op_double(g, 0), x), ONNX_FLOAT);
}

static const char *last_choices(struct onnx_graph *g, const struct action_space *s, const char *x)
{
    const char *part[BOUND_ACTION_PARTS];
    int parts = action_space_parts(s);
    for (int i = 0; i < parts; i++) {
        const char *all = op_range(g, 0, 1, action_space_options(s, i));
        part[i] = op2(g, "Equal", op_slice(g, x, 1, i, i + 1), all);
    }
    return op_cast(g, op_concat(g, parts, part, 1), ONNX_FLOAT);
}

/* In units in which the bounds are -1 and 1. */
static const char *last_numbers(struct onnx_graph *g, const struct action_space *s, const char *x)
{
    double low[BOUND_ACTION_PARTS], scale[BOUND_ACTION_PARTS];
    const int64_t dims[] = {s->n};
    for (int i = 0; i < s->n; i++) {
        low[i] = (double)s->low[i];
        scale[i] = 2 / ((double)s->high[i] - low[i]);
    }
    x = op2(g, "Sub", op_cast(g, x, ONNX_DOUBLE), onnx_constant(g, ONNX_DOUBLE, 1, dims, low));
    x = op2(g, "Mul", x, onnx_constant(g, ONNX_DOUBLE, 1, dims, scale));
    return finite_or_zero(g, op2(g, "Sub", x, op_double(g, 1)));
}

/* sign(r) log(1 + |r|) */
static const char *last_reward(struct onnx_graph *g, const char *x)
{
    x = op_unsqueeze(g, op_cast(g, x, ONNX_DOUBLE), 1);
    const char *size = op1(g, "Log", op2(g, "Add", op1(g, "Abs", x), op_double(g, 1)));
    return finite_or_zero(g, op2(g, "Mul", size, op1(g, "Sign", x)));
}

/* features beside the step before, which is 0 where an episode begins. */
static const char *join_last(const struct onnx_net *n, const char *features)
{
    const struct policy_config *c = policy_config(n->policy);
    const struct action_space *s = &c->actions;
    struct onnx_graph *g = n->g;
    const char *part[3] = {features}, *zero = op_float(g, 0);
    int parts = 1;
    onnx_scope(g, "last");
    if (c->last_action) {
        bool numbers = s->kind == ACTION_CONTINUOUS;
        const char *x = net_input(n, "last_action", numbers ? ONNX_FLOAT : ONNX_INT64, 2,
                                  (const int64_t[]){ONNX_BATCH, action_space_parts(s)},
                                  "what was done in the step before, in the environment's units");
        x = numbers ? last_numbers(g, s, x) : last_choices(g, s, x);
        part[parts++] = op_where(g, n->start, zero, x);
    }
    if (c->last_reward) {
        const char *x = net_input(n, "last_reward", ONNX_FLOAT, 1, (const int64_t[]){ONNX_BATCH},
                                  "the environment's reward of the step before");
        part[parts++] = op_where(g, n->start, zero, last_reward(g, x));
    }
    return op_concat(g, parts, part, 1);
}

/* --- cores ----------------------------------------------------------------------------------- */

/* One part of the state, 0 where an episode begins. */
static const char *state_in(const struct onnx_net *n, const char *name)
{
    const int64_t dims[] = {ONNX_BATCH, policy_config(n->policy)->core_size};
    const char *x = net_input(n, name, ONNX_FLOAT, 2, dims,
                              "state of the core: what came out after the step before");
    return op_where(n->g, n->start, op_float(n->g, 0), x);
}

static void state_out(const struct onnx_net *n, const char *name, const char *value)
{
    const int64_t dims[] = {ONNX_BATCH, policy_config(n->policy)->core_size};
    net_output(n, name, value, 2, dims, "state of the core after this step");
}

static const char *gate(const struct onnx_net *n, const char *x, int which)
{
    int H = policy_config(n->policy)->core_size;
    return op_slice(n->g, x, 1, which * H, (which + 1) * H);
}

static const char *sigmoid_gate(const struct onnx_net *n, const char *x, int which)
{
    return op1(n->g, "Sigmoid", gate(n, x, which));
}

/* old + z (new - old) */
static const char *blend(struct onnx_graph *g, const char *old, const char *new, const char *z)
{
    return op2(g, "Add", old, op2(g, "Mul", z, op2(g, "Sub", new, old)));
}

/* The forget gate's bias of 1 is none of the parameters. */
static const char *lstm_bias(const struct onnx_net *n)
{
    const struct param *p = net_param(n, "core.b");
    int H = p->cols / 4;
    float *b = xcalloc((size_t)p->cols, sizeof *b);
    memcpy(b, net_values(n, "core.b"), (size_t)p->cols * sizeof *b);
    for (int i = H; i < 2 * H; i++)
        b[i] += 1.0f;
    const char *made =
        onnx_tensor(n->g, "core.b/and_forget_1", ONNX_FLOAT, 1, (const int64_t[]){p->cols}, b);
    free(b);
    return made;
}

static const char *emit_lstm(struct onnx_net *n, const char *x)
{
    struct onnx_graph *g = n->g;
    const char *h = state_in(n, "h"), *c = state_in(n, "c");
    const char *gates = op3(g, "Gemm", x, net_matrix(n, "core.w_x"), lstm_bias(n));
    gates = op2(g, "Add", gates, op2(g, "MatMul", h, net_matrix(n, "core.w_h")));
    const char *keep = op2(g, "Mul", sigmoid_gate(n, gates, 1), c);
    const char *candidate = op1(g, "Tanh", gate(n, gates, 3));
    c = op2(g, "Add", keep, op2(g, "Mul", sigmoid_gate(n, gates, 0), candidate));
    h = op2(g, "Mul", sigmoid_gate(n, gates, 2), op1(g, "Tanh", c));
    state_out(n, "h_out", h);
    state_out(n, "c_out", c);
    return h;
}

static const char *emit_gru(struct onnx_net *n, const char *x)
{
    struct onnx_graph *g = n->g;
    const char *h = state_in(n, "h");
    const char *a = net_dense(n, x, "core.w_x", "core.b_x", NULL);
    const char *u = net_dense(n, h, "core.w_h", "core.b_h", NULL);
    const char *both = op2(g, "Add", a, u);
    const char *reset = op2(g, "Mul", sigmoid_gate(n, both, 0), gate(n, u, 2));
    const char *candidate = op1(g, "Tanh", op2(g, "Add", gate(n, a, 2), reset));
    h = blend(g, candidate, h, sigmoid_gate(n, both, 1));
    state_out(n, "h_out", h);
    return h;
}

static const char *emit_mingru(struct onnx_net *n, const char *x)
{
    struct onnx_graph *g = n->g;
    const char *h = state_in(n, "h");
    const char *a = net_dense(n, x, "core.w", "core.b", NULL), *value = gate(n, a, 1);
    const char *positive = op2(g, "GreaterOrEqual", value, op_float(g, 0));
    const char *candidate =
        op_where(g, positive, op2(g, "Add", value, op_float(g, 0.5f)), op1(g, "Sigmoid", value));
    h = blend(g, h, candidate, sigmoid_gate(n, a, 0));
    state_out(n, "h_out", h);
    return h;
}

const char *net_core(struct onnx_net *n, const char *features)
{
    enum policy_core core = policy_config(n->policy)->core;
    const char *x = policy_last_size(n->policy) ? join_last(n, features) : features;
    onnx_scope(n->g, "core");
    if (core == POLICY_CORE_LSTM)
        return emit_lstm(n, x);
    if (core == POLICY_CORE_GRU)
        return emit_gru(n, x);
    if (core == POLICY_CORE_MINGRU)
        return emit_mingru(n, x);
    return x == features ? x : net_dense(n, x, "core.w", "core.b", "Relu");
}
