/* SPDX-License-Identifier: MIT */
/* score_memo.c - caption -> (version, score), and one call of the model for all that are missing;
 * see score_memo.h.
 *
 * Entries of older versions stay in place and are overwritten when their caption comes again, so a
 * new version costs nothing by itself. Version and score share the map's 64-bit value through an
 * array of entries. */
#include "learner/reward/score_memo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

struct entry {
    uint64_t version; /* model version + 1; 0 = never scored */
    float score;
};

struct score_memo {
    const struct reward_model_type *type;
    struct reward_model *model;
    struct strmap *index; /* caption -> position in entry */
    struct entry *entry;
    size_t entry_cap;
    /* the captions to score now, grown to the largest batch */
    int cap;
    int *missing;
    const char **text;
    uint16_t *len;
    float *score;
};

struct score_memo *score_memo_create(const struct reward_model_type *type,
                                     struct reward_model *model)
{
    struct score_memo *s = xcalloc(1, sizeof *s);
    s->type = type;
    s->model = model;
    s->index = strmap_create(4096);
    return s;
}

void score_memo_free(struct score_memo *s)
{
    if (!s)
        return;
    strmap_free(s->index);
    free(s->entry);
    free(s->missing);
    free(s->text);
    free(s->len);
    free(s->score);
    free(s);
}

void score_memo_clear(struct score_memo *s)
{
    strmap_clear(s->index);
}

static void score_memo_reserve(struct score_memo *s, int n)
{
    if (n <= s->cap)
        return;
    s->cap = n + n / 2;
    s->missing = xrealloc(s->missing, (size_t)s->cap * sizeof *s->missing);
    s->text = xrealloc(s->text, (size_t)s->cap * sizeof *s->text);
    s->len = xrealloc(s->len, (size_t)s->cap * sizeof *s->len);
    s->score = xrealloc(s->score, (size_t)s->cap * sizeof *s->score);
}

static struct entry *lookup(struct score_memo *s, const char *caption, size_t len)
{
    bool inserted;
    uint64_t *slot = strmap_put(s->index, caption, len, &inserted);
    if (inserted) {
        size_t at = strmap_count(s->index) - 1;
        if (at >= s->entry_cap) {
            s->entry_cap = s->entry_cap ? s->entry_cap * 2 : 1024;
            s->entry = xrealloc(s->entry, s->entry_cap * sizeof *s->entry);
        }
        s->entry[at] = (struct entry){0};
        *slot = at;
    }
    return &s->entry[*slot];
}

void score_memo_captions(struct score_memo *s, const struct reward_batch *b, float *out,
                         uint64_t *hits, uint64_t *misses)
{
    uint64_t version = s->type->version(s->model) + 1;
    int n = 0;
    if (strmap_count(s->index) + (size_t)b->ncaptions > SCORE_MEMO_MAX)
        score_memo_clear(s);
    score_memo_reserve(s, b->ncaptions + 1);
    s->text[n] = ""; /* a batch's entry 0 is the empty caption */
    s->len[n] = 0;
    s->missing[n++] = 0;
    for (int i = 1; i < b->ncaptions; i++) {
        const struct entry *e = lookup(s, b->caption_text[i], b->caption_len[i]);
        if (e->version == version) {
            out[i] = e->score;
        } else {
            s->text[n] = b->caption_text[i];
            s->len[n] = b->caption_len[i];
            s->missing[n++] = i;
        }
    }
    *hits += (uint64_t)(b->ncaptions > 0 ? b->ncaptions - n : 0);
    *misses += (uint64_t)(n - 1);
    if (n > 1) {
        struct reward_batch asked = {
            .ncaptions = n, .caption_text = s->text, .caption_len = s->len};
        s->type->score(s->model, &asked, s->score);
    }
    for (int k = 1; k < n; k++) {
        int i = s->missing[k];
        out[i] = isfinite(s->score[k]) ? s->score[k] : 0.0f;
        *lookup(s, b->caption_text[i], b->caption_len[i]) =
            (struct entry){.version = version, .score = out[i]};
    }
    if (b->ncaptions > 0)
        out[0] = 0.0f;
}
