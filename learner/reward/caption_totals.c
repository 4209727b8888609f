/* SPDX-License-Identifier: MIT */
/* caption_totals.c - heavy hitters with a purge of half the table; see caption_totals.h.
 *
 * When the table is full, the value c of the entry in the middle is taken from all entries and what
 * is left with nothing goes. At least half of the table had c or more and lost it, so the sum of
 * all c ever taken is at most total / (entries / 2). A purge costs a sort and frees at least half
 * of the table, so an addition costs a hash look-up on average. */
#include "learner/reward/caption_totals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { TEXT_MAX = BOUND_CAPTION, MAGIC = 0x31444150 }; /* "PAD1" */

struct entry {
    double sum;
    uint64_t steps;
    uint16_t len;
    char text[TEXT_MAX];
};

struct caption_totals {
    double total, missing;
    int count;
    struct strmap *index; /* caption -> position in entry */
    struct entry *entry;  /* [CAPTION_TOTALS_MAX] */
    double *order;        /* [CAPTION_TOTALS_MAX] scratch of a purge */
};

struct caption_totals *caption_totals_create(void)
{
    struct caption_totals *p = xcalloc(1, sizeof *p);
    p->index = strmap_create(CAPTION_TOTALS_MAX);
    p->entry = xcalloc(CAPTION_TOTALS_MAX, sizeof *p->entry);
    p->order = xcalloc(CAPTION_TOTALS_MAX, sizeof *p->order);
    return p;
}

void caption_totals_free(struct caption_totals *p)
{
    if (!p)
        return;
    strmap_free(p->index);
    free(p->entry);
    free(p->order);
    free(p);
}

static int falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void purge(struct caption_totals *p)
{
    for (int i = 0; i < p->count; i++)
        p->order[i] = p->entry[i].sum;
    qsort(p->order, (size_t)p->count, sizeof *p->order, falling);
    double cut = p->order[CAPTION_TOTALS_MAX / 2 - 1];
    int kept = 0;
    strmap_clear(p->index);
    for (int i = 0; i < p->count; i++) {
        struct entry *e = &p->entry[i];
        e->sum -= cut;
        if (e->sum <= 0.0)
            continue;
        p->entry[kept] = *e;
        *strmap_put(p->index, e->text, e->len, NULL) = (uint64_t)kept++;
    }
    p->count = kept;
    p->missing += cut;
}

void caption_totals_add(struct caption_totals *p, const char *caption, size_t len, double sum,
                        uint64_t steps)
{
    if (len == 0 || len > TEXT_MAX || !isfinite(sum) || sum <= 0.0)
        return;
    p->total += sum;
    uint64_t *at = strmap_get(p->index, caption, len);
    if (!at) {
        if (p->count == CAPTION_TOTALS_MAX)
            purge(p);
        struct entry *e = &p->entry[p->count];
        *e = (struct entry){.len = (uint16_t)len};
        memcpy(e->text, caption, len);
        at = strmap_put(p->index, caption, len, NULL);
        *at = (uint64_t)p->count++;
    }
    p->entry[*at].sum += sum;
    p->entry[*at].steps += steps;
}

struct ranked {
    double sum;
    int place;
};

static int by_sum(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int order = (x->sum < y->sum) - (x->sum > y->sum);
    return order ? order : x->place - y->place; /* equal sums: the older one first */
}

int caption_totals_top(const struct caption_totals *p, struct caption_total *out, int n)
{
    struct ranked *r = xcalloc((size_t)p->count + 1, sizeof *r);
    for (int i = 0; i < p->count; i++)
        r[i] = (struct ranked){p->entry[i].sum, i};
    qsort(r, (size_t)p->count, sizeof *r, by_sum);
    n = n < p->count ? n : p->count;
    for (int i = 0; i < n; i++) {
        const struct entry *e = &p->entry[r[i].place];
        out[i] = (struct caption_total){
            .caption = e->text, .len = e->len, .sum = e->sum, .steps = e->steps};
    }
    free(r);
    return n;
}

double caption_totals_total(const struct caption_totals *p)
{
    return p->total;
}

double caption_totals_missing(const struct caption_totals *p)
{
    return p->missing;
}

/* --- checkpoint ------------------------------------------------------------------------------ */

struct saved_head {
    uint32_t magic, count;
    double total, missing;
};

struct saved_entry { /* the caption's bytes follow */
    double sum;
    uint64_t steps, len;
};

void caption_totals_save(const struct caption_totals *p, struct buf *out)
{
    struct saved_head head = {MAGIC, (uint32_t)p->count, p->total, p->missing};
    buf_append(out, &head, sizeof head);
    for (int i = 0; i < p->count; i++) {
        const struct entry *e = &p->entry[i];
        struct saved_entry s = {e->sum, e->steps, e->len};
        buf_append(out, &s, sizeof s);
        buf_append(out, e->text, e->len);
    }
}

static bool load_entries(struct caption_totals *p, const char *at, const char *end, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct saved_entry s;
        struct entry *e = &p->entry[i];
        if ((size_t)(end - at) < sizeof s)
            return false;
        memcpy(&s, at, sizeof s);
        at += sizeof s;
        if (s.len == 0 || s.len > TEXT_MAX || (size_t)(end - at) < s.len || !isfinite(s.sum) ||
            s.sum <= 0.0 || strmap_get(p->index, at, s.len))
            return false;
        *e = (struct entry){.sum = s.sum, .steps = s.steps, .len = (uint16_t)s.len};
        memcpy(e->text, at, s.len);
        at += s.len;
        *strmap_put(p->index, e->text, e->len, NULL) = i;
        p->count++;
    }
    return at == end;
}

int caption_totals_load(struct caption_totals *p, const void *data, size_t len,
                        struct onic_err *err)
{
    struct saved_head head = {0};
    strmap_clear(p->index);
    p->count = 0;
    p->total = p->missing = 0.0;
    if (len >= sizeof head)
        memcpy(&head, data, sizeof head);
    if (head.magic != MAGIC || head.count > CAPTION_TOTALS_MAX || !isfinite(head.total) ||
        !isfinite(head.missing) ||
        !load_entries(p, (const char *)data + sizeof head, (const char *)data + len, head.count)) {
        strmap_clear(p->index);
        p->count = 0;
        return err_set(err, ONIC_EDAMAGED, "the account of paid captions is damaged");
    }
    p->total = head.total;
    p->missing = head.missing;
    return ONIC_OK;
}
