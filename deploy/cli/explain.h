/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_EXPLAIN_H
#define ONIC_DEPLOY_CLI_EXPLAIN_H

/* explain.h - why a caption is paid: by its label, or by a model that was trained on labels, from
 * the reward model and the run's label store. */

#include "common/base/buf.h"
#include "learner/reward/mix.h"

struct explain;

/* What a reward model goes by, from what it declares about itself. */
enum explain_basis {
    EXPLAIN_LABEL,       /* the label of a caption is its score */
    EXPLAIN_MODEL,       /* trained, it scores every caption, labelled or not */
    EXPLAIN_OBSERVATION, /* what is seen: no language is involved */
    EXPLAIN_NOTHING      /* it pays nothing */
};
enum explain_basis explain_basis(const struct reward_model_type *type);
/* "label", "model", "observation", "nothing". */
const char *explain_basis_name(enum explain_basis basis);
/* For a model that does not read captions, why no label explains what it pays. */
const char *explain_without_language(enum explain_basis basis);

/* What the label of one caption is to a trained model. */
const char *explain_labels_role(const struct reward_model_type *type, bool labelled);

/* A label as the store has it, seen from one caption: of a pair each caption has its own view. */
struct explain_label {
    struct label label; /* without its question */
    enum question_kind kind;
    char *other; /* of a pair, the other caption [other_len]; owned by the explain */
    size_t other_len;
    int place;       /* of a pair, where this caption stood in the question: 1 or 2 */
    char order[128]; /* "llm>rules" where annotator.fallback was declared, else "" */
    char model[64], goal[64], goal_version[40], parameters[128];
    int vote;
    char *raw;    /* private: the memory of the label's raw */
    size_t older; /* private */
};

/* Opens the label store of a run for reading; labels_path: the option, "" = the run's own. Never
 * fails: without a store explain_caption says so.
 */
struct explain *explain_open(const char *run_or_checkpoint, const char *labels_path);
void explain_close(struct explain *x); /* NULL is allowed */

/* The newest label of a caption, of the kind that this model asks for (any kind, where it asks for
 * none) and of this goal version unless it is ""; an abstention only where there is no answer,
 * since models learn nothing of it. NULL = none. Borrowed. *count (may be NULL): answers there are.
 */
const struct explain_label *explain_find(const struct explain *x,
                                         const struct reward_model_type *type, const char *caption,
                                         size_t len, const char *goal_version, int *count);
/* Of an answered pair: "won", "lost" or "tie", as the caption that was looked up fared. Else NULL.
 */
const char *explain_side(const struct explain_label *k);
/* ,"other":...,"place":...,"side":... of a pair's label (interface.md section 7); nothing of
 * others. */
void explain_pair_json(const struct explain_label *k, struct buf *out);

/* One line: "label 1 (confidence 0.93) by embedding, goal KeyCorridor, label id 57: ...", "score
 * 0.8 decided by reward model ranking; won against ...", "no label yet: pays nothing". Blank
 * without a caption, unless the model does not read captions. */
void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out);

#endif /* ONIC_DEPLOY_CLI_EXPLAIN_H */
