/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ACTION_DIST_H
#define ONIC_COMMON_POLICY_ACTION_DIST_H

/* action_dist.h - from the outputs of a policy head to actions and back: sampling, density,
 * entropy, their gradients. What actor, learner, `onic eval` and `onic play` must agree on.
 *
 *   choices  one softmax per part, over its outputs ("logits"), the parts independent. An option
 *            that the mask forbids has probability 0: the softmax is that of the others alone.
 *   numbers  independent normal distributions: outputs are n means, then n logarithms of the
 *            deviation, taken for at least ACTION_LOG_DEVIATION_MIN and at most _MAX. They live in
 *            units in which the bounds of the space are -1 and 1. The environment gets the sample
 *            clamped to these, or with `squash` its tanh. A trajectory carries the sample x itself,
 *            before clamp or tanh, so nothing has to be inverted. Densities are those of x, or with
 *            squash of a = tanh(x): log N(x) - sum log(1 - tanh(x)^2). Entropies are exact; that of
 *            the squashed normal to 1e-5, by quadrature of its correction.
 *
 * Letters: n rows, A outputs of a row, parts of an action. Pure functions, thread-safe. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/policy/action_space.h"

enum { ACTION_OUTPUTS_MAX = BOUND_ACTIONS }; /* numbers have fewer */
/* Deviations of 0.0067 and 7.4 half ranges: less repeats one action, more is noise. */
#define ACTION_LOG_DEVIATION_MIN (-5.0f)
#define ACTION_LOG_DEVIATION_MAX 2.0f

struct action_dist {
    struct action_space space;
    bool squash;          /* numbers: tanh instead of a clamp */
    bool state_deviation; /* numbers: the deviation depends on the observation */
};

/* A: numbers of a row that are read. */
int action_dist_outputs(const struct action_dist *d);
/* The first of them, which a network computes; the others are free parameters, equal in all rows.
 */
int action_dist_columns(const struct action_dist *d);
/* Uniform random numbers that one action takes. */
int action_dist_uniforms(const struct action_dist *d);

/* --- acting ---------------------------------------------------------------------------------- */

/* outputs [n, A], mask [n, mask_bytes] (NULL without masks), u [n, uniforms] in [0,1): action
 * [n, parts] as a trajectory carries it, logp [n] the log of its probability or density. */
void action_dist_sample(const struct action_dist *d, const float *outputs, const uint8_t *mask,
                        const float *u, int n, union action_cell *action, float *logp);
/* The likeliest choices, the means. Of equals the first. */
void action_dist_mode(const struct action_dist *d, const float *outputs, const uint8_t *mask, int n,
                      union action_cell *action);
/* What the environment gets of it, in place: choices stay, numbers come into its bounds. */
void action_dist_act(const struct action_dist *d, union action_cell *action, int n);

/* --- training -------------------------------------------------------------------------------- */

/* What was done, of n rows, as a trajectory carries it; the arrays that the kind has not are NULL.
 */
struct action_rows {
    const int16_t *choice; /* [n, parts] */
    const float *number;   /* [n, parts] */
    const uint8_t *mask;   /* [n, mask_bytes] */
};

/* logp and entropy [n] of these actions. Outputs of choices become log-probabilities in place,
 * meaningless where the mask forbids; others stay. */
void action_dist_evaluate(const struct action_dist *d, float *outputs,
                          const struct action_rows *rows, int n, float *logp, float *entropy);
/* KL(pi || uniform) + KL(uniform || pi) of one row of choices after action_dist_evaluate; uniform
 * over what is possible. */
float action_dist_uniform_kl(const struct action_dist *d, const float *evaluated,
                             const uint8_t *mask, float entropy);

/* How a loss depends on a row: dlogp * logp + explore * X, X being minus the entropy, or with
 * to_uniform action_dist_uniform_kl. */
struct action_slopes {
    const float *entropy;         /* [n] of action_dist_evaluate */
    const float *dlogp, *explore; /* [n] */
    bool to_uniform;
    const uint8_t *skip; /* [n]; 1: the row has no gradient */
};

/* doutputs [n, A] is written: the gradient of that with respect to the outputs. A deviation beyond
 * its bounds is moved back only, never further. */
void action_dist_gradient(const struct action_dist *d, const float *evaluated,
                          const struct action_rows *rows, int n, const struct action_slopes *slopes,
                          float *doutputs);

#endif /* ONIC_COMMON_POLICY_ACTION_DIST_H */
