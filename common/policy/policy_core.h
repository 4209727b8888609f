/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_POLICY_CORE_H
#define ONIC_COMMON_POLICY_POLICY_CORE_H

/* policy_core.h - the recurrent core of a policy, whichever it is: its parameters, one step for
 * acting, all steps for training. With `none` there is no state, and either no core at all (0
 * cells: nothing but core_add may be called) or a dense layer with ReLU in its place. */

#include <stddef.h>
#include <stdint.h>

#include "common/nn/params.h"
#include "common/policy/policy.h"

struct core {
    enum policy_core kind;
    int E, H;        /* inputs, cells (0: no core) */
    int gates, S;    /* blocks of H columns of the input's product; state floats */
    size_t w_x, w_h; /* offsets of the parameters, as the layer has them */
    size_t b, b_h;
};

/* "lstm", ... as in texts of architectures. */
const char *core_name(enum policy_core kind);
/* Adds the parameters of H cells. */
void core_add(struct core *c, enum policy_core kind, int E, int H, struct params *t);
/* Multiply-accumulates of a row. */
double core_macs(const struct core *c);

/* Floats that core_step needs for n rows, and core_forward and core_backward for T steps of N. */
size_t core_step_floats(const struct core *c, int n);
size_t core_cache_floats(const struct core *c, int T, int N);

/* x [n,E]; state [n,S] is read and overwritten. Returns h, n rows of H, in `state` or in `memory`;
 * a row begins core_h_stride after the one before. */
const float *core_step(const struct core *c, const float *params, const float *x, int n,
                       float *state, float *memory);
int core_h_stride(const struct core *c);
/* h [T,N,H]. memory is kept for core_backward. */
void core_forward(const struct core *c, const float *params, float *h, const float *x,
                  const float *state0, const uint8_t *reset, int T, int N, float *memory);
/* Of the last core_forward over T steps, of which the first `steps` have a gradient: dx from dh,
 * which is used up; adds to grads. */
void core_backward(const struct core *c, const float *params, float *grads, float *dx, float *dh,
                   const float *x, const uint8_t *reset, int steps, int T, int N, float *memory);

#endif /* ONIC_COMMON_POLICY_POLICY_CORE_H */
