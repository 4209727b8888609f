/* SPDX-License-Identifier: MIT */
/* check_lives.c - the lives of learners, and which began with whose checkpoint; see check.h.
 *
 * A checkpoint is known by the checksum of the books in it. The newest life before that has saved
 * such books is the parent: equal books mean equal sets of trajectories. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "tests/chaos/check.h"

static void add_life(struct check *c, const struct trace_process *p, size_t from)
{
    const struct trace_event *e = &p->events[from];
    c->lives = xrealloc(c->lives, (size_t)(c->nlives + 1) * sizeof *c->lives);
    c->lives[c->nlives++] = (struct check_life){.process = p,
                                                .from = from,
                                                .to = p->n,
                                                .run = e->incarnation,
                                                .window = e->seq,
                                                .lag = e->version,
                                                .epoch = e->n,
                                                .deterministic = e->reason != 0,
                                                .parent = -1};
}

static bool has_saved(const struct check_life *l, const struct trace_event *books, size_t *at)
{
    for (size_t i = l->to; i > l->from; i--) {
        const struct trace_event *e = &l->process->events[i - 1];
        if (e->kind == TRACE_SAVED && e->seq == books->seq && e->version == books->version) {
            *at = i - 1;
            return true;
        }
    }
    return false;
}

static void find_parent(struct check *c, int life)
{
    struct check_life *l = &c->lives[life];
    const struct trace_event *books = NULL;
    for (size_t i = l->from; i < l->to; i++) {
        const struct trace_event *e = &l->process->events[i];
        books = e->kind == TRACE_RESTORED ? e : books;
        l->ended |= e->kind == TRACE_ENDED;
    }
    l->partial = books != NULL;
    for (int i = life - 1; books && i >= 0 && l->partial; i--)
        if (has_saved(&c->lives[i], books, &l->parent_to)) {
            l->parent = i;
            l->partial = c->lives[i].partial;
            return;
        }
}

void check_find_lives(struct check *c)
{
    for (int i = 0; i < c->traces->n; i++) {
        const struct trace_process *p = &c->traces->processes[i];
        for (size_t k = 0; p->role == TRACE_LEARNER && k < p->n; k++) {
            if (p->events[k].kind != TRACE_LIFE)
                continue;
            if (c->nlives && c->lives[c->nlives - 1].process == p)
                c->lives[c->nlives - 1].to = k;
            add_life(c, p, k);
        }
    }
    for (int i = 0; i < c->nlives; i++)
        find_parent(c, i);
}
