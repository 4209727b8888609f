/* SPDX-License-Identifier: MIT */
/* pair_data.c - see pair_data.h. State: per pair f32 label, u16 length, question. */
#include "learner/reward/ranking/pair_data.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "learner/reward/heldout.h"
#include "learner/reward/label_limit.h"

enum { ENTRY_BYTES = 6 };

struct caption {
    size_t text; /* offset in the pool */
    uint16_t len;
};

struct pair_data {
    double holdout;
    struct strmap *caption_index, *pair_index; /* caption -> number; question -> pair */
    struct caption *caption;
    struct labelled_pair *pair;
    uint32_t *trained, *held; /* numbers of pairs */
    char *pool;
    size_t ncaptions, captions_cap, npairs, pairs_cap, ntrained, nheld, pool_len, pool_cap;
    bool said_full;
};

struct pair_data *pair_data_create(double holdout)
{
    struct pair_data *d = xcalloc(1, sizeof *d);
    d->holdout = holdout;
    d->caption_index = strmap_create(1024);
    d->pair_index = strmap_create(4096);
    return d;
}

void pair_data_free(struct pair_data *d)
{
    if (!d)
        return;
    strmap_free(d->caption_index);
    strmap_free(d->pair_index);
    free(d->caption);
    free(d->pair);
    free(d->trained);
    free(d->held);
    free(d->pool);
    free(d);
}

void pair_data_clear(struct pair_data *d)
{
    strmap_clear(d->caption_index);
    strmap_clear(d->pair_index);
    d->ncaptions = d->npairs = d->ntrained = d->nheld = d->pool_len = 0;
}

static uint32_t caption_number(struct pair_data *d, const char *text, size_t len)
{
    bool inserted;
    uint64_t *slot = strmap_put(d->caption_index, text, len, &inserted);
    if (!inserted)
        return (uint32_t)*slot;
    if (d->ncaptions == d->captions_cap) {
        d->captions_cap = d->captions_cap ? 2 * d->captions_cap : 1024;
        d->caption = xrealloc(d->caption, d->captions_cap * sizeof *d->caption);
    }
    if (d->pool_len + len > d->pool_cap) {
        d->pool_cap = 2 * (d->pool_cap + len) + 65536;
        d->pool = xrealloc(d->pool, d->pool_cap);
    }
    memcpy(d->pool + d->pool_len, text, len);
    d->caption[d->ncaptions] = (struct caption){d->pool_len, (uint16_t)len};
    d->pool_len += len;
    *slot = d->ncaptions;
    return (uint32_t)d->ncaptions++;
}

static void add_pair(struct pair_data *d, const struct question *q, float label)
{
    if (d->npairs == d->pairs_cap) {
        d->pairs_cap = d->pairs_cap ? 2 * d->pairs_cap : 1024;
        d->pair = xrealloc(d->pair, d->pairs_cap * sizeof *d->pair);
        d->trained = xrealloc(d->trained, d->pairs_cap * sizeof *d->trained);
        d->held = xrealloc(d->held, d->pairs_cap * sizeof *d->held);
    }
    uint32_t at = (uint32_t)d->npairs++;
    d->pair[at] = (struct labelled_pair){.a = caption_number(d, q->caption, q->len),
                                         .b = caption_number(d, q->caption_b, q->len_b),
                                         .label = label};
    if (heldout_caption(q->caption, q->len, d->holdout) ||
        heldout_caption(q->caption_b, q->len_b, d->holdout))
        d->held[d->nheld++] = at;
    else
        d->trained[d->ntrained++] = at;
}

bool pair_data_put(struct pair_data *d, const char *question, size_t len, float label)
{
    struct question q;
    if (!question_split(question, len, &q) || q.kind != QUESTION_PAIR ||
        !question_label_fits(q.kind, (double)label))
        return false;
    uint64_t *known = strmap_get(d->pair_index, question, len);
    if (known) {
        bool changed = d->pair[*known].label != label;
        d->pair[*known].label = label;
        return changed;
    }
    if (d->npairs == PAIR_DATA_MAX || d->ncaptions >= PAIR_DATA_MAX - 1) {
        label_limit_reached(&d->said_full, d->npairs);
        return false;
    }
    *strmap_put(d->pair_index, question, len, NULL) = d->npairs;
    add_pair(d, &q, label);
    return true;
}

bool pair_data_knows(const struct pair_data *d, const char *caption, size_t len)
{
    return strmap_get(d->caption_index, caption, len) != NULL;
}

size_t pair_data_captions(const struct pair_data *d)
{
    return d->ncaptions;
}

size_t pair_data_count(const struct pair_data *d)
{
    return d->npairs;
}

size_t pair_data_trained(const struct pair_data *d)
{
    return d->ntrained;
}

size_t pair_data_held(const struct pair_data *d)
{
    return d->nheld;
}

const struct labelled_pair *pair_data_trained_at(const struct pair_data *d, size_t i)
{
    return &d->pair[d->trained[i]];
}

const struct labelled_pair *pair_data_held_at(const struct pair_data *d, size_t i)
{
    return &d->pair[d->held[i]];
}

const char *pair_data_caption(const struct pair_data *d, uint32_t number, uint16_t *len)
{
    *len = d->caption[number].len;
    return d->pool + d->caption[number].text;
}

void pair_data_save(const struct pair_data *d, struct buf *out)
{
    for (size_t i = 0; i < d->npairs; i++) {
        const struct labelled_pair *p = &d->pair[i];
        char question[QUESTION_MAX];
        const struct caption *a = &d->caption[p->a], *b = &d->caption[p->b];
        uint16_t len =
            (uint16_t)question_pair(question, d->pool + a->text, a->len, d->pool + b->text, b->len);
        buf_append(out, &p->label, 4);
        buf_append(out, &len, 2);
        buf_append(out, question, len);
    }
}

bool pair_data_load(struct pair_data *d, const char *p, size_t len, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        float label;
        uint16_t n;
        struct question q;
        if (len < ENTRY_BYTES)
            return false;
        memcpy(&label, p, 4);
        memcpy(&n, p + 4, 2);
        p += ENTRY_BYTES;
        len -= ENTRY_BYTES;
        if (n > len || !question_split(p, n, &q) || q.kind != QUESTION_PAIR ||
            !question_label_fits(q.kind, (double)label))
            return false;
        if (d)
            pair_data_put(d, p, n, label);
        p += n;
        len -= n;
    }
    return len == 0;
}
