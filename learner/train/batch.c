/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h.
 *
 * Each trajectory has its own caption table, and the same few captions occur in all of them. One
 * table for the batch means that a reward model scores a caption once however many environments
 * showed it. */
#include "learner/train/batch.h"

#include <stdlib.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

struct batch_store {
    size_t steps_cap;
    int columns_cap, captions_cap, local_cap;
    uint32_t *caption;       /* [T, C] index into the batch's table */
    uint16_t *count;         /* [T, C] */
    const uint8_t **rows;    /* [T, C] */
    uint64_t *environment;   /* [C] */
    struct strmap *distinct; /* text -> index + 1 */
    const char **text;       /* [captions] borrowed from the trajectories */
    uint16_t *len;
    uint32_t *local; /* index in a trajectory's table -> index in the batch's */
};

struct batch *batch_create(void)
{
    struct batch *b = xcalloc(1, sizeof *b);
    b->store = xcalloc(1, sizeof *b->store);
    b->store->distinct = strmap_create(1024);
    return b;
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    struct batch_store *s = b->store;
    free(s->caption);
    free(s->count);
    free(s->rows);
    free(s->environment);
    free(s->text);
    free(s->len);
    free(s->local);
    strmap_free(s->distinct);
    free(s);
    free(b->column);
    free(b->r_env);
    free(b->r_ext);
    free(b->r_int);
    free(b);
}

/* Room for `need` elements and a quarter to spare, so that a slowly growing batch settles. */
#define GROW(array, need) ((array) = xrealloc((array), ((need) + (need) / 4) * sizeof *(array)))

static void reserve_steps(struct batch *b, size_t steps, int columns)
{
    struct batch_store *s = b->store;
    if (columns > s->columns_cap) {
        GROW(b->column, (size_t)columns);
        GROW(s->environment, (size_t)columns);
        s->columns_cap = columns + columns / 4;
    }
    if (steps <= s->steps_cap)
        return;
    GROW(b->r_env, steps);
    GROW(b->r_ext, steps);
    GROW(b->r_int, steps);
    GROW(s->caption, steps);
    GROW(s->count, steps);
    GROW(s->rows, steps);
    s->steps_cap = steps + steps / 4;
}

static void add_caption(struct batch *b, const char *text, uint16_t len)
{
    struct batch_store *s = b->store;
    int n = b->reward.ncaptions++;
    if (n >= s->captions_cap) {
        int cap = s->captions_cap ? 2 * s->captions_cap : 1024;
        s->text = xrealloc(s->text, (size_t)cap * sizeof *s->text);
        s->len = xrealloc(s->len, (size_t)cap * sizeof *s->len);
        s->captions_cap = cap;
    }
    s->text[n] = text;
    s->len[n] = len;
}

/* Enters t's captions into the batch's table; store->local translates afterwards. */
static void merge_captions(struct batch *b, const struct trajectory *t)
{
    struct batch_store *s = b->store;
    if (t->ncaptions > s->local_cap) {
        s->local_cap = t->ncaptions + t->ncaptions / 4;
        s->local = xrealloc(s->local, (size_t)s->local_cap * sizeof *s->local);
    }
    for (int i = 0; i < t->ncaptions; i++) {
        s->local[i] = 0;
        if (t->caption_len[i] == 0)
            continue;
        uint64_t *slot = strmap_put(s->distinct, t->caption_text[i], t->caption_len[i], NULL);
        if (*slot == 0) {
            *slot = (uint64_t)b->reward.ncaptions + 1;
            add_caption(b, t->caption_text[i], t->caption_len[i]);
        }
        s->local[i] = (uint32_t)(*slot - 1);
    }
}

/* How often the caption of observation i [T, E] had occurred: it came with the step before, or with
 * a reset. */
static uint16_t count_before(const struct trajectory *t, size_t i)
{
    size_t E = (size_t)t->shape.E;
    if (i < E)
        return t->first_count[i];
    if (t->flags[i - E] & STEP_ENDED)
        return t->obs_caption[i] != 0;
    return t->caption_count[i - E];
}

