/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_POLICY_H
#define ONIC_COMMON_POLICY_POLICY_H

/* policy.h - observation -> logits and values: what actor and learner must agree on.
 *
 * encoder (by name, encoders.def) -> recurrent core (policy_core.h) -> a policy head and two value
 * heads: extrinsic return (0) and intrinsic return (1); like ONI one, and value 1 is 0. A policy is
 * the immutable architecture and its parameter table; parameter blocks, gradients and workspaces
 * are separate, so threads share one policy and each use their own workspace. All functions after
 * creation cannot fail and allocate nothing. Letters: T time, N environments, A outputs of the
 * policy head (with one choice, an action each: "logits"), S state floats per environment, X of
 * these of the step before, B rows.
 *
 * With last_action or last_reward what was done in the step before, and what it gave, stands beside
 * the encoder's features, X floats behind the core's state: who steps an environment writes them
 * there (policy_remember), and a state of zeros begins an episode in this as well.
 *
 * Observations are passed as row pointers (into rollout slots or received messages), so nothing is
 * copied before the encoder's own expansion. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/nn/params.h"
#include "common/policy/action_dist.h"
#include "common/policy/obs_spec.h"

enum {
    POLICY_HEADS = 2,
    POLICY_EXT = 0,
    POLICY_INT = 1,
    POLICY_NAME_MAX = 32,
    POLICY_PIXELS_CHANNELS = 16 /* by default */
};

enum policy_core {
    POLICY_CORE_LSTM,
    POLICY_CORE_GRU,
    POLICY_CORE_NONE,
    POLICY_CORE_MINGRU,
    POLICY_CORES
};

struct policy_config {
    char net[POLICY_NAME_MAX]; /* encoder name; "auto" is resolved by the caller */
    enum policy_core core;
    int hidden, core_size; /* 0 = the encoder's own default */
    struct action_space actions;
    bool squash, state_deviation;  /* of numbers: action_dist.h */
    char parts[64];                /* of the encoder, comma-separated; "": all */
    bool pixels_nature;            /* of the network pixels: the layers of DQN */
    int pixels_channels;           /* of its first layers else; 0: by default */
    bool layer_norm;               /* of the encoder's features */
    bool last_action, last_reward; /* the step before is an input, too: last_step.h */
    bool obs_norm;                 /* of float32 fields: obs_norm.h */
    bool compat_oni; /* one value head, policy head at gain 1; encoders: their own differences */
    struct obs_spec obs;
};

struct policy;

/* The i-th network of encoders.def and half a sentence about it (help may be NULL); NULL behind the
 * last. */
const char *policy_net_name(int i, const char **help);
/* The fields it reads, comma-separated; '?' in front: when present; "*": any. NULL: no such net. */
const char *policy_net_fields(const char *net);

/* Fails with ONIC_ECONFIG when the net is unknown or reads a field that obs lacks (both are named).
 */
int policy_create(struct policy **out, const struct policy_config *c, struct onic_err *err);
void policy_free(struct policy *p);
const struct params *policy_params(const struct policy *p);
const struct policy_config *policy_config(const struct policy *p); /* with defaults resolved */
/* How the outputs of the policy head become actions. */
const struct action_dist *policy_actions(const struct policy *p);
int policy_state_size(const struct policy *p); /* S; 0 with core none and nothing remembered */
int policy_last_size(const struct policy *p);  /* X; 0 without last_action and last_reward */
/* What the next step sees of this one, out [X]. done: what the environment got (action_dist_act).
 */
void policy_last_write(const struct policy *p, const union action_cell *done, float reward,
                       float *out);
/* Multiply-accumulates of one forward row; for reports. */
double policy_macs(const struct policy *p);
/* Environments per call of policy_forward/backward with which the live activations of T steps stay
 * in the caches; a multiple of 8. */
int policy_slice(const struct policy *p, int T);
/* Text of the architecture: net, core, sizes, parameter names and shapes; hashed into the network
 * specification. */
void policy_text(const struct policy *p, struct buf *out);

/* --- acting ---------------------------------------------------------------------------------- */
struct policy_actor; /* workspace for up to max_n rows */
struct policy_actor *policy_actor_create(const struct policy *p, int max_n);
void policy_actor_free(struct policy_actor *w);
/* logits [n, A], value [n, 2]; state [n, S] is read and overwritten with the next state, but for
 * its last X floats. rows[i]: observation i. */
void policy_act(const struct policy *p, struct policy_actor *w, const float *params,
                const uint8_t *const *rows, int n, float *state, float *logits, float *value);

/* To be called after each step with the state [S] of its environment: policy_last_write into it. */
void policy_remember(const struct policy *p, float *state, const union action_cell *done,
                     float reward);

/* --- training -------------------------------------------------------------------------------- */
struct policy_trainer; /* workspace: activations for up to (max_t, max_n) */
struct policy_trainer *policy_trainer_create(const struct policy *p, int max_t, int max_n);
void policy_trainer_free(struct policy_trainer *w);
/* rows [T, N] time-major; state0 [N, S] before step 0; reset [T, N]: 1 = the state is zeroed
 * BEFORE step t (t-1 ended an episode). done [T-1, N, X]: policy_last_write of each step but the
 * last, NULL where X is 0. logits [T, N, A], value [T, N, 2] are written and the activations kept
 * for policy_backward. */
void policy_forward(const struct policy *p, struct policy_trainer *w, const float *params,
                    const uint8_t *const *rows, const float *done, const float *state0,
                    const uint8_t *reset, int T, int N, float *logits, float *value);
/* dlogits [T, N, A], dvalue [T, N, 2] of the last forward; adds to grads [params floats]. Truncated
 * at state0. */
void policy_backward(const struct policy *p, struct policy_trainer *w, const float *params,
                     const float *dlogits, const float *dvalue, float *grads);

#endif /* ONIC_COMMON_POLICY_POLICY_H */
