/* SPDX-License-Identifier: MIT */
/* hash.c - ONI-retrieval: a table from caption to label; a caption without a label scores 0 (arXiv
 * 2410.23022, section 3).
 *
 * The plainest way to use an annotator: what it said about a caption is the reward of that caption,
 * from the moment the answer arrives. It generalises to nothing, needs no training and can be
 * explained line by line, so it is the default. All of it is label_model.c. */
#include "learner/reward/label_model.h"

static int hash_create(struct reward_model **out, const struct config *cfg,
                       const struct obs_spec *obs, struct onic_err *err)
{
    static const struct label_model_rule rule = {
        .name = "hash", .magic = "HSH1", .kind = QUESTION_CLASS, .above = 0};
    (void)cfg;
    (void)obs;
    (void)err;
    *out = label_model_create(&rule);
    return ONIC_OK;
}

const struct reward_model_type reward_model_hash = {
    .name = "hash",
    .summary = "the annotator's label of the caption, 0 while it has none (ONI-retrieval)",
    .traits = {.caption_only = true, .wants_labels = true},
    .pays_by = "annotator.goal",
    .create = hash_create,
    .free = label_model_free,
    .on_label = label_model_on_label,
    .has_label = label_model_has_label,
    .version = label_model_version,
    .score = label_model_score,
    .save = label_model_save,
    .load = label_model_load,
};
