/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_MIX_H
#define ONIC_LEARNER_REWARD_MIX_H

/* mix.h - binds rewards to a trajectory at train time: r = c_ext r_ext + c_int r_int (arXiv
 * 2410.23022, section 3).
 *
 *   r_ext = clip(reward.scale r_env, +-reward.clip)
 *   r_int = the shaping chain applied to the model's score g; by default
 *           clip(g, +-reward.int_clip) N^-beta, N = times the caption occurred in the episode
 *
 * The two streams stay apart: each value head learns its own return and the coefficients meet in
 * the advantage, so they can change during a run. With compat.oni they meet in the reward
 * (slice.c). The mix owns the reward model and the memo of its scores. Called with the newest
 * labels each time a batch is bound: rewards are never stored with trajectories.
 *
 * Threads: training thread only. After warm-up nothing is allocated. */

#include <stdbool.h>
#include <stdint.h>

#include "learner/reward/reward_model.h"
#include "learner/reward/shaping.h"

struct reward_mix;
struct caption_totals; /* caption_totals.h */

struct reward_mix_params {
    float coef_ext, coef_int;
    float scale, clip; /* of the environment's rewards; clip 0 = none */
    bool episodic;     /* intrinsic returns stop where an episode does */
    struct shaping shaping;
};

/* p is copied, model is owned from here on, also where this fails: ONIC_ECONFIG, *out NULL, where
 * its state makes no checkpoint (REWARD_STATE_MAX). reward_options_open (reward_options.h) makes
 * both of the configuration. */
int reward_mix_create(struct reward_mix **out, const struct reward_mix_params *p,
                      const struct reward_model_type *type, struct reward_model *model,
                      struct onic_err *err);
void reward_mix_free(struct reward_mix *x); /* NULL is allowed */

const struct reward_model_type *reward_mix_type(const struct reward_mix *x); /* name, traits */
float reward_mix_coef_ext(const struct reward_mix *x);
float reward_mix_coef_int(const struct reward_mix *x);
bool reward_mix_episodic(const struct reward_mix *x);
/* What each caption has been paid in this run, |c_int r_int| summed: for `onic labels top`. It is a
 * record and influences nothing; saved and loaded apart from the model, so that an older checkpoint
 * without it can be resumed. */
const struct caption_totals *reward_mix_paid(const struct reward_mix *x);
int reward_mix_load_paid(struct reward_mix *x, const void *data, size_t len, struct onic_err *err);
/* "clip(10) count(3)": the chain in use, for the log and `onic play`. */
const char *reward_mix_chain(const struct reward_mix *x);

/* The batch is about to be asked about and bound; call once per batch. */
void reward_mix_on_batch(struct reward_mix *x, const struct reward_batch *b);
/* The next question the model draws itself; 0 = none, or the model asks for unknown captions. */
size_t reward_mix_next_question(struct reward_mix *x, char out[QUESTION_MAX]);
/* A label arrived (abstentions are ignored here). No-op for models that want none. */
void reward_mix_on_label(struct reward_mix *x, const struct label *label);
/* Gives the model time to learn; no-op when there is nothing to train. The turn: what the clock
 * decided in it. */
struct train_turn reward_mix_train(struct reward_mix *x);
/* The same, with a turn that reward_mix_train once gave; false: the model takes none like it. */
bool reward_mix_train_again(struct reward_mix *x, const struct train_turn *turn);

/* Whoever must know of all that changes the model from outside, in order, besides batches and
 * training. Either may be NULL. */
struct reward_mix_watch {
    void *ctx;
    void (*label)(void *ctx, const struct label *label); /* was handed to the model */
    void (*drawn)(void *ctx);                            /* it was asked for its next question */
};
void reward_mix_watch(struct reward_mix *x, const struct reward_mix_watch *w); /* copied */
/* From now on it learns on a thread of its own, where there is something to train; returns how many
 * threads that are: 0 or 1. At most once. */
int reward_mix_beside(struct reward_mix *x);

/* The model's own numbers, and perf/score_us_per_frame: what seeing and scoring cost in this life.
 * NAN = not known yet. */
void reward_mix_report(const struct reward_mix *x,
                       void (*put)(void *ctx, const char *name, double value), void *ctx);

/* Indices of the distinct captions of b that have no label yet, in table order, never 0 (the empty
 * caption): the ones to ask. out [b->ncaptions]; returns how many. 0 for models that want no
 * labels. */
int reward_mix_unknown(const struct reward_mix *x, const struct reward_batch *b, int *out);

/* r_env, r_ext, r_int [n = b->n] in the order of the batch; both outputs are unscaled by the
 * coefficients and finite. A step whose r_env is not finite counts as 0 (and in the statistics).
 * Call it once per use of a trajectory: models that count observations count here. Steps with the
 * empty caption get r_int 0 from caption-only models. */
void reward_mix_bind(struct reward_mix *x, const struct reward_batch *b, const float *r_env,
                     float *r_ext, float *r_int);
/* What one caption earns now, before the chain: for `onic play`, replays and reports. known: it has
 * a label.
 * 0 and false for models that do not score captions. */
float reward_mix_caption(struct reward_mix *x, const char *caption, size_t len, bool *known);

struct reward_mix_stats {
    /* all; of models that know captions: with a caption, whose caption has a label */
    uint64_t steps, captioned, known;
    double int_sum, int_abs, ext_abs; /* sums over steps of r_int, |c_int r_int|, |c_ext r_ext| */
    uint64_t paid;                    /* steps with r_int != 0 */
    uint64_t not_finite;              /* environment rewards replaced by 0 */
    uint64_t memo_hits, memo_misses;  /* captions looked up */
};
/* Sums since the last call, which it resets. intrinsic/share = int_abs / (int_abs + ext_abs). */
void reward_mix_take_stats(struct reward_mix *x, struct reward_mix_stats *out);

/* The run holds no label: reward_mix_load passes over the state of another model that learns from
 * labels alone. */
void reward_mix_unlabelled(struct reward_mix *x);
/* The labels that it learned from are not trusted any more: the next reward_mix_load passes over
 * the state of a model that learns from labels, but for the questions that it drew, and it begins
 * anew. */
void reward_mix_forget(struct reward_mix *x);
/* The model's state, prefixed by its name: loading the state of another model is ONIC_ECONFIG
 * naming both. */
void reward_mix_save(const struct reward_mix *x, struct buf *out);
int reward_mix_load(struct reward_mix *x, const void *data, size_t len, struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_MIX_H */
