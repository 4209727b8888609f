/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_TRAINED_NET_H
#define ONIC_LEARNER_REWARD_TRAINED_NET_H

/* trained_net.h - the weights of a reward model that learns while it is used.
 *
 * Two sets: one is trained, the other scores and is renewed every reward.refresh updates. Scores
 * are thus a function of (caption, version) whenever they are computed, which memoisation and exact
 * resumption need, and captions are not scored again after every gradient step. Holds Adam's
 * moments, the label schedule and the counters that belong to them; the network itself is the
 * model's.
 *
 * Gradient steps are taken between two updates of the policy, or beside them by a thread of the
 * net's own (trained_net_beside). That thread gets its batches drawn and copied, in pieces of a few
 * steps, and owns what it trains until a piece is done. All else is the training thread's, so
 * neither labels nor scores need a lock, and the weights that score change in trained_net_begin
 * alone. The same batches make the same weights, whoever takes the steps.
 *
 * Training thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "learner/reward/heldout.h"
#include "learner/reward/label_schedule.h"
#include "learner/reward/reward_model.h"

struct trained_net_params {
    uint64_t refresh; /* updates of the policy after which the scoring weights are renewed */
    uint64_t seed;    /* of the weights and of the batches drawn */
    double lr;
    struct label_schedule_params schedule;
};

#define TRAINED_NET_THREAD "reward-train" /* its name, for /proc and debuggers */

enum { TRAINED_NET_PIECE = 32 }; /* steps that are drawn ahead at most */

/* What a model does; `model` is its own struct. */
struct trained_net_work {
    /* Draws the next batch and keeps it, texts and all, as number k < TRAINED_NET_PIECE. Training
     * thread. */
    void (*draw)(void *model, int k);
    /* Loss of batch k at the weights `trained`, the gradient into grads. On the thread that trains,
     * like look: of the model they touch what was drawn, and a network of that thread's own. */
    double (*loss)(void *model, int k);
    /* Draws and keeps held-out labels, as draw does. Training thread. */
    void (*draw_held)(void *model);
    /* How well the weights `scoring` predict them. */
    struct heldout_measure (*look)(void *model);
};

struct side_thread;

struct trained_net {
    size_t floats;
    const struct trained_net_work *work;
    void *model;
    /* of whoever trains, read by others only while nobody does */
    float *trained, *adam_m, *adam_v; /* [floats] each */
    float *grads;                     /* [floats], work->loss writes them */
    uint64_t step;                    /* gradient steps */
    double loss;                      /* moving average, NAN before the first step of this life */
    struct heldout_measure looked;
    int64_t worked_ns; /* CPU time of the last piece */
    /* of the training thread, but for the piece at hand only read */
    float *scoring; /* [floats] */
    int piece;      /* steps of the piece at hand */
    bool looks;     /* it begins with a look at the held-out labels */
    bool idle;      /* between begin and end: no piece is at hand */
    struct label_schedule schedule;
    uint64_t version;       /* renewals of the scoring weights */
    uint64_t updates_since; /* the last renewal */
    uint64_t renewed_step;  /* `step` at the last renewal */
    bool renewed_new;       /* that renewal brought other weights */
    uint64_t looked_step;   /* `step` at the last look; 0 = none */
    uint64_t refresh, seed;
    double lr, max_norm;
    struct side_thread *side; /* NULL: the training thread trains */
    struct train_turn turn;   /* of the last begin and end, or given for the next */
    /* shown: as of the last piece that was done */
    struct {
        uint64_t step;
        double loss;
        struct heldout_measure heldout;
    } shown;
};

/* max_norm: of the gradient, 0 = not clipped. p is copied, work and model are borrowed. */
void trained_net_init(struct trained_net *t, size_t floats, double max_norm,
                      const struct trained_net_params *p, const struct trained_net_work *work,
                      void *model);
void trained_net_release(struct trained_net *t);
/* From now on a thread of its own takes the steps. Once; the model has a
 * network for it by then. */
void trained_net_beside(struct trained_net *t);

/* Once per update of the policy: begin, and end. any: there are labels to train on. begin takes
 * what was trained, or trains; true when it renewed the scoring weights and the version rose, for
 * the model to freeze what goes with them before it calls end. A renewal makes all captions in use
 * be scored anew, so where updates are fast and further steps are owed it waits for
 * reward.refresh / 8 steps, but no longer than for 8 reward.refresh updates; the first one does not
 * wait, and all wait for the piece at hand. always: no step is needed at all. */
bool trained_net_begin(struct trained_net *t, uint64_t labels, bool any, bool always);
/* looks: after a renewal, measure held-out labels if enough steps were taken since the last time.
 */
void trained_net_end(struct trained_net *t, bool any, bool looks);

/* Without the version, which models keep in their own heads. Waits for the piece at hand, so that
 * what is saved holds all steps that are not owed any more. */
void trained_net_save(const struct trained_net *t, struct buf *out);
size_t trained_net_bytes(const struct trained_net *t);
/* p [trained_net_bytes]: false when it is not a state of this network. */
bool trained_net_check(const struct trained_net *t, const char *p);
void trained_net_load(struct trained_net *t, const char *p, uint64_t version);

/* reward_model/loss, train_steps, owed_steps, train_share, between_share, version, heldout_... */
void trained_net_report(const struct trained_net *t,
                        void (*put)(void *ctx, const char *name, double value), void *ctx);

#endif /* ONIC_LEARNER_REWARD_TRAINED_NET_H */
