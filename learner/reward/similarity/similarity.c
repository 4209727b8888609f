/* SPDX-License-Identifier: MIT */
/* similarity.c - the closeness of a message to the goal is the reward itself (ELLM, arXiv
 * 2302.06692; oni-spec.md 2.6): g = cosine where it is above reward.epsilon, else 0.
 *
 * No question is answered and nothing is trained: the annotator only measures. Its score of a
 * caption never changes, so a table is all there is.
 *
 * State in a checkpoint: "SIM1", then label_table.c's. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "learner/reward/label_table.h"
#include "learner/reward/reward_model.h"

static const char MAGIC[4] = "SIM1";

struct reward_model {
    struct label_table *table;
    float epsilon;
};

static int similarity_create(struct reward_model **out, const struct config *cfg,
                             const struct obs_spec *obs, struct onic_err *err)
{
    (void)obs;
    (void)err;
    *out = xcalloc(1, sizeof **out);
    (*out)->table = label_table_create(-1, 1);
    (*out)->epsilon = (float)cfg->reward_epsilon;
    return ONIC_OK;
}

static void similarity_free(struct reward_model *m)
{
    if (!m)
        return;
    label_table_free(m->table);
    free(m);
}

static void similarity_observe(struct reward_model *m, const struct annot_label *label)
{
    label_table_observe(m->table, label);
}

static bool similarity_knows(const struct reward_model *m, const char *caption, size_t len)
{
    return label_table_knows(m->table, caption, len);
}

static uint64_t similarity_version(const struct reward_model *m)
{
    return label_table_version(m->table);
}

static void similarity_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    for (int i = 0; i < b->ncaptions; i++) {
        float cosine = label_table_label(m->table, b->caption_text[i], b->caption_len[i]);
        out[i] = cosine > m->epsilon ? cosine : 0.0f;
    }
}

static void similarity_save(const struct reward_model *m, struct buf *out)
{
    buf_append(out, MAGIC, sizeof MAGIC);
    label_table_save(m->table, out);
}

static int similarity_load(struct reward_model *m, const void *data, size_t len,
                           struct onic_err *err)
{
    const char *p = data;
    if (len < sizeof MAGIC || memcmp(p, MAGIC, sizeof MAGIC) != 0 ||
        !label_table_load(m->table, p + sizeof MAGIC, len - sizeof MAGIC))
        return err_set(err, ONIC_EDAMAGED,
                       "the label table of reward model similarity is malformed (%zu bytes)", len);
    return ONIC_OK;
}

const struct reward_model_type reward_model_similarity = {
    .name = "similarity",
    .summary = "cosine of the caption to the goal, as the annotator measures it (ELLM)",
    .traits = {.caption_only = true, .wants_labels = true, .asks = QUESTION_SCORE},
    .create = similarity_create,
    .free = similarity_free,
    .observe = similarity_observe,
    .knows = similarity_knows,
    .version = similarity_version,
    .score = similarity_score,
    .save = similarity_save,
    .load = similarity_load,
};
