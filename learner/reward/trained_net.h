/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_TRAINED_NET_H
#define ONIC_LEARNER_REWARD_TRAINED_NET_H

/* trained_net.h - the weights of a reward model that learns while it is used.
 *
 * Two sets: one is trained, the other scores and is renewed every reward.refresh updates. Scores
 * are thus a function of (caption, version) whenever they are computed, which memoisation and exact
 * resumption need, and captions are not scored again after every gradient step. Holds Adam's
 * moments, the label schedule and the counters that belong to them; the network itself is the
 * model's. Training thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "learner/reward/label_schedule.h"

struct trained_net_params {
    uint64_t refresh; /* updates of the policy after which the scoring weights are renewed */
    uint64_t seed;    /* of the weights and of the batches drawn */
    double lr;
    struct label_schedule_params schedule;
};

struct trained_net {
    size_t floats;
    float *trained, *adam_m, *adam_v, *scoring; /* [floats] each */
    float *grads;                               /* [floats], the model's loss writes them */
    struct label_schedule schedule;
    uint64_t version, step;              /* renewals of the scoring weights; gradient steps */
    uint64_t updates_since, steps_since; /* the last renewal */
    uint64_t refresh, seed;
    double lr, max_norm;
    double loss; /* moving average, NAN before the first step of this life */
};

/* max_norm: of the gradient, 0 = not clipped. p is copied. */
void trained_net_init(struct trained_net *t, size_t floats, double max_norm,
                      const struct trained_net_params *p);
void trained_net_release(struct trained_net *t);

/* After the model wrote grads: one step of Adam. A loss or gradient that is not finite changes
 * nothing. */
void trained_net_step(struct trained_net *t, double loss);
/* Once per update of the policy, after the steps: true when the scoring weights were renewed and
 * the version rose. A renewal makes all captions in use be scored anew, so where updates are fast
 * and further steps are owed it waits for reward.refresh / 8 steps, but no longer than for 8
 * reward.refresh updates; the first one does not wait. always: no step is needed at all. */
bool trained_net_refresh(struct trained_net *t, bool always);

/* Without the version, which models keep in their own heads. */
void trained_net_save(const struct trained_net *t, struct buf *out);
size_t trained_net_bytes(const struct trained_net *t);
/* p [trained_net_bytes]: false when it is not a state of this network. */
bool trained_net_check(const struct trained_net *t, const char *p);
void trained_net_load(struct trained_net *t, const char *p, uint64_t version);

/* reward_model/loss, train_steps, owed_steps, train_share, version */
void trained_net_report(const struct trained_net *t,
                        void (*put)(void *ctx, const char *name, double value), void *ctx);

#endif /* ONIC_LEARNER_REWARD_TRAINED_NET_H */
