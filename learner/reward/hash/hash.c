/* SPDX-License-Identifier: MIT */
/* hash.c - ONI-retrieval: a table from caption to label; a caption without a label scores 0 (arXiv
 * 2410.23022, section 3).
 *
 * The plainest way to use an annotator: what it said about a caption is the reward of that caption,
 * from the moment the answer arrives. It generalises to nothing, needs no training and can be
 * explained line by line, so it is the default.
 *
 * State in a checkpoint: "HSH1", then label_table.c's. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "learner/reward/label_table.h"
#include "learner/reward/reward_model.h"

static const char MAGIC[4] = "HSH1";

struct reward_model {
    struct label_table *table;
};

static int hash_create(struct reward_model **out, const struct config *cfg,
                       const struct obs_spec *obs, struct onic_err *err)
{
    (void)cfg;
    (void)obs;
    (void)err;
    *out = xcalloc(1, sizeof **out);
    (*out)->table = label_table_create(0, 1);
    return ONIC_OK;
}

static void hash_free(struct reward_model *m)
{
    if (!m)
        return;
    label_table_free(m->table);
    free(m);
}

static void hash_observe(struct reward_model *m, const struct annot_label *label)
{
    label_table_observe(m->table, label);
}

static bool hash_knows(const struct reward_model *m, const char *caption, size_t len)
{
    return label_table_knows(m->table, caption, len);
}

static uint64_t hash_version(const struct reward_model *m)
{
    return label_table_version(m->table);
}

static void hash_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    for (int i = 0; i < b->ncaptions; i++)
        out[i] = label_table_label(m->table, b->caption_text[i], b->caption_len[i]);
}

static void hash_save(const struct reward_model *m, struct buf *out)
{
    buf_append(out, MAGIC, sizeof MAGIC);
    label_table_save(m->table, out);
}

static int hash_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    if (len < sizeof MAGIC || memcmp(p, MAGIC, sizeof MAGIC) != 0 ||
        !label_table_load(m->table, p + sizeof MAGIC, len - sizeof MAGIC))
        return err_set(err, ONIC_EDAMAGED,
                       "the label table of reward model hash is malformed (%zu bytes)", len);
    return ONIC_OK;
}

const struct reward_model_type reward_model_hash = {
    .name = "hash",
    .summary = "the annotator's label of the caption, 0 while it has none (ONI-retrieval)",
    .traits = {.caption_only = true, .wants_labels = true},
    .create = hash_create,
    .free = hash_free,
    .observe = hash_observe,
    .knows = hash_knows,
    .version = hash_version,
    .score = hash_score,
    .save = hash_save,
    .load = hash_load,
};
