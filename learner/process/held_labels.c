/* SPDX-License-Identifier: MIT */
/* held_labels.c - see held_labels.h. */
#include "learner/process/held_labels.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

static bool was_asked(const struct strmap *asked, const struct held_label *l)
{
    return asked && strmap_get(asked, l->question, l->label.question_len);
}

static int compare_arrivals(const void *x, const void *y)
{
    const uint64_t *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* Where the newest HELD_LABELS_MAX of those that nobody asked for begin. */
static uint64_t first_kept(const struct held_labels *h, const struct strmap *asked)
{
    uint64_t *came = xcalloc((size_t)h->count, sizeof *came), first = 0;
    int n = 0;
    for (int i = 0; i < h->count; i++)
        if (!was_asked(asked, &h->label[i]))
            came[n++] = h->label[i].came;
    qsort(came, (size_t)n, sizeof *came, compare_arrivals);
    if (n > HELD_LABELS_MAX)
        first = came[n - HELD_LABELS_MAX];
    free(came);
    return first;
}

static void drop_older_half(struct held_labels *h, const struct strmap *asked,
                            held_labels_forget *forget, void *ctx)
{
    uint64_t first = first_kept(h, asked);
    int kept = 0;
    h->foreign = 0;
    for (int i = 0; i < h->count; i++) {
        struct held_label *l = &h->label[i];
        bool foreign = !was_asked(asked, l);
        if (foreign && l->came < first) {
            forget(ctx, l->question, l->label.question_len);
            h->dropped++;
            continue;
        }
        h->foreign += foreign;
        if (kept++ < i)
            h->label[kept - 1] = *l;
    }
    h->count = kept;
}

void held_labels_put(struct held_labels *h, const struct strmap *asked, const struct label *l,
                     held_labels_forget *forget, void *ctx)
{
    if (l->question_len > QUESTION_MAX)
        return;
    if (h->count == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 256;
        h->label = xrealloc(h->label, (size_t)h->cap * sizeof *h->label);
    }
    struct held_label *to = &h->label[h->count++];
    to->label = *l;
    to->came = h->came++;
    memcpy(to->question, l->question, l->question_len);
    h->foreign += !was_asked(asked, to);
    if (h->foreign > 2 * HELD_LABELS_MAX)
        drop_older_half(h, asked, forget, ctx);
}

static int compare_questions(const void *x, const void *y)
{
    const struct held_label *a = x, *b = y;
    size_t la = a->label.question_len, lb = b->label.question_len;
    int order = memcmp(a->question, b->question, la < lb ? la : lb);
    return order ? order : (la > lb) - (la < lb);
}

void held_labels_take(struct held_labels *h, const struct strmap *asked, held_labels_use *use,
                      void *ctx)
{
    int kept = 0;
    if (h->count)
        qsort(h->label, (size_t)h->count, sizeof *h->label, compare_questions);
    for (int i = 0; i < h->count; i++) {
        struct held_label *l = &h->label[i];
        l->label.question = l->question;
        if (asked && !was_asked(asked, l)) {
            if (kept++ < i)
                h->label[kept - 1] = *l;
        } else {
            use(ctx, &l->label);
        }
    }
    h->count = h->foreign = kept;
}

void held_labels_clear(struct held_labels *h)
{
    h->count = h->foreign = 0;
}

void held_labels_release(struct held_labels *h)
{
    free(h->label);
}
