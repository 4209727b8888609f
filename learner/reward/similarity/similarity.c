/* SPDX-License-Identifier: MIT */
/* similarity.c - the closeness of a message to the goal is the reward itself (ELLM, arXiv
 * 2302.06692): g = cosine where it is above reward.epsilon, else 0.
 *
 * No question is answered and nothing is trained: the annotator only measures. Its score of a
 * caption never changes, so a table is all there is (label_model.c). */
#include "learner/reward/label_model.h"

static int similarity_create(struct reward_model **out, const struct config *cfg,
                             const struct obs_spec *obs, struct onic_err *err)
{
    const struct label_model_rule rule = {.name = "similarity",
                                          .magic = "SIM1",
                                          .kind = QUESTION_SCORE,
                                          .above = (float)cfg->reward_epsilon};
    (void)obs;
    (void)err;
    *out = label_model_create(&rule);
    return ONIC_OK;
}

const struct reward_model_type reward_model_similarity = {
    .name = "similarity",
    .summary = "cosine of the caption to the goal, as the annotator measures it (ELLM)",
    .traits = {.caption_only = true, .wants_labels = true, .asks = QUESTION_SCORE},
    .pays_by = "reward.epsilon and annotator.goal",
    .create = similarity_create,
    .free = label_model_free,
    .on_label = label_model_on_label,
    .has_label = label_model_has_label,
    .version = label_model_version,
    .score = label_model_score,
    .save = label_model_save,
    .load = label_model_load,
};
