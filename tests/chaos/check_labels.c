/* SPDX-License-Identifier: MIT */
/* check_labels.c - questions and labels: I6 and I7; see check.h.
 *
 * A question is known by two hashes, of the labels' identity and of its bytes. Servers of one store
 * live one after the other. A label may be durable without a trace of it: of an earlier run, of an
 * import, of a server that was killed between its commit and its next word. Then the store has it;
 * what neither has was not durable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "reward_server/store/label_store.h"
#include "tests/chaos/check.h"

struct durable {
    uint64_t identity, question, id, time_ns;
    uint32_t value;
    uint16_t state;
    const struct trace_process *process;
    bool in_store, traced; /* traced: not only found by a server */
};

struct labels {
    struct check *c;
    struct durable *all; /* [n] */
    int n, cap;
    struct strmap *of_question, *of_id; /* (identity, question), id -> index + 1 */
    uint64_t known_until;               /* ids of before the first trace */
    bool has_server, has_store;
};

static struct durable *durable_find(const struct labels *l, const struct trace_event *e)
{
    uint64_t key[2] = {e->incarnation, e->seq};
    const uint64_t *i = strmap_get(l->of_question, key, sizeof key);
    return i ? &l->all[*i] : NULL;
}

static struct durable *durable_of_id(const struct labels *l, uint64_t id)
{
    const uint64_t *i = strmap_get(l->of_id, &id, sizeof id);
    return i ? &l->all[*i] : NULL;
}

static struct durable *durable_add(struct labels *l, const struct trace_event *e,
                                   const struct trace_process *p)
{
    uint64_t key[2] = {e->incarnation, e->seq};
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1024;
        l->all = xrealloc(l->all, (size_t)l->cap * sizeof *l->all);
    }
    *strmap_put(l->of_question, key, sizeof key, NULL) = (uint64_t)l->n;
    *strmap_put(l->of_id, &e->version, sizeof e->version, NULL) = (uint64_t)l->n;
    struct durable *d = &l->all[l->n++];
    *d = (struct durable){.identity = e->incarnation,
                          .question = e->seq,
                          .id = e->version,
                          .time_ns = e->time_ns,
                          .value = e->n,
                          .state = e->reason,
                          .process = p};
    return d;
}

static void blame_label(struct labels *l, int invariant, const struct trace_event *e,
                        const char *what, const struct trace_process *p)
{
    check_violation(l->c, invariant, "label %llu (question %016llx) %s; %s",
                    (unsigned long long)e->version, (unsigned long long)e->seq, what, p->name);
}

static bool same_answer(const struct durable *d, const struct trace_event *e)
{
    return d->id == e->version && d->state == e->reason &&
           (d->state != LABEL_ANSWERED || d->value == e->n);
}

/* --- servers ------------------------------------------------------------------------------- */

static void on_asked(struct labels *l, const struct trace_event *e, const struct trace_process *p)
{
    const struct durable *d = durable_find(l, e);
    if (!d)
        return;
    struct trace_event known = *e;
    known.version = d->id;
    l->c->reasked++;
    blame_label(l, 6, &known, "is durable, and its question is asked again", p);
}

static void on_durable(struct labels *l, const struct trace_event *e, const struct trace_process *p)
{
    struct durable *d = durable_find(l, e);
    if (d && !same_answer(d, e))
        blame_label(l, 7, e, "has another answer than the durable one", p);
    if (!d)
        d = durable_add(l, e, p);
    d->traced |= e->kind == TRACE_DURABLE;
}

static void on_delivered(struct labels *l, const struct trace_event *e,
                         const struct trace_process *p)
{
    const struct durable *d = durable_find(l, e);
    if (!d)
        blame_label(l, 7, e, "is delivered before it is durable", p);
    else if (!same_answer(d, e))
        blame_label(l, 7, e, "is delivered with another answer than the durable one", p);
}

