/* SPDX-License-Identifier: MIT */
/* check_actors.c - actors, each by its own trace: I1, I3, I4, I5, I8, I9; see check.h. */
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "tests/chaos/check.h"

/* What learners have granted and published; keys are three numbers. */
struct granted {
    struct strmap *ack, *credit; /* (run, epoch, incarnation) -> the largest */
    struct strmap *weights;      /* (run, epoch, version) -> hash */
};

struct three {
    uint64_t run, epoch, third;
};

struct actor {
    struct check *c;
    const struct trace_process *process;
    const struct granted *granted;
    struct strmap *played; /* versions it has had */
    uint64_t run, incarnation, credit, made, version;
    uint32_t actor, epoch;
    bool has_weights;
};

/* --- learners ------------------------------------------------------------------------------ */

static void put_largest(struct strmap *m, struct three key, uint64_t value)
{
    uint64_t *at = strmap_put(m, &key, sizeof key, NULL);
    *at = value > *at ? value : *at;
}

static void gather_granted(const struct check *c, struct granted *g)
{
    g->ack = strmap_create(64);
    g->credit = strmap_create(64);
    g->weights = strmap_create(64);
    for (int i = 0; i < c->nlives; i++) {
        const struct check_life *l = &c->lives[i];
        for (size_t k = l->from; k < l->to; k++) {
            const struct trace_event *e = &l->process->events[k];
            if (e->kind == TRACE_GRANTED) {
                put_largest(g->ack, (struct three){l->run, l->epoch, e->incarnation}, e->version);
                put_largest(g->credit, (struct three){l->run, l->epoch, e->incarnation}, e->seq);
            } else if (e->kind == TRACE_PUBLISHED) {
                struct three key = {l->run, l->epoch, e->version};
                *strmap_put(g->weights, &key, sizeof key, NULL) = e->seq;
            }
        }
    }
}

/* --- one actor ----------------------------------------------------------------------------- */

static void blame_actor(struct actor *a, int invariant, uint64_t seq, const char *what)
{
    check_violation(a->c, invariant, "trajectory %llu of actor %u (incarnation %llu:%llu) %s; %s",
                    (unsigned long long)seq, a->actor, (unsigned long long)a->incarnation >> 32,
                    (unsigned long long)a->incarnation & 0xffffffffu, what, a->process->name);
}

static void on_welcomed(struct actor *a, const struct trace_event *e)
{
    a->actor = e->actor;
    a->incarnation = e->incarnation;
    a->run = e->seq;
    a->has_weights &= a->epoch == e->n;
    a->epoch = e->n;
    a->credit = 0;
}

static void on_weights(struct actor *a, const struct trace_event *e)
{
    struct three key = {a->run, e->n, e->version};
    const uint64_t *hash = strmap_get(a->granted->weights, &key, sizeof key);
    if (a->has_weights && e->n == a->epoch && e->version < a->version)
        check_violation(a->c, 4, "weights go back from version %llu to %llu within epoch %u; %s",
                        (unsigned long long)a->version, (unsigned long long)e->version, e->n,
                        a->process->name);
    if (hash && *hash != e->seq)
        check_violation(a->c, 5, "weights %llu of epoch %u are not those that were published; %s",
                        (unsigned long long)e->version, e->n, a->process->name);
    a->version = e->version;
    a->has_weights = true;
    strmap_put(a->played, &e->version, sizeof e->version, NULL);
}

static void on_made(struct actor *a, const struct trace_event *e)
{
    if (e->seq != a->made + 1)
        blame_actor(a, 1, e->seq, "is not the next one that it makes");
    a->made = e->seq;
    if (!strmap_get(a->played, &e->version, sizeof e->version))
        blame_actor(a, 5, e->seq, "was played with weights that it never got");
}

static void on_sent(struct actor *a, const struct trace_event *e)
{
    if (e->seq > a->made)
        blame_actor(a, 1, e->seq, "is sent before it is made");
    if (e->seq > a->credit)
        blame_actor(a, 9, e->seq, "is sent beyond its credit");
}

