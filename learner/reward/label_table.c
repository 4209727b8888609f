/* SPDX-License-Identifier: MIT */
/* label_table.c - see label_table.h. State, little-endian: u64 version, u64 count, then per label:
 * u64 id, f32 label, f32 confidence, u16 length, caption. */
#include "learner/reward/label_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { ENTRIES_MAX = 1 << 22, CAPTION_MAX = 4096, HEAD_BYTES = 16, ENTRY_BYTES = 18 };

struct entry {
    uint64_t id;
    float label, confidence;
};

struct label_table {
    struct strmap *index; /* caption -> position in entry; same order */
    struct entry *entry;
    size_t count, cap;
    uint64_t version;
    float low, high;
};

struct label_table *label_table_create(float low, float high)
{
    struct label_table *t = xcalloc(1, sizeof *t);
    t->index = strmap_create(4096);
    t->low = low;
    t->high = high;
    return t;
}

void label_table_free(struct label_table *t)
{
    if (!t)
        return;
    strmap_free(t->index);
    free(t->entry);
    free(t);
}

static void put(struct label_table *t, const char *caption, size_t len, struct entry e)
{
    bool inserted;
    uint64_t *slot = strmap_put(t->index, caption, len, &inserted);
    if (inserted) {
        if (t->count == t->cap) {
            t->cap = t->cap ? t->cap * 2 : 1024;
            t->entry = xrealloc(t->entry, t->cap * sizeof *t->entry);
        }
        *slot = t->count++;
    }
    t->entry[*slot] = e;
}

static bool valid(const struct label_table *t, float label, float confidence, size_t len)
{
    return isfinite(label) && label >= t->low && label <= t->high && isfinite(confidence) &&
           len > 0 && len <= CAPTION_MAX;
}

void label_table_observe(struct label_table *t, const struct annot_label *label)
{
    if (label->state != ANNOT_LABEL ||
        !valid(t, label->label, label->confidence, label->caption_len))
        return;
    const uint64_t *slot = strmap_get(t->index, label->caption, label->caption_len);
    if (!slot && t->count == ENTRIES_MAX)
        return;
    /* Only a change of a score raises the version, so that repeated deliveries keep the memo warm.
     */
    float before = slot ? t->entry[*slot].label : 0.0f;
    put(t, label->caption, label->caption_len,
        (struct entry){.id = label->id, .label = label->label, .confidence = label->confidence});
    if (before != label->label) /* exact: the same number arrived or another one */
        t->version++;
}

bool label_table_knows(const struct label_table *t, const char *caption, size_t len)
{
    return strmap_get(t->index, caption, len) != NULL;
}

float label_table_label(const struct label_table *t, const char *caption, size_t len)
{
    const uint64_t *slot = strmap_get(t->index, caption, len);
    return slot ? t->entry[*slot].label : 0.0f;
}

uint64_t label_table_version(const struct label_table *t)
{
    return t->version;
}

void label_table_save(const struct label_table *t, struct buf *out)
{
    uint64_t count = t->count;
    buf_append(out, &t->version, 8);
    buf_append(out, &count, 8);
    size_t it = 0, len;
    const char *caption;
    uint64_t at;
    while (strmap_next(t->index, &it, &caption, &len, &at)) {
        const struct entry *e = &t->entry[at];
        uint16_t len16 = (uint16_t)len;
        buf_append(out, &e->id, 8);
        buf_append(out, &e->label, 4);
        buf_append(out, &e->confidence, 4);
        buf_append(out, &len16, 2);
        buf_append(out, caption, len);
    }
}

/* Walks the entries; fill false only checks. Returns false when malformed. */
static bool walk(struct label_table *t, const char *p, size_t len, uint64_t count, bool fill)
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
        if (caption_len > len || !valid(t, e.label, e.confidence, caption_len))
            return false;
        if (fill)
            put(t, p, caption_len, e);
        p += caption_len;
        len -= caption_len;
    }
    return len == 0;
}

bool label_table_load(struct label_table *t, const void *data, size_t len)
{
    const char *p = data;
    uint64_t version, count;
    if (len < HEAD_BYTES)
        return false;
    memcpy(&version, p, 8);
    memcpy(&count, p + 8, 8);
    p += HEAD_BYTES;
    len -= HEAD_BYTES;
    if (count > ENTRIES_MAX || !walk(t, p, len, count, false))
        return false;
    strmap_clear(t->index);
    t->count = 0;
    walk(t, p, len, count, true);
    t->version = version;
    return true;
}
