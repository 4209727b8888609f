/* SPDX-License-Identifier: MIT */
/* kept_pairs.c - see kept_pairs.h. */
#include "learner/reward/ranking/kept_pairs.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

static void kept_pairs_reserve(struct kept_pairs *k, int pairs, int captions)
{
    if (pairs > k->pairs_cap) {
        k->pairs_cap = pairs;
        k->a = xrealloc(k->a, (size_t)pairs * sizeof *k->a);
        k->b = xrealloc(k->b, (size_t)pairs * sizeof *k->b);
        k->label = xrealloc(k->label, (size_t)pairs * sizeof *k->label);
    }
    if (captions > k->captions_cap) {
        k->captions_cap = captions + captions / 2;
        k->text = xrealloc(k->text, (size_t)k->captions_cap * sizeof *k->text);
        k->len = xrealloc(k->len, (size_t)k->captions_cap * sizeof *k->len);
    }
}

void kept_pairs_take(struct kept_pairs *k, const struct pair_batch *from)
{
    const struct ranking_pairs p = pair_batch_pairs(from);
    kept_pairs_reserve(k, p.n, p.ncaptions);
    k->n = p.n;
    k->ncaptions = p.ncaptions;
    if (p.n == 0)
        return;
    memcpy(k->a, p.a, (size_t)p.n * sizeof *k->a);
    memcpy(k->b, p.b, (size_t)p.n * sizeof *k->b);
    memcpy(k->label, p.label, (size_t)p.n * sizeof *k->label);
    memcpy(k->text, p.caption, (size_t)p.ncaptions * sizeof *k->text);
    memcpy(k->len, p.len, (size_t)p.ncaptions * sizeof *k->len);
    caption_copies_take(&k->copies, k->text, k->len, k->ncaptions);
}

struct ranking_pairs kept_pairs_pairs(const struct kept_pairs *k)
{
    return (struct ranking_pairs){k->text, k->len, k->ncaptions, k->n, k->a, k->b, k->label};
}

void kept_pairs_release(struct kept_pairs *k)
{
    free(k->text);
    free(k->len);
    free(k->a);
    free(k->b);
    free(k->label);
    caption_copies_release(&k->copies);
    *k = (struct kept_pairs){0};
}
