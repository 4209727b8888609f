/* SPDX-License-Identifier: MIT */
/* fallback.c - a declared order of annotators: the first that can answer is asked.
 *
 * Each member says how it is (`health`). When the one that is asked goes away, what it has not
 * begun is taken back and the next one in the order that can answer is asked; when an earlier one
 * is well again, questions go back to it. A member that only an answer proves well (TRYING) gets
 * one question at a time meanwhile. When nobody can answer, questions wait with the first, as they
 * do without a fallback. An abstention is an answer.
 *
 * Questions are kept here until they are answered, because another member may have to be asked.
 * The raw answer begins with the id of who answered: label_origin (label_store.h) reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/wrap.h"

enum { ITEMS = 512, NOBODY = -1 };

struct fallback_item {
    bool used;
    uint64_t ticket, order;
    int member; /* who has it, or NOBODY */
    int vote;
    size_t len;
    char question[QUESTION_MAX];
};

struct member {
    struct annotator *a;
    const char *id;
    enum annotator_health health; /* as of the last look */
    int flying;
    uint64_t answers;
};

struct fallback {
    struct annotator base;
    struct member member[ANNOTATOR_ORDER_MAX];
    int nmembers, current, asking; /* asking: whose poll or cancel is under way */
    uint64_t orders, switches;
    struct fallback_item *item;     /* [ITEMS] */
    char parameters[128], why[160]; /* why: of the first, when it is not asked */
    annotator_done done;            /* of the poll under way */
    void *ctx;
    int finished;
};

static struct fallback *fallback_self(struct annotator *a)
{
    return (struct fallback *)a;
}

static const struct fallback *fallback_cself(const struct annotator *a)
{
    return (const struct fallback *)a;
}

/* --- who is asked ---------------------------------------------------------------------------- */

static void status_of(const struct member *m, char text[160])
{
    struct onic_err err = {0};
    text[0] = '\0';
    if (m->a->v->status(m->a, text, &err) != ONIC_OK)
        snprintf(text, 160, "%.159s", err.msg);
}

/* The first that is well; when nobody is, the first. */
static int fallback_choose(const struct fallback *w)
{
    for (int i = 0; i < w->nmembers; i++)
        if (w->member[i].health == ANNOTATOR_AVAILABLE)
            return i;
    return 0;
}

static void fallback_look(struct fallback *w)
{
    for (int i = 0; i < w->nmembers; i++)
        w->member[i].health = annotator_health_of(w->member[i].a);
    int now = fallback_choose(w);
    const char *before = w->member[w->current].id, *next = w->member[now].id;
    if (now > 0)
        status_of(&w->member[0], w->why);
    if (now == w->current)
        return;
    if (now > w->current)
        log_warn("the annotator cannot answer: another one is asked", kv("annotator", before),
                 kv("asked", next), kv("why", (const char *)w->why));
    else
        log_warn("the annotator is asked again", kv("annotator", next), kv("instead_of", before));
    w->current = now;
    w->switches++;
}

/* --- asking ---------------------------------------------------------------------------------- */

static void fallback_take_back(void *ctx, uint64_t ticket)
{
    struct fallback *w = ctx;
    struct fallback_item *it = &w->item[ticket];
    w->member[it->member].flying--;
    it->member = NOBODY;
}

/* What others than the current one have not begun goes to the current one; a trial stays. */
static void fallback_collect(struct fallback *w)
{
    for (int i = 0; i < w->nmembers; i++) {
        struct member *m = &w->member[i];
        if (i != w->current && m->flying > 0 && m->health != ANNOTATOR_PROBING)
            m->a->v->cancel(m->a, fallback_take_back, w);
    }
}

static struct fallback_item *oldest(struct fallback *w)
{
    struct fallback_item *found = NULL;
    for (int i = 0; i < ITEMS; i++) {
        struct fallback_item *it = &w->item[i];
        if (it->used && it->member == NOBODY && (!found || it->order < found->order))
            found = it;
    }
    return found;
}

static bool give(struct fallback *w, int member)
{
    struct member *m = &w->member[member];
    struct fallback_item *it = oldest(w);
    if (!it)
        return false;
    it->member = member;
    m->flying++;
    m->a->v->submit(m->a, (uint64_t)(it - w->item), it->question, it->len, it->vote);
    return true;
}

static void fallback_pump(struct fallback *w)
{
    struct member *m = &w->member[w->current];
    int better = m->health == ANNOTATOR_AVAILABLE ? w->current : w->nmembers;
    for (int i = 0; i < better; i++)
        if (i != w->current && w->member[i].health == ANNOTATOR_PROBING && w->member[i].flying == 0)
            give(w, i);
    while (m->flying < m->a->v->window(m->a) && give(w, w->current))
        ;
}

static void fallback_on_answer(void *ctx, uint64_t ticket, const struct label *label)
{
    struct fallback *w = ctx;
    struct fallback_item *it = &w->item[ticket];
    struct member *m = &w->member[w->asking];
    struct label out = *label;
    char raw[LABEL_RAW_MAX];
    snprintf(raw, sizeof raw, "%s: %.480s", m->id, label->raw);
    out.raw = raw;
    m->flying--;
    m->answers++;
    it->used = false;
    w->finished++;
    w->done(w->ctx, it->ticket, &out);
}

/* --- the vtable ------------------------------------------------------------------------------ */

static void fallback_free(struct annotator *a)
{
    if (!a)
        return;
    struct fallback *w = fallback_self(a);
    for (int i = 0; i < w->nmembers; i++)
        w->member[i].a->v->free(w->member[i].a);
    free(w->item);
    free(w);
}

