/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_SLICE_H
#define ONIC_LEARNER_TRAIN_SLICE_H

/* slice.h - a few columns of a batch on their way through the network: the unit of work of one
 * training thread.
 *
 * Narrow enough that the activations stay in the core's cache, wide enough that its products are
 * efficient. A workspace holds one slice at a time: inputs gathered from
 * the trajectories, activations, targets and output gradients. N columns, T steps; arrays with T+1
 * rows include the bootstrap observation. */

#include <stdbool.h>
#include <stdint.h>

#include "common/policy/policy.h"
#include "learner/train/batch.h"
#include "learner/train/loss.h"
#include "learner/train/value_norm.h"

struct slice {
    int T, N, A, S, X; /* of the slice held now; N <= max_n; X: policy.h */
    int max_n;
    const struct action_dist *dist;
    size_t parts, mask_bytes; /* of an action */
    const struct policy *policy;
    struct policy_trainer *ws;
    const uint8_t **rows;            /* [T+1, N] */
    float *state0;                   /* [N, S] */
    uint8_t *reset;                  /* [T+1, N] */
    int16_t *choice;                 /* [T, N, parts]; this and the next two: what was done */
    float *number;                   /* [T, N, parts] */
    uint8_t *mask;                   /* [T, N, mask_bytes] */
    float *done;                     /* [T, N, X] what the row after it sees of each step */
    float *logp_mu;                  /* [T, N] */
    float *value_old;                /* [T, N, 2] */
    uint8_t *ended, *skip;           /* [T, N] */
    uint8_t *never;                  /* [T, N] zeros: the ends of a head that knows none */
    float *reward[2], *end_value[2]; /* [T, N] per head */
    /* outputs of the forward pass */
    float *outputs;                /* [T+1, N, A] of the policy head; choices: rows 0..T-1 become
                                    * log-probabilities */
    float *value;                  /* [T+1, N, 2] */
    float *logp, *entropy, *ratio; /* [T, N] */
    float *head[2];                /* [T+1, N] value of one head */
    float *target[2], *adv[2];     /* [T, N] */
    float *advantage;              /* [T, N] mixed; normalised in the second phase */
    float *doutputs, *dvalue;      /* [T+1, N, A], [T+1, N, 2]; row T is 0 */
    float *dlogp, *explore;        /* [T, N] scratch of the loss */
    void *memory;                  /* owner of the arrays */
};

struct slice *slice_create(const struct policy *p, int T, int max_n);
void slice_free(struct slice *s); /* NULL is allowed */

struct slice_rule { /* how targets and advantages are formed */
    double gamma[2], lambda, rho_bar, c_bar;
    bool gae; /* instead of V-trace */
    float coef[2];
    /* the head's return goes on at the end of an episode: what follows is the first observation of
     * the next one */
    bool endless[2];
    /* one head learns the mixed reward; a time limit is an end; the bootstrap makes the last
     * advantage 0 */
    bool compat_oni;
};
/* Gathers columns order[0..n) of the batch. */
void slice_gather(struct slice *s, const struct batch *b, const int *order, int n,
                  const struct slice_rule *rule);

/* Forward pass, targets and advantages per head, mixed advantage. False when an output of
 * the network is not finite. */
bool slice_forward(struct slice *s, const struct policy *p, const float *weights,
                   const struct slice_rule *rule);

/* Adds up sum, sum of squares and number of the advantages of weight 1. */
struct advantage_sums {
    double sum, squares, count;
};
void slice_advantage_sums(const struct slice *s, struct advantage_sums *sums);
/* What brings advantages with these sums (of two steps at least) to mean 0 and deviation 1:
 * (A - mean) * factor. The deviation is the unbiased one, and never taken for less than 0.001 of
 * `unit` (value_norm_advantage_unit). */
void slice_advantage_scale(const struct advantage_sums *sums, double unit, double *mean,
                           double *factor);
void slice_normalize(struct slice *s, double mean, double factor);
/* Adds up the heads' values and targets of weight 1. */
void slice_value_sums(const struct slice *s, struct value_sums sums[POLICY_HEADS]);

/* slice_normalize, losses, backward pass; adds to grads and *sums. */
void slice_backward(struct slice *s, const struct policy *p, const float *weights,
                    const struct loss_params *loss, double steps, double mean, double factor,
                    float *grads, struct loss_sums *sums);

#endif /* ONIC_LEARNER_TRAIN_SLICE_H */