static void on_credit(struct actor *a, const struct trace_event *e)
{
    struct three key = {a->run, e->n, a->incarnation};
    const uint64_t *ack = strmap_get(a->granted->ack, &key, sizeof key);
    const uint64_t *credit = strmap_get(a->granted->credit, &key, sizeof key);
    if (ack && e->version > *ack)
        blame_actor(a, 3, e->version, "is acknowledged, which its learner says nothing of");
    if (credit && e->seq > *credit)
        blame_actor(a, 9, e->seq, "gets credit that its learner says nothing of");
    a->credit = e->seq > a->credit ? e->seq : a->credit;
}

static void follow_actor(struct actor *a)
{
    for (size_t i = 0; i < a->process->n; i++) {
        const struct trace_event *e = &a->process->events[i];
        switch (e->kind) {
        case TRACE_WELCOMED:
            on_welcomed(a, e);
            break;
        case TRACE_WEIGHTS:
            on_weights(a, e);
            break;
        case TRACE_MADE:
            on_made(a, e);
            break;
        case TRACE_SENT:
            on_sent(a, e);
            break;
        case TRACE_CREDIT:
            on_credit(a, e);
            break;
        default:
            break;
        }
    }
}

/* --- all of them --------------------------------------------------------------------------- */

static void add_made(struct check *c, const struct trace_process *p, const struct trace_event *e)
{
    struct check_made *m = c->nactors ? &c->actors[c->nactors - 1] : NULL;
    if (!m || m->process != p || m->incarnation != e->incarnation) {
        c->actors = xrealloc(c->actors, (size_t)(c->nactors + 1) * sizeof *c->actors);
        m = &c->actors[c->nactors++];
        *m = (struct check_made){.process = p, .incarnation = e->incarnation};
    }
    if (e->kind == TRACE_WELCOMED)
        m->run = e->seq;
    else if (e->kind == TRACE_MADE && e->seq > m->made)
        m->made = e->seq;
    m->left |= e->kind == TRACE_LEFT;
}

static int by_incarnation(const void *x, const void *y)
{
    const struct check_made *a = x, *b = y;
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return (a->run > b->run) - (a->run < b->run);
}

void check_find_actors(struct check *c)
{
    for (int i = 0; i < c->traces->n; i++) {
        const struct trace_process *p = &c->traces->processes[i];
        for (size_t k = 0; p->role == TRACE_ACTOR && k < p->n; k++) {
            const struct trace_event *e = &p->events[k];
            if (e->kind == TRACE_WELCOMED || e->kind == TRACE_MADE || e->kind == TRACE_LEFT)
                add_made(c, p, e);
        }
    }
    if (c->nactors)
        qsort(c->actors, (size_t)c->nactors, sizeof *c->actors, by_incarnation);
    for (int i = 0; i < c->nactors; i++)
        c->made += c->actors[i].made;
}

const struct check_made *check_made_by(const struct check *c, uint64_t run, uint64_t incarnation)
{
    struct check_made key = {.run = run, .incarnation = incarnation};
    return c->nactors ? bsearch(&key, c->actors, (size_t)c->nactors, sizeof key, by_incarnation)
                      : NULL;
}

static void check_one_holder(struct check *c)
{
    for (int i = 1; i < c->nactors; i++)
        if (by_incarnation(&c->actors[i - 1], &c->actors[i]) == 0)
            check_violation(c, 8, "incarnation %llu:%llu is two processes: %s and %s",
                            (unsigned long long)c->actors[i].incarnation >> 32,
                            (unsigned long long)c->actors[i].incarnation & 0xffffffffu,
                            c->actors[i - 1].process->name, c->actors[i].process->name);
}

void check_actors(struct check *c)
{
    struct granted g;
    gather_granted(c, &g);
    check_one_holder(c);
    for (int i = 0; i < c->traces->n; i++) {
        struct actor a = {.c = c, .process = &c->traces->processes[i], .granted = &g};
        if (a.process->role != TRACE_ACTOR)
            continue;
        a.played = strmap_create(64);
        follow_actor(&a);
        strmap_free(a.played);
    }
    strmap_free(g.ack);
    strmap_free(g.credit);
    strmap_free(g.weights);
}