static void fallback_identity(const struct annotator *a, const char **model,
                              const char **parameters)
{
    const struct annotator *first = fallback_cself(a)->member[0].a;
    first->v->identity(first, model, parameters);
    *parameters = fallback_cself(a)->parameters;
}

/* What others still have takes no room of the current one. */
static int fallback_window(const struct annotator *a)
{
    const struct fallback *w = fallback_cself(a);
    const struct annotator *now = w->member[w->current].a;
    int n = now->v->window(now);
    for (int i = 0; i < w->nmembers; i++)
        if (i != w->current)
            n += w->member[i].flying;
    return n < ITEMS ? n : ITEMS;
}

static void fallback_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                            int vote)
{
    struct fallback *w = fallback_self(a);
    int i = 0;
    while (i < ITEMS && w->item[i].used)
        i++;
    ONIC_ASSERT(i < ITEMS && len <= QUESTION_MAX);
    struct fallback_item *it = &w->item[i];
    it->used = true;
    it->ticket = ticket;
    it->order = w->orders++;
    it->member = NOBODY;
    it->vote = vote;
    it->len = len;
    memcpy(it->question, question, len);
    fallback_pump(w);
}

static int fallback_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct fallback *w = fallback_self(a);
    int before;
    w->done = done;
    w->ctx = ctx;
    w->finished = 0;
    do {
        before = w->finished;
        fallback_look(w);
        fallback_collect(w);
        fallback_pump(w);
        for (w->asking = 0; w->asking < w->nmembers; w->asking++) {
            struct annotator *m = w->member[w->asking].a;
            m->v->poll(m, fallback_on_answer, w);
        }
    } while (w->finished > before);
    return w->finished;
}

static int64_t fallback_due_ms(const struct annotator *a)
{
    const struct fallback *w = fallback_cself(a);
    int64_t due = -1;
    for (int i = 0; i < w->nmembers; i++) {
        int64_t at = w->member[i].a->v->due_ms(w->member[i].a);
        if (at >= 0 && (due < 0 || at < due))
            due = at;
    }
    return due;
}

static int fallback_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket),
                           void *ctx)
{
    struct fallback *w = fallback_self(a);
    int n = 0;
    for (int i = 0; i < w->nmembers; i++)
        w->member[i].a->v->cancel(w->member[i].a, fallback_take_back, w);
    for (int i = 0; i < ITEMS; i++) {
        struct fallback_item *it = &w->item[i];
        if (!it->used || it->member != NOBODY)
            continue;
        it->used = false;
        taken(ctx, it->ticket);
        n++;
    }
    return n;
}

/* "asking ": what the first is doing meanwhile is told once by `look`, this is for as long as it
 * lasts. */
static int fallback_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    const struct fallback *w = fallback_cself(a);
    int rc = ONIC_OK;
    for (int i = w->nmembers - 1; i >= 0 && !rc; i--) {
        char one[160] = "";
        rc = w->member[i].a->v->status(w->member[i].a, one, err);
        if (i == w->current)
            snprintf(text, 160, "%s", one);
    }
    if (!rc && w->current > 0) {
        char own[160];
        snprintf(own, sizeof own, "%s", text);
        snprintf(text, 160, "asking %s instead of %s: %.90s%s%.40s", w->member[w->current].id,
                 w->member[0].id, w->why, *own ? "; " : "", own);
    }
    return rc;
}

static void fallback_report(const struct annotator *a,
                            void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    const struct fallback *w = fallback_cself(a);
    uint64_t others = 0;
    for (int i = 1; i < w->nmembers; i++)
        others += w->member[i].answers;
    put(ctx, "fallback_answers", (double)others); /* these three: of this life */
    put(ctx, "fallback_asked", w->current);
    put(ctx, "fallback_switches", (double)w->switches);
    for (int i = 0; i < w->nmembers; i++)
        if (w->member[i].a->v->report)
            w->member[i].a->v->report(w->member[i].a, put, ctx);
}

static const struct annotator_vtable vtable = {
    .id = "fallback",
    .summary = "the first of an order that can answer",
    .free = fallback_free,
    .identity = fallback_identity,
    .window = fallback_window,
    .submit = fallback_submit,
    .poll = fallback_poll,
    .due_ms = fallback_due_ms,
    .cancel = fallback_cancel,
    .status = fallback_status,
    .report = fallback_report,
};

/* A hash of everything that any answer depends on, then the first one's own words: texts of
 * identities are cut at their end. */
static void fallback_set_parameters(struct fallback *w)
{
    XXH3_state_t *all = XXH3_createState();
    const char *model, *parameters;
    XXH3_64bits_reset(all);
    for (int i = 0; i < w->nmembers; i++) {
        w->member[i].a->v->identity(w->member[i].a, &model, &parameters);
        XXH3_64bits_update(all, w->member[i].id, strlen(w->member[i].id) + 1);
        XXH3_64bits_update(all, model, strlen(model) + 1);
        XXH3_64bits_update(all, parameters, strlen(parameters) + 1);
    }
    w->member[0].a->v->identity(w->member[0].a, &model, &parameters);
    snprintf(w->parameters, sizeof w->parameters, "%016llx %.110s",
             (unsigned long long)XXH3_64bits_digest(all), parameters);
    XXH3_freeState(all);
}

struct annotator *fallback_wrap(struct annotator *const *member, const char *const *id, int n)
{
    struct fallback *w = xcalloc(1, sizeof *w);
    ONIC_ASSERT(n >= 1 && n <= ANNOTATOR_ORDER_MAX);
    w->base.v = &vtable;
    w->item = xcalloc(ITEMS, sizeof *w->item);
    w->nmembers = n;
    for (int i = 0; i < n; i++)
        w->member[i] = (struct member){.a = member[i], .id = id[i]};
    fallback_set_parameters(w);
    return &w->base;
}
