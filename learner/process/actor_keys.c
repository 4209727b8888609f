/* SPDX-License-Identifier: MIT */
/* actor_keys.c - see actor_keys.h. */
#include "learner/process/actor_keys.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

static const double ACTOR_STEPS_KEPT = 0.98; /* of the steps of older batches, per batch */
static const double ACTOR_SHARE_LEAST = 0.1, ACTOR_STEPS_TIMES = 3;
enum { ACTOR_KEYS_ACTORS = 1 << 16 };

struct keys_actor {
    uint32_t number;
    double steps; /* of the last batches, older ones fading */
    int asked;    /* of the window */
    bool told;
};

struct actor_keys {
    double share, steps;  /* steps: of all actors */
    struct strmap *index; /* number -> place in actor */
    struct keys_actor *actor;
    int nactors, actors_cap;
    uint32_t window[ACTOR_KEYS_WINDOW]; /* places in actor */
    uint64_t asked, held_back;
    uint32_t *first; /* [captions_cap] of the batch: who brought it */
    int captions_cap;
};

struct actor_keys *actor_keys_create(double share)
{
    struct actor_keys *k = xcalloc(1, sizeof *k);
    k->share = share;
    k->index = strmap_create(64);
    return k;
}

void actor_keys_free(struct actor_keys *k)
{
    if (!k)
        return;
    strmap_free(k->index);
    free(k->actor);
    free(k->first);
    free(k);
}

static struct keys_actor *keys_actor_of(struct actor_keys *k, uint32_t number)
{
    bool inserted;
    uint64_t *place = strmap_put(k->index, &number, sizeof number, &inserted);
    if (!inserted)
        return &k->actor[*place];
    if (k->nactors == k->actors_cap) {
        k->actors_cap = k->actors_cap ? 2 * k->actors_cap : 16;
        k->actor = xrealloc(k->actor, (size_t)k->actors_cap * sizeof *k->actor);
    }
    *place = (uint64_t)k->nactors;
    k->actor[k->nactors] = (struct keys_actor){.number = number};
    return &k->actor[k->nactors++];
}

/* Numbers that come and go must not fill the memory. */
static void keys_forget(struct actor_keys *k)
{
    strmap_clear(k->index);
    k->nactors = 0;
    k->asked = 0;
    k->steps = 0;
}

void actor_keys_see(struct actor_keys *k, const struct reward_batch *b)
{
    if (k->nactors > ACTOR_KEYS_ACTORS)
        keys_forget(k);
    if (b->ncaptions > k->captions_cap) {
        k->captions_cap = b->ncaptions + b->ncaptions / 2;
        k->first = xrealloc(k->first, (size_t)k->captions_cap * sizeof *k->first);
    }
    for (int i = 0; i < k->nactors; i++)
        k->actor[i].steps *= ACTOR_STEPS_KEPT;
    k->steps *= ACTOR_STEPS_KEPT;
    for (int c = 0; c < b->C; c++)
        keys_actor_of(k, (uint32_t)(b->environment[c] >> 32))->steps += (double)b->n / b->C;
    k->steps += b->n;
    for (int i = 0; i < b->ncaptions; i++) /* one of no step has to be somebody's */
        k->first[i] = (uint32_t)(b->environment[0] >> 32);
    for (int i = b->n - 1; i >= 0; i--) /* the first step that has it is written last */
        k->first[b->caption[i]] = (uint32_t)(b->environment[i % b->C] >> 32);
}

uint32_t actor_keys_of(const struct actor_keys *k, uint32_t caption)
{
    return k->first[caption];
}

static double keys_most(const struct actor_keys *k, const struct keys_actor *x)
{
    double fair = ACTOR_STEPS_TIMES * x->steps / (k->steps > 0 ? k->steps : 1);
    return k->share > 0 ? k->share : fair > ACTOR_SHARE_LEAST ? fair : ACTOR_SHARE_LEAST;
}

static void keys_tell(struct keys_actor *x, double most)
{
    if (x->told)
        return;
    x->told = true;
    log_warn("an actor sees far more new messages than others do, and is held back so that their "
             "questions are asked: see to its world, or raise reward.actor_share (1 = nobody is "
             "held back)",
             kv("actor", x->number), kv("share_at_most", most),
             kv("of_the_last", ACTOR_KEYS_WINDOW));
}

bool actor_keys_may(struct actor_keys *k, uint32_t actor)
{
    struct keys_actor *x = keys_actor_of(k, actor);
    double most = keys_most(k, x);
    if (k->asked < ACTOR_KEYS_WINDOW || most >= 1 || x->asked < most * ACTOR_KEYS_WINDOW)
        return true;
    k->held_back++;
    keys_tell(x, most);
    return false;
}

void actor_keys_count(struct actor_keys *k, uint32_t actor)
{
    struct keys_actor *x = keys_actor_of(k, actor);
    uint32_t *slot = &k->window[k->asked % ACTOR_KEYS_WINDOW];
    if (k->asked >= ACTOR_KEYS_WINDOW)
        k->actor[*slot].asked--;
    *slot = (uint32_t)(x - k->actor);
    x->asked++;
    k->asked++;
}

void actor_keys_report(const struct actor_keys *k, struct metrics *m)
{
    int most = 0;
    uint64_t of = k->asked < ACTOR_KEYS_WINDOW ? k->asked : ACTOR_KEYS_WINDOW;
    for (int i = 0; i < k->nactors; i++)
        most = k->actor[i].asked > most ? k->actor[i].asked : most;
    if (of > 0)
        metrics_set(m, "annot/actor_share_max", (double)most / (double)of);
    if (k->held_back > 0)
        metrics_set(m, "annot/actor_held_back_total", (double)k->held_back);
}
