/* SPDX-License-Identifier: MIT */
/* pair_batch.c - see pair_batch.h. */
#include "learner/reward/ranking/pair_batch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

void pair_batch_init(struct pair_batch *b, const struct pair_data *data, int size)
{
    size_t n = (size_t)size;
    *b = (struct pair_batch){.data = data};
    b->text = xcalloc(2 * n, sizeof *b->text);
    b->len = xcalloc(2 * n, sizeof *b->len);
    b->number = xcalloc(2 * n, sizeof *b->number);
    b->a = xcalloc(n, sizeof *b->a);
    b->b = xcalloc(n, sizeof *b->b);
    b->label = xcalloc(n, sizeof *b->label);
}

void pair_batch_release(struct pair_batch *b)
{
    free(b->text);
    free(b->len);
    free(b->number);
    free(b->a);
    free(b->b);
    free(b->label);
    free(b->where);
}

void pair_batch_begin(struct pair_batch *b)
{
    size_t captions = pair_data_captions(b->data);
    for (int i = 0; i < b->ncaptions; i++)
        b->where[b->number[i]] = 0;
    b->n = b->ncaptions = 0;
    if (captions <= b->where_cap)
        return;
    b->where = xrealloc(b->where, 2 * captions * sizeof *b->where);
    memset(b->where + b->where_cap, 0, (2 * captions - b->where_cap) * sizeof *b->where);
    b->where_cap = 2 * captions;
}

static int place(struct pair_batch *b, uint32_t number)
{
    if (b->where[number] == 0) {
        int at = b->ncaptions++;
        b->text[at] = pair_data_caption(b->data, number, &b->len[at]);
        b->number[at] = number;
        b->where[number] = (uint32_t)at + 1;
    }
    return (int)b->where[number] - 1;
}

void pair_batch_add(struct pair_batch *b, const struct labelled_pair *p)
{
    b->a[b->n] = place(b, p->a);
    b->b[b->n] = place(b, p->b);
    b->label[b->n++] = p->label;
}

struct ranking_pairs pair_batch_pairs(const struct pair_batch *b)
{
    return (struct ranking_pairs){b->text, b->len, b->ncaptions, b->n, b->a, b->b, b->label};
}
