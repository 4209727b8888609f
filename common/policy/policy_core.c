/* SPDX-License-Identifier: MIT */
/* policy_core.c - see policy_core.h. */
#include "common/policy/policy_core.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/gru/gru.h"
#include "common/nn/layers/lstm/lstm.h"
#include "common/nn/layers/mingru/mingru.h"

const char *core_name(enum policy_core kind)
{
    static const char *const names[POLICY_CORES] = {"lstm", "gru", "none", "mingru"};
    return names[kind];
}

/* The GRUs start as the frameworks start them: everything uniform in +-1/sqrt(H), the minimal one,
 * which is a dense layer and a blend, in +-1/sqrt(E). */
void core_add(struct core *c, enum policy_core kind, int E, int H, struct params *t)
{
    static const int gates[POLICY_CORES] = {4, 3, 1, 2}, states[POLICY_CORES] = {2, 1, 0, 1};
    int G = gates[kind];
    *c = (struct core){.kind = kind, .E = E, .H = H, .gates = G, .S = states[kind] * H};
    if (H == 0)
        return;
    float bound = 1.0f / sqrtf((float)(kind == POLICY_CORE_GRU ? H : E));
    if (kind == POLICY_CORE_GRU) {
        c->w_x = params_add(t, "core.w_x", E, G * H, PARAM_UNIFORM, bound);
        c->w_h = params_add(t, "core.w_h", H, G * H, PARAM_UNIFORM, bound);
        c->b = params_add(t, "core.b_x", 1, G * H, PARAM_UNIFORM, bound);
        c->b_h = params_add(t, "core.b_h", 1, G * H, PARAM_UNIFORM, bound);
    } else if (kind == POLICY_CORE_MINGRU) {
        c->w_x = params_add(t, "core.w", E, G * H, PARAM_UNIFORM, bound);
        c->b = params_add(t, "core.b", 1, G * H, PARAM_UNIFORM, bound);
    } else if (kind == POLICY_CORE_NONE) {
        c->w_x = params_add(t, "core.w", E, H, PARAM_ORTHOGONAL, 1.41421356f);
        c->b = params_add(t, "core.b", 1, H, PARAM_ZERO, 0);
    } else {
        c->w_x = params_add(t, "core.w_x", E, G * H, PARAM_ORTHOGONAL, 2.0f);
        c->w_h = params_add(t, "core.w_h", H, G * H, PARAM_ORTHOGONAL, 1.0f);
        c->b = params_add(t, "core.b", 1, G * H, PARAM_ZERO, 0);
    }
}

double core_macs(const struct core *c)
{
    bool recurrent = c->kind == POLICY_CORE_LSTM || c->kind == POLICY_CORE_GRU;
    return (double)c->gates * c->H * (c->E + (recurrent ? c->H : 0));
}

/* The layers use one struct for weights and gradients; weights are only read. */
static struct lstm_weights lstm_of(const struct core *c, const float *block)
{
    float *p = (float *)(uintptr_t)block;
    return (struct lstm_weights){p + c->w_x, p + c->w_h, p + c->b};
}

static struct gru_weights gru_of(const struct core *c, const float *block)
{
    float *p = (float *)(uintptr_t)block;
    return (struct gru_weights){p + c->w_x, p + c->w_h, p + c->b, p + c->b_h};
}

static struct mingru_weights mingru_of(const struct core *c, const float *block)
{
    float *p = (float *)(uintptr_t)block;
    return (struct mingru_weights){p + c->w_x, p + c->b};
}

/* --- acting ---------------------------------------------------------------------------------- */

size_t core_step_floats(const struct core *c, int n)
{
    int recurrent = c->kind == POLICY_CORE_GRU ? 3 : 0;
    return (size_t)n * (size_t)c->H * (size_t)(c->gates + recurrent + 1);
}

int core_h_stride(const struct core *c)
{
    return c->S ? c->S : c->H;
}

