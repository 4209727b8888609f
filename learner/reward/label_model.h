/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_LABEL_MODEL_H
#define ONIC_LEARNER_REWARD_LABEL_MODEL_H

/* label_model.h - a reward model that pays what the annotator said about the caption, and knows
 * nothing else: `hash` and `similarity` are this with their own rule.
 *
 * Labels are kept in order of arrival and never forgotten; a second label for a caption replaces
 * the first. Abstentions are not labels and are not stored: the caption stays unknown and pays 0.
 * Bounded far above what an annotator can answer in a run, low enough for memory; further captions
 * then stay unknown, which the coverage metric shows.
 *
 * The functions after label_model_create are the model's rows in its reward_model_type
 * (reward_model.h says what each does). Training thread. */

#include "learner/reward/reward_model.h"

struct label_model_rule {
    const char *name;        /* of the model, for sentences; not copied */
    char magic[4];           /* begins its state in a checkpoint */
    enum question_kind kind; /* labels that have a fault for it (label.h) are ignored */
    float above;             /* a label that is not above this pays 0 */
};

struct reward_model *label_model_create(const struct label_model_rule *rule); /* copied */
void label_model_free(struct reward_model *m);                                /* NULL is allowed */

void label_model_on_label(struct reward_model *m, const struct label *label);
bool label_model_has_label(const struct reward_model *m, const char *caption, size_t len);
uint64_t label_model_version(const struct reward_model *m); /* rises when a label changes */
void label_model_score(struct reward_model *m, const struct reward_batch *b, float *out);
void label_model_save(const struct reward_model *m, struct buf *out);
/* ONIC_EDAMAGED, and nothing is changed, when malformed. */
int label_model_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err);

#endif /* ONIC_LEARNER_REWARD_LABEL_MODEL_H */
