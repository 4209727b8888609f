/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_POLICY_NET_H
#define ONIC_TESTS_SUPPORT_POLICY_NET_H

/* policy_net.h - whole networks with weights, batches of plausible observations for them, and the
 * check of their gradients against differences. */

#include "common/base/rng.h"
#include "common/policy/policy.h"

struct net_options { /* 0 or NULL: as by default */
    const char *parts;
    bool compat_oni, layer_norm;
    struct action_space actions; /* n 0: one of 5 */
    bool state_deviation, last_action, last_reward, obs_norm;
    /* Relative errors that net_check_gradients allows: 2e-3 along the gradient, 5e-3 across. */
    double along_max, across_max;
};

struct net {
    struct policy *p;
    float *params, *grads; /* grads is 0 at first */
    struct rng rng;
};

/* Adds fields that network `id` can read. */
void net_fields(struct obs_spec *obs, const char *id);
/* With 5 actions and initial weights, some scaled so that no part drowns the others; options may be
 * NULL. */
struct net net_create(const char *id, const char *core, int hidden, const struct net_options *o);
void net_free(struct net *n);

struct net_batch {
    int T, N;
    uint8_t *obs, *reset;    /* [T, N, obs_bytes], [T, N] */
    const uint8_t **rows;    /* [T, N] into obs */
    float *state0;           /* [N, state size] */
    float *done;             /* [T, N, X of policy.h] random numbers; NULL where X is 0 */
    float *logits, *value;   /* [T, N, actions], [T, N, 2]: written by net_loss */
    float *dlogits, *dvalue; /* the same shapes: fixed weights of the loss */
};

struct net_batch net_batch_create(struct net *n, int T, int N);
void net_batch_free(struct net_batch *b);

/* The sum of the outputs times fixed weights: its gradient is what policy_backward adds for dlogits
 * and dvalue. */
double net_loss(const struct net *n, struct policy_trainer *w, struct net_batch *b);

/* For every tensor: the change of the loss along the gradient itself (sees small and wrong entries)
 * and along a random direction (sees missing ones). */
void net_check_gradients(const char *id, const char *core, int hidden, int T, int N,
                         const struct net_options *o);

#endif /* ONIC_TESTS_SUPPORT_POLICY_NET_H */
