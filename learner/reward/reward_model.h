/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_REWARD_MODEL_H
#define ONIC_LEARNER_REWARD_REWARD_MODEL_H

/* reward_model.h - the contract of an intrinsic reward model: one folder, one line in
 * reward_models.def.
 *
 * A model learns from labels and scores batches; the caller applies what the model declares:
 * memoisation of scores per (caption, version) and the episodic count factor N^-beta for
 * caption-only models, then coefficient and clip (mix.h). Single-threaded: everything is called
 * from the training thread; what a model's own thread does is hidden in train(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/config/config.h"
#include "common/data/label.h"
#include "common/policy/obs_spec.h"

#define REWARD_STATE_MAX ((size_t)1 << 32)

/* One batch to score: n steps; the observation is the one AFTER the action. */
struct reward_batch {
    int n, C;                    /* step i is of column i % C, in the order of time */
    const uint64_t *environment; /* [C] whose column it is: the same number in every batch */
    const uint8_t *const
        *obs_after; /* [n] observation rows; NULL unless the model declares reads_observations. An
                       entry is NULL where it is not known: an environment broke, or more episodes
                       ended than a trajectory has room for */
    const uint32_t *caption;         /* [n] index into the distinct captions below */
    const uint16_t *episodic_count;  /* [n] N >= 1, 0 for the empty caption */
    int ncaptions;                   /* distinct captions, entry 0 = "" */
    const char *const *caption_text; /* [ncaptions] */
    const uint16_t *caption_len;     /* [ncaptions] */
};

struct reward_model_traits {
    bool caption_only; /* score depends on the caption alone: memoised, count factor applied */
    /* questions of the kind `asks` are sent to the annotator: captions that are not known, or what
     * `draw` gives */
    bool wants_labels;
    enum question_kind asks;
    bool reads_observations; /* obs_after is filled in */
    bool pays_nothing;       /* every score is 0 */
    /* what it pays is new once in a run: its return does not stop where an episode does, unless
     * reward.episodic says so */
    bool endless;
};

/* What the clock decided in one call of train(): all else follows from batches and labels. Filled
 * in by train(), or, where `given`, done by it as it stands here, on the calling thread. */
struct train_turn {
    bool given;
    bool beside;    /* steps are drawn after the renewal of the scoring weights, for a later turn */
    bool idle;      /* what was drawn before is done, so the scoring weights may be renewed */
    uint32_t steps; /* taken, or drawn */
};

struct reward_model; /* each model's own struct */

struct reward_model_type {
    const char *name;
    const char *summary; /* one line for --help and the docs */
    struct reward_model_traits traits;
    const char *pays_by; /* the options that decide what it pays, for a warning; NULL: none */
    int (*create)(struct reward_model **out, const struct config *cfg, const struct obs_spec *obs,
                  struct onic_err *err);
    /* What a run needs that begins: ONIC_ECONFIG names an option. A model that is only read (`onic
     * play`) is loaded from a checkpoint and needs none of it. NULL: nothing. */
    int (*begins_with)(const struct config *cfg, struct onic_err *err);
    void (*free)(struct reward_model *m);
    /* Once per batch, before anything is asked about it. NULL when not needed. */
    void (*on_batch)(struct reward_model *m, const struct reward_batch *b);
    /* The next question of kind `asks` the model itself wants answered, until it returns 0. NULL:
     * captions that are not known are asked. */
    size_t (*next_question)(struct reward_model *m, char out[QUESTION_MAX]);
    /* A label of kind `asks` arrived; its question is the caption alone, of a pair the whole.
     * Idempotent: the same question again replaces the old label. NULL when !wants_labels. */
    void (*on_label)(struct reward_model *m, const struct label *label);
    /* True when this caption has a label, or is part of a pair that has one. NULL when
     * !wants_labels. */
    bool (*has_label)(const struct reward_model *m, const char *caption, size_t len);
    /* Learns, once per update of the policy and within its schedule (label_schedule.h). NULL when
     * there is nothing to train. */
    void (*train)(struct reward_model *m);
    /* From now on train() leaves what takes long to a thread of the model's own and takes what has
     * come of it: labels count a little later. At most once; NULL when there is nothing to train.
     */
    void (*beside)(struct reward_model *m);
    /* The turn of train(), for whoever keeps it or gives one; NULL when no clock decides. */
    struct train_turn *(*turn)(struct reward_model *m);
    /* Rises whenever scores may have changed. */
    uint64_t (*version)(const struct reward_model *m);
    /* caption_only: scores the distinct captions, out [ncaptions]; the others: scores steps, out
     * [n]. */
    void (*score)(struct reward_model *m, const struct reward_batch *b, float *out);
    /* Numbers for metrics.jsonl ("reward_model/..."); NULL when there are none. */
    void (*report)(const struct reward_model *m,
                   void (*put)(void *ctx, const char *name, double value), void *ctx);
    /* Whole state for the checkpoint, and back; a loaded model scores and trains bit-identically.
     * One of more than REWARD_STATE_MAX bytes makes no checkpoint. */
    void (*save)(const struct reward_model *m, struct buf *out);
    int (*load)(struct reward_model *m, const void *data, size_t len, struct onic_err *err);
    /* Of a model that begins anew because labels were withdrawn: takes of an older state what it
     * needs to ask for the same questions again, which the label store answers where it still can.
     * NULL where captions that are seen are asked about. */
    int (*relearn)(struct reward_model *m, const void *state, size_t len, struct onic_err *err);
};

int reward_model_count(void);
const struct reward_model_type *reward_model_at(int i);
/* ONIC_ECONFIG naming the known models when unknown. */
int reward_model_find(const char *name, const struct reward_model_type **out, struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_REWARD_MODEL_H */
