/* SPDX-License-Identifier: MIT */
/* label_model.c - see label_model.h. State in a checkpoint, little-endian: magic, u64 version, u64
 * count, then per label: u64 id, f32 label, f32 confidence, u16 length, caption. */
#include "learner/reward/label_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "learner/reward/label_limit.h"

enum { ENTRIES_MAX = 1 << 22, HEAD_BYTES = 4 + 8 + 8, ENTRY_BYTES = 18 };

struct entry {
    uint64_t id;
    float label, confidence;
};

struct reward_model {
    struct label_model_rule rule;
    struct strmap *index; /* caption -> position in entry; same order */
    struct entry *entry;
    size_t count, cap;
    uint64_t version;
    bool said_full;
};

struct reward_model *label_model_create(const struct label_model_rule *rule)
{
    struct reward_model *m = xcalloc(1, sizeof *m);
    m->rule = *rule;
    m->index = strmap_create(4096);
    return m;
}

void label_model_free(struct reward_model *m)
{
    if (!m)
        return;
    strmap_free(m->index);
    free(m->entry);
    free(m);
}

static void label_model_put(struct reward_model *m, const char *caption, size_t len, struct entry e)
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

static bool label_model_takes(const struct reward_model *m, const struct label *l)
{
    return l->state == LABEL_ANSWERED && !label_fault(l, m->rule.kind) &&
           question_is_caption(l->question, l->question_len);
}

void label_model_on_label(struct reward_model *m, const struct label *label)
{
    float value = (float)label->value, confidence = (float)label->confidence;
    if (!label_model_takes(m, label))
        return;
    const uint64_t *slot = strmap_get(m->index, label->question, label->question_len);
    if (!slot && m->count == ENTRIES_MAX) {
        label_limit_reached(&m->said_full, m->count);
        return;
    }
    /* Only a change of a score raises the version, so that repeated deliveries keep the memo warm.
     */
    float before = slot ? m->entry[*slot].label : 0.0f;
    label_model_put(m, label->question, label->question_len,
                    (struct entry){.id = label->id, .label = value, .confidence = confidence});
    if (before != value) /* exact: the same number arrived or another one */
        m->version++;
}

bool label_model_has_label(const struct reward_model *m, const char *caption, size_t len)
{
    return strmap_get(m->index, caption, len) != NULL;
}

uint64_t label_model_version(const struct reward_model *m)
{
    return m->version;
}

void label_model_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    for (int i = 0; i < b->ncaptions; i++) {
        const uint64_t *slot = strmap_get(m->index, b->caption_text[i], b->caption_len[i]);
        float label = slot ? m->entry[*slot].label : 0.0f;
        out[i] = label > m->rule.above ? label : 0.0f;
    }
}

void label_model_save(const struct reward_model *m, struct buf *out)
{
    uint64_t count = m->count;
    buf_append(out, m->rule.magic, sizeof m->rule.magic);
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

/* Walks the entries; fill false only checks. Returns false when malformed. */
static bool label_model_walk(struct reward_model *m, const char *p, size_t len, uint64_t count,
                             bool fill)
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
        e.confidence = fminf(fmaxf(e.confidence, 0.0f), 1.0f); /* imports of 0.1 took any */
        const struct label l = {.state = LABEL_ANSWERED,
                                .value = (double)e.label,
                                .confidence = (double)e.confidence,
                                .question = p,
                                .question_len = caption_len};
        if (caption_len > len || !label_model_takes(m, &l))
            return false;
        if (fill)
            label_model_put(m, p, caption_len, e);
        p += caption_len;
        len -= caption_len;
    }
    return len == 0;
}

int label_model_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    const char *p = data;
    uint64_t version = 0, count = 0;
    bool fine = len >= HEAD_BYTES && memcmp(p, m->rule.magic, sizeof m->rule.magic) == 0;
    if (fine) {
        memcpy(&version, p + 4, 8);
        memcpy(&count, p + 12, 8);
    }
    if (!fine || count > ENTRIES_MAX ||
        !label_model_walk(m, p + HEAD_BYTES, len - HEAD_BYTES, count, false))
        return err_set(err, ONIC_EDAMAGED,
                       "the label table of reward model %s is malformed (%zu bytes)", m->rule.name,
                       len);
    strmap_clear(m->index);
    m->count = 0;
    label_model_walk(m, p + HEAD_BYTES, len - HEAD_BYTES, count, true);
    m->version = version;
    return ONIC_OK;
}
