/* SPDX-License-Identifier: MIT */
/* batcher.c - see batcher.h. A growing list of pointers; the wire has already checked them and put
 * them in order per actor. */
#include "learner/process/batcher.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"

struct batcher {
    struct batcher_params p;
    struct trajectory **held; /* [count] */
    int count, cap;
    int64_t steps;
};

struct batcher *batcher_create(const struct batcher_params *p)
{
    struct batcher *b = xcalloc(1, sizeof *b);
    b->p = *p;
    b->cap = 256;
    b->held = xcalloc((size_t)b->cap, sizeof *b->held);
    return b;
}

void batcher_free(struct batcher *b)
{
    if (!b)
        return;
    batcher_done(b);
    free(b->held);
    free(b);
}

static bool before(const struct trajectory *a, const struct trajectory *b)
{
    if (a->actor_id != b->actor_id)
        return a->actor_id < b->actor_id;
    return wire_learner_index(a) < wire_learner_index(b);
}

/* Deterministic runs keep the list ordered by actor and index: the order of arrival must have no
 * effect. */
static void insert(struct batcher *b, struct trajectory *t)
{
    if (b->count == b->cap) {
        b->cap *= 2;
        b->held = xrealloc(b->held, (size_t)b->cap * sizeof *b->held);
    }
    int i = b->count++;
    for (; b->p.actors && i > 0 && before(t, b->held[i - 1]); i--)
        b->held[i] = b->held[i - 1];
    b->held[i] = t;
    b->steps += (int64_t)t->shape.T * t->shape.E;
}

static bool complete(const struct batcher *b)
{
    return b->p.actors ? b->count == b->p.actors * b->p.rounds : b->steps >= b->p.steps;
}

static bool too_old(const struct batcher *b, const struct trajectory *t, uint64_t version)
{
    return !b->p.actors && version > t->weights_version &&
           version - t->weights_version > b->p.max_policy_lag;
}

int batcher_fill(struct batcher *b, uint64_t version, int timeout_ms)
{
    while (!complete(b)) {
        struct trajectory *t;
        int rc = wire_learner_take(b->p.wire, &t, timeout_ms);
        if (rc)
            return rc;
        if (!too_old(b, t, version)) {
            insert(b, t);
            continue;
        }
        wire_learner_dropped(b->p.wire, t, LEDGER_DROP_STALE);
        wire_learner_release(b->p.wire, t);
    }
    return ONIC_OK;
}

struct trajectory *const *batcher_held(const struct batcher *b, int *n)
{
    *n = b->count;
    return b->held;
}

void batcher_book_consumed(struct batcher *b)
{
    for (int i = 0; i < b->count; i++)
        wire_learner_consumed(b->p.wire, b->held[i]);
}

void batcher_book_dropped(struct batcher *b, enum ledger_drop reason)
{
    for (int i = 0; i < b->count; i++)
        wire_learner_dropped(b->p.wire, b->held[i], reason);
}

void batcher_book_undone(struct batcher *b)
{
    for (int i = 0; i < b->count; i++)
        wire_learner_undone(b->p.wire, b->held[i]);
}

void batcher_done(struct batcher *b)
{
    for (int i = 0; i < b->count; i++)
        wire_learner_release(b->p.wire, b->held[i]);
    b->count = 0;
    b->steps = 0;
}