static void follow_server(struct labels *l, const struct trace_process *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct trace_event *e = &p->events[i];
        if (e->kind == TRACE_STORE && !l->has_server)
            l->known_until = e->seq;
        if (e->kind == TRACE_STORE)
            l->has_server = true;
        if (e->kind == TRACE_ASKED)
            on_asked(l, e, p);
        else if (e->kind == TRACE_DURABLE || e->kind == TRACE_STORED)
            on_durable(l, e, p);
        else if (e->kind == TRACE_DELIVERED)
            on_delivered(l, e, p);
    }
}

/* --- learners ------------------------------------------------------------------------------ */

static void on_label(struct labels *l, const struct trace_event *e, const struct trace_process *p)
{
    const struct durable *d = durable_of_id(l, e->version);
    if (!d && (e->version > l->known_until || !l->has_server) && !l->has_store)
        blame_label(l, 7, e, "came to a learner, and was never durable", p);
    if (!d)
        return;
    if (d->question != e->seq || !same_answer(d, e))
        blame_label(l, 7, e, "came to a learner otherwise than it is durable", p);
    else if (d->time_ns > e->time_ns)
        blame_label(l, 7, e, "came to a learner before it was durable", p);
}

static void follow_learner(struct labels *l, const struct trace_process *p)
{
    for (size_t i = 0; i < p->n && l->has_server; i++)
        if (p->events[i].kind == TRACE_LABEL)
            on_label(l, &p->events[i], p);
}

/* --- the store ----------------------------------------------------------------------------- */

static int on_row(void *ctx, const struct label_row *row)
{
    struct labels *l = ctx;
    struct durable *d = durable_of_id(l, row->label.id);
    struct trace_event e = {.seq = trace_hash(row->label.question, row->label.question_len),
                            .version = row->label.id,
                            .n = trace_value(row->label.value),
                            .reason = (uint16_t)row->label.state};
    l->c->labels++;
    if (!d)
        return 0;
    d->in_store = true;
    if (d->question != e.seq || !same_answer(d, &e))
        blame_label(l, 7, &e, "stands in the store otherwise than it was made durable", d->process);
    return 0;
}

static int check_store(struct labels *l, const char *run, struct onic_err *err)
{
    char path[4096];
    struct label_store *store = NULL;
    struct label_counts n = {0};
    snprintf(path, sizeof path, "%s/labels.sqlite", run);
    int rc = label_store_open(&store, path, LABEL_STORE_READ, err);
    if (rc == ONIC_ENOTFOUND && l->n == 0)
        return ONIC_OK;
    if (!rc)
        rc = label_store_each(store, 0, on_row, l, err);
    if (!rc)
        rc = label_store_counts(store, &n, err);
    label_store_close(store);
    if (rc)
        return rc;
    l->has_store = true;
    l->c->reasked += n.asked_twice;
    if (n.asked_twice)
        check_violation(l->c, 6, "%llu durable labels were asked again, says %s",
                        (unsigned long long)n.asked_twice, path);
    if (n.quarantined)
        check_violation(l->c, 7, "%llu labels are damaged in %s", (unsigned long long)n.quarantined,
                        path);
    return ONIC_OK;
}

static void check_nothing_lost(struct labels *l)
{
    for (int i = 0; i < l->n && l->has_store; i++) {
        const struct durable *d = &l->all[i];
        struct trace_event e = {.seq = d->question, .version = d->id};
        if (d->in_store)
            continue;
        l->c->labels_lost++;
        blame_label(l, 7, &e, "was durable, and the store does not have it", d->process);
    }
}

int check_labels(struct check *c, const char *run, struct onic_err *err)
{
    struct labels l = {.c = c, .of_question = strmap_create(1024), .of_id = strmap_create(1024)};
    for (int i = 0; i < c->traces->n; i++)
        if (c->traces->processes[i].role == TRACE_SERVER)
            follow_server(&l, &c->traces->processes[i]);
    int rc = run ? check_store(&l, run, err) : ONIC_OK;
    if (!rc)
        check_nothing_lost(&l);
    for (int i = 0; !rc && i < c->traces->n; i++)
        if (c->traces->processes[i].role == TRACE_LEARNER)
            follow_learner(&l, &c->traces->processes[i]);
    free(l.all);
    strmap_free(l.of_question);
    strmap_free(l.of_id);
    return rc;
}
