/* SPDX-License-Identifier: MIT */
/* model.c - encoder, core and heads one behind the other, and the facts that a program needs to act
 * with the model; see model.h. */
#include "deploy/onnx/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/onnx/net.h"

#define ENCODER(id) extern const struct onnx_encoder onnx_encoder_##id;
#include "deploy/onnx/encoders.def"
#undef ENCODER

const struct onnx_encoder *onnx_encoder_find(const char *net)
{
    static const struct onnx_encoder *const encoders[] = {
#define ENCODER(id) &onnx_encoder_##id,
#include "deploy/onnx/encoders.def"
#undef ENCODER
    };
    for (size_t i = 0; i < sizeof encoders / sizeof encoders[0]; i++)
        if (strcmp(encoders[i]->net, net) == 0)
            return encoders[i];
    return NULL;
}

static void add_fact_number(struct onnx_graph *g, const char *key, uint64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, v);
    onnx_fact(g, key, text);
}

static void add_facts(struct onnx_graph *g, const struct stored_policy *p)
{
    const struct policy_config *c = policy_config(p->policy);
    struct buf text;
    buf_init(&text, 1 << 20);
    onnx_fact(g, "onic.env", p->env.id);
    obs_spec_text(&c->obs, &text);
    onnx_fact(g, "onic.observation", text.data);
    buf_reset(&text);
    action_space_text(&c->actions, &text);
    onnx_fact(g, "onic.actions", text.data);
    if (c->actions.kind == ACTION_CONTINUOUS)
        onnx_fact(g, "onic.squash", c->squash ? "true" : "false");
    buf_reset(&text);
    policy_text(p->policy, &text);
    onnx_fact(g, "onic.network", text.data);
    add_fact_number(g, "onic.weights_version", p->weights_version);
    add_fact_number(g, "onic.env_steps", p->env_steps);
    buf_release(&text);
}

static void emit_policy(struct onnx_graph *g, const struct stored_policy *p,
                        const struct onnx_encoder *encoder)
{
    struct onnx_net n = {.g = g, .policy = p->policy, .weights = p->weights};
    bool stateful = policy_state_size(p->policy) > 0;
    net_name_fields(&n);
    if (stateful) {
        onnx_scope(g, "start");
        n.start = op_unsqueeze(g,
                               net_input(&n, "start", ONNX_BOOL, 1, (const int64_t[]){ONNX_BATCH},
                                         "an episode begins: the state counts as 0"),
                               1);
    }
    onnx_scope(g, "encoder");
    const char *x = encoder->emit(&n);
    if (policy_config(p->policy)->layer_norm) {
        onnx_scope(g, "norm");
        x = op3(g, "LayerNormalization", x, net_vector(&n, "norm.gain"),
                net_vector(&n, "norm.bias"));
        onnx_attr_int(g, "axis", -1);
        onnx_attr_float(g, "epsilon", 1e-5f);
    }
    net_heads(&n, net_core(&n, x));
}

int onnx_model_write(const struct stored_policy *p, int opset, struct buf *out,
                     struct onic_err *err)
{
    const char *net = policy_config(p->policy)->net;
    const struct onnx_encoder *encoder = onnx_encoder_find(net);
    if (opset < ONNX_OPSET_MIN || opset > ONNX_OPSET_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "--opset is %d, and models are written with the operators of %d to %d: "
                       "older sets lack LayerNormalization, newer ones are not known here",
                       opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX);
    if (!encoder)
        return err_set(err, ONIC_ECONFIG,
                       "the network %s has no ONNX form yet; onic.Policy of the Python package "
                       "reads the checkpoint itself",
                       net);
    struct onnx_graph *g = onnx_graph_create(opset);
    emit_policy(g, p, encoder);
    add_facts(g, p);
    bool fits = onnx_write(g, net, "One step of a policy trained by onic.", out);
    onnx_graph_free(g);
    return fits ? ONIC_OK
                : err_set(err, ONIC_ELIMIT, "the model is larger than %zu bytes", out->max);
}