static void copy_caption(struct batch *b, const struct trajectory *t, size_t from, size_t to,
                         bool before)
{
    struct batch_store *s = b->store;
    uint16_t caption = before ? t->obs_caption[from] : t->caption[from];
    s->caption[to] = t->ncaptions ? s->local[caption] : 0;
    s->count[to] = before ? count_before(t, from) : t->caption_count[from];
}

/* The observation after step i, or before it. ended: episodes that ended before step i; counts this
 * one. The last observation of an episode is kept with it, the next row belongs to another. */
static const uint8_t *batch_row_of(const struct trajectory *t, size_t i, bool before, int *ended)
{
    if (before)
        return t->obs + i * t->shape.obs_bytes;
    if (!(t->flags[i] & STEP_ENDED))
        return t->obs + (i + (size_t)t->shape.E) * t->shape.obs_bytes;
    int k = (*ended)++;
    bool known = k < t->nepisodes && !(t->flags[i] & STEP_FAILED);
    return known ? t->final_obs + (size_t)k * t->shape.obs_bytes : NULL;
}

static void copy_columns(struct batch *b, const struct trajectory *t, int first, unsigned what)
{
    struct batch_store *s = b->store;
    int E = t->shape.E, ended = 0;
    for (int e = 0; e < E; e++) {
        b->column[first + e] = (struct batch_column){.t = t, .e = e};
        s->environment[first + e] = (uint64_t)t->actor_id << 32 | (uint32_t)e;
    }
    for (int step = 0; step < b->T; step++) {
        size_t to = (size_t)step * (size_t)b->C + (size_t)first, from = (size_t)step * (size_t)E;
        for (size_t e = 0; e < (size_t)E; e++) {
            b->r_env[to + e] = t->reward[from + e];
            copy_caption(b, t, from + e, to + e, what & BATCH_BEFORE);
            if (what & BATCH_ROWS)
                s->rows[to + e] = batch_row_of(t, from + e, what & BATCH_BEFORE, &ended);
        }
    }
}

static void measure_lag(struct batch *b, struct trajectory *const *trajectories, int n,
                        uint64_t now)
{
    b->lag_max = 0;
    b->lag_mean = 0.0;
    for (int i = 0; i < n; i++) {
        uint64_t made = trajectories[i]->weights_version, lag = now > made ? now - made : 0;
        b->lag_max = lag > b->lag_max ? lag : b->lag_max;
        b->lag_mean += (double)lag / n;
    }
}

void batch_lay_out(struct batch *b, struct trajectory *const *trajectories, int n, uint64_t now,
                   unsigned what)
{
    ONIC_ASSERT(n >= 1);
    b->T = trajectories[0]->shape.T;
    b->C = 0;
    b->trajectories = n;
    for (int i = 0; i < n; i++) {
        ONIC_ASSERT(trajectories[i]->shape.T == b->T);
        b->C += trajectories[i]->shape.E;
    }
    b->steps = (size_t)b->T * (size_t)b->C;
    reserve_steps(b, b->steps, b->C);
    struct batch_store *s = b->store;
    strmap_clear(s->distinct);
    b->reward = (struct reward_batch){0};
    add_caption(b, "", 0);
    for (int i = 0, first = 0; i < n; first += trajectories[i]->shape.E, i++) {
        merge_captions(b, trajectories[i]);
        copy_columns(b, trajectories[i], first, what);
    }
    b->reward.n = (int)b->steps;
    b->reward.C = b->C;
    b->reward.environment = s->environment;
    b->reward.obs_after = what & BATCH_ROWS ? s->rows : NULL;
    b->reward.caption = s->caption;
    b->reward.episodic_count = s->count;
    b->reward.caption_text = s->text;
    b->reward.caption_len = s->len;
    measure_lag(b, trajectories, n, now);
}