const float *core_step(const struct core *c, const float *params, const float *x, int n,
                       float *state, float *memory)
{
    size_t nh = (size_t)n * (size_t)c->H;
    if (c->kind == POLICY_CORE_GRU) {
        struct gru_weights w = gru_of(c, params);
        gru_step(state, x, &w, n, c->E, c->H, memory, memory + 3 * nh, memory + 6 * nh);
    } else if (c->kind == POLICY_CORE_MINGRU) {
        struct mingru_weights w = mingru_of(c, params);
        mingru_step(state, x, &w, n, c->E, c->H, memory);
    } else if (c->kind == POLICY_CORE_NONE) {
        dense_forward(memory, c->H, x, c->E, params + c->w_x, params + c->b, n, c->E, c->H,
                      ACT_RELU);
        return memory;
    } else {
        struct lstm_weights w = lstm_of(c, params);
        lstm_step(state, x, &w, n, c->E, c->H, memory, memory + 4 * nh);
    }
    return state;
}

/* --- training -------------------------------------------------------------------------------- */

size_t core_cache_floats(const struct core *c, int T, int N)
{
    if (c->H == 0)
        return 0;
    return c->kind == POLICY_CORE_GRU      ? gru_cache_floats(T, N, c->H)
           : c->kind == POLICY_CORE_MINGRU ? mingru_cache_floats(T, N, c->H)
           : c->kind == POLICY_CORE_NONE   ? (size_t)T * (size_t)N * (size_t)c->H
                                           : lstm_cache_floats(T, N, c->H);
}

void core_forward(const struct core *c, const float *params, float *h, const float *x,
                  const float *state0, const uint8_t *reset, int T, int N, float *memory)
{
    if (c->kind == POLICY_CORE_GRU) {
        struct gru_weights w = gru_of(c, params);
        struct gru_cache cache;
        gru_cache_set(&cache, memory, T, N, c->H);
        gru_forward(h, &cache, x, state0, reset, &w, T, N, c->E, c->H);
    } else if (c->kind == POLICY_CORE_MINGRU) {
        struct mingru_weights w = mingru_of(c, params);
        struct mingru_cache cache;
        mingru_cache_set(&cache, memory, T, N, c->H);
        mingru_forward(h, &cache, x, state0, reset, &w, T, N, c->E, c->H);
    } else if (c->kind == POLICY_CORE_NONE) {
        dense_forward(memory, c->H, x, c->E, params + c->w_x, params + c->b, T * N, c->E, c->H,
                      ACT_RELU);
        memcpy(h, memory, core_cache_floats(c, T, N) * sizeof *h);
    } else {
        struct lstm_weights w = lstm_of(c, params);
        struct lstm_cache cache;
        lstm_cache_set(&cache, memory, T, N, c->H);
        lstm_forward(h, &cache, x, state0, reset, &w, T, N, c->E, c->H);
    }
}

void core_backward(const struct core *c, const float *params, float *grads, float *dx, float *dh,
                   const float *x, const uint8_t *reset, int steps, int T, int N, float *memory)
{
    if (c->kind == POLICY_CORE_GRU) {
        struct gru_weights w = gru_of(c, params), d = gru_of(c, grads);
        struct gru_cache cache;
        gru_cache_set(&cache, memory, T, N, c->H);
        gru_backward(dx, &d, dh, &cache, x, reset, &w, steps, N, c->E, c->H);
    } else if (c->kind == POLICY_CORE_MINGRU) {
        struct mingru_weights w = mingru_of(c, params), d = mingru_of(c, grads);
        struct mingru_cache cache;
        mingru_cache_set(&cache, memory, T, N, c->H);
        mingru_backward(dx, &d, dh, &cache, x, reset, &w, steps, N, c->E, c->H);
    } else if (c->kind == POLICY_CORE_NONE) {
        dense_backward(dx, c->E, grads + c->w_x, grads + c->b, dh, c->H, x, c->E, memory, c->H,
                       params + c->w_x, steps * N, c->E, c->H, ACT_RELU);
    } else {
        struct lstm_weights w = lstm_of(c, params), d = lstm_of(c, grads);
        struct lstm_cache cache;
        lstm_cache_set(&cache, memory, T, N, c->H);
        lstm_backward(dx, &d, dh, &cache, x, reset, &w, steps, N, c->E, c->H);
    }
}
