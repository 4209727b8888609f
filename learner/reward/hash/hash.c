/* SPDX-License-Identifier: MIT */
/* hash.c - ONI-retrieval: a table from caption to label; a caption without a label scores 0 (arXiv
 * 2410.23022, section 3).
 *
 * The plainest way to use an annotator: what it said about a caption is the reward of that caption,
 * from the moment the answer arrives. It generalises to nothing, needs no training and can be
 * explained line by line, so it is the default. Labels are kept in order of arrival and never
 * forgotten; a second label for a caption replaces the first. Abstentions are not labels and are
 * not stored: the caption stays unknown.
 *
 * The table is bounded (ENTRIES_MAX): far above what an annotator can answer in a run, low enough
 * for memory. Further captions then stay unknown, which the coverage metric shows.
 *
 * State in a checkpoint, little-endian: "HSH1", u64 version, u64 count, then per label: u64 id, f32
 * label, f32 confidence, u16 length, caption. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "learner/reward/reward_model.h"

enum { ENTRIES_MAX = 1 << 22, CAPTION_MAX = 4096, HEAD_BYTES = 20, ENTRY_BYTES = 18 };
static const char MAGIC[4] = "HSH1";

struct entry {
    uint64_t id;
    float label, confidence;
};

struct reward_model {
    struct strmap *index; /* caption -> position in entry; same order */
    struct entry *entry;
    size_t count, cap;
    uint64_t version;
};

static int hash_create(struct reward_model **out, const struct config *cfg,
                       const struct obs_spec *obs, struct onic_err *err)
{
    (void)cfg;
    (void)obs;
    (void)err;
    *out = xcalloc(1, sizeof **out);
    (*out)->index = strmap_create(4096);
    return ONIC_OK;
}

static void hash_free(struct reward_model *m)
{
    if (!m)
        return;
    strmap_free(m->index);
    free(m->entry);
    free(m);
}

static void put(struct reward_model *m, const char *caption, size_t len, struct entry e)
{
    bool inserted;
    uint64_t *slot = strmap_put(m->index, caption, len, &inserted);
    if (inserted) {
        if (m->count == m->cap) {
            m->cap = m->cap ? m->cap * 2 : 1024;
            m->entry = xrealloc(m->entry, m->cap * sizeof *m->entry);
        }
        *slot = m->count++;
    }
    m->entry[*slot] = e;
}

static bool valid(float label, float confidence, size_t len)
{
    return isfinite(label) && label >= 0 && label <= 1 && isfinite(confidence) && len > 0 &&
           len <= CAPTION_MAX;
}

static void hash_observe(struct reward_model *m, const struct annot_label *label)
{
    if (label->state != ANNOT_LABEL || !valid(label->label, label->confidence, label->caption_len))
        return;
    const uint64_t *slot = strmap_get(m->index, label->caption, label->caption_len);
    if (!slot && m->count == ENTRIES_MAX)
        return;
    /* Only a change of a score raises the version, so that repeated deliveries keep the memo warm.
     */
    float before = slot ? m->entry[*slot].label : 0.0f;
    put(m, label->caption, label->caption_len,
        (struct entry){.id = label->id, .label = label->label, .confidence = label->confidence});
    if (before != label->label) /* exact: the same number arrived or another one */
        m->version++;
}

static bool hash_knows(const struct reward_model *m, const char *caption, size_t len)
{
    return strmap_get(m->index, caption, len) != NULL;
}

static uint64_t hash_version(const struct reward_model *m)
{
    return m->version;
}

static void hash_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    for (int i = 0; i < b->ncaptions; i++) {
        const uint64_t *slot = strmap_get(m->index, b->caption_text[i], b->caption_len[i]);
        out[i] = slot ? m->entry[*slot].label : 0.0f;
    }
}

static void hash_save(const struct reward_model *m, struct buf *out)
{
    uint64_t count = m->count;
    buf_append(out, MAGIC, sizeof MAGIC);
    buf_append(out, &m->version, 8);
    buf_append(out, &count, 8);
    size_t it = 0, len;
    const char *caption;
    uint64_t at;
    while (strmap_next(m->index, &it, &caption, &len, &at)) {
        const struct entry *e = &m->entry[at];
        uint16_t len16 = (uint16_t)len;
        buf_append(out, &e->id, 8);
        buf_append(out, &e->label, 4);
        buf_append(out, &e->confidence, 4);
        buf_append(out, &len16, 2);
        buf_append(out, caption, len);
    }
}

/* Walks the entries; m NULL only checks. Returns false when malformed. */
static bool walk(struct reward_model *m, const char *p, size_t len, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct entry e = {0};
        uint16_t caption_len = 0;
        if (len < ENTRY_BYTES)
            return false;
        memcpy(&e.id, p, 8);
        memcpy(&e.label, p + 8, 4);
        memcpy(&e.confidence, p + 12, 4);
        memcpy(&caption_len, p + 16, 2);
        p += ENTRY_BYTES;
        len -= ENTRY_BYTES;
        if (caption_len > len || !valid(e.label, e.confidence, caption_len))
            return false;
        if (m)
            put(m, p, caption_len, e);
        p += caption_len;
        len -= caption_len;
    }
    return len == 0;
}

static int hash_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    uint64_t version = 0, count = 0;
    bool ok = len >= HEAD_BYTES && memcmp(p, MAGIC, sizeof MAGIC) == 0;
    if (ok) {
        memcpy(&version, p + 4, 8);
        memcpy(&count, p + 12, 8);
        ok = count <= ENTRIES_MAX && walk(NULL, p + HEAD_BYTES, len - HEAD_BYTES, count);
    }
    if (!ok)
        return err_set(err, ONIC_EDAMAGED,
                       "the label table of reward model hash is malformed (%zu bytes)", len);
    strmap_clear(m->index);
    m->count = 0;
    walk(m, p + HEAD_BYTES, len - HEAD_BYTES, count);
    m->version = version;
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
