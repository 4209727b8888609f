/* SPDX-License-Identifier: MIT */
/* vote.c - asks another annotator several times and answers with the majority.
 *
 * What may win: a label, or "no answer" (the abstentions together). The answer with more votes than
 * any other is the label, its confidence the share of the votes asked for that agree. When
 * abstentions win, or two lead equally, the question is abstained from, with the counts as reason.
 *
 * Scores have no majority: all votes are asked, the label is the mean of those answered, the
 * confidence their share.
 *
 * Votes are asked in waves: as many at once as must agree before the outcome can be settled, then
 * again as many as are missing (3 votes: 2, then 1). So no vote is asked that could not matter, and
 * the outcome depends on the votes alone, never on which arrives first.
 *
 * The window is the inner one divided by the first wave. Where the inner window shrinks meanwhile,
 * votes wait here. A drain lets begun questions finish: what was paid for is not thrown away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "reward_server/annotators/wrap.h"

enum { VOTE_ITEMS = 512, VOTE_MAX = CONFIG_MAX_annotator_vote, VOTE_SIDES = 4 };

struct vote_side {
    double label; /* of VOTE_SIDES - 1: unused, these are the abstentions */
    int n;
};

struct vote_item {
    bool used, score;
    uint64_t ticket;
    int base; /* index of its first vote */
    size_t len;
    char question[QUESTION_MAX];
    int next;               /* votes decided on so far */
    uint8_t todo[VOTE_MAX]; /* of these, to be submitted */
    int ntodo, flying, answered;
    struct vote_side side[VOTE_SIDES];   /* of a score the first and the last are used */
    char raw[VOTE_SIDES][LABEL_RAW_MAX]; /* of the first vote of each side */
};

struct vote {
    struct annotator base;
    struct annotator *inner;
    int votes, flying, cursor;
    struct vote_item *item; /* [VOTE_ITEMS] */
    annotator_done done;    /* of the poll under way */
    void *ctx;
    int finished;
};

static struct vote *vote_self(struct annotator *a)
{
    return (struct vote *)a;
}

static const struct vote *vote_cself(const struct annotator *a)
{
    return (const struct vote *)a;
}

/* --- counting -------------------------------------------------------------------------------- */

/* The leading side; *second = votes of the next one. */
static int leader(const struct vote_item *it, int *second)
{
    int best = 0;
    for (int i = 1; i < VOTE_SIDES; i++)
        if (it->side[i].n > it->side[best].n)
            best = i;
    *second = 0;
    for (int i = 0; i < VOTE_SIDES; i++)
        if (i != best && it->side[i].n > *second)
            *second = it->side[i].n;
    return best;
}

/* The fewest further votes after which the outcome may be settled; 0 = it is. */
static int missing(const struct vote *w, const struct vote_item *it)
{
    int second, lead = it->side[leader(it, &second)].n, rest = w->votes - it->next;
    if (it->score)
        return rest;
    if (rest == 0 || lead > second + rest)
        return 0;
    return (second + rest - lead) / 2 + 1;
}

static void decide_on(struct vote_item *it, int n)
{
    for (int i = n - 1; i >= 0; i--) /* the last is submitted first */
        it->todo[it->ntodo++] = (uint8_t)(it->next + i);
    it->next += n;
}

static int side_of(struct vote_item *it, const struct label *label)
{
    int i = 0;
    if (label->state != LABEL_ANSWERED)
        return VOTE_SIDES - 1;
    if (it->score) { /* the running mean */
        it->side[0].label += (label->value - it->side[0].label) / (it->side[0].n + 1);
        return 0;
    }
    while (i < VOTE_SIDES - 2 && it->side[i].n > 0 && it->side[i].label != label->value)
        i++;
    it->side[i].label = label->value;
    return i;
}

static void vote_put_counts(const struct vote_item *it, char *out, size_t size)
{
    int n = 0;
    for (int i = 0; i < VOTE_SIDES; i++)
        if (it->side[i].n > 0 && i < VOTE_SIDES - 1)
            n += snprintf(out + n, size - (size_t)n, "%s%d for %g", n ? ", " : "", it->side[i].n,
                          it->side[i].label);
        else if (it->side[i].n > 0)
            n += snprintf(out + n, size - (size_t)n, "%s%d abstained: %.300s", n ? ", " : "",
                          it->side[i].n, it->raw[i]);
}

static void vote_finish(struct vote *w, struct vote_item *it)
{
    int second, best = leader(it, &second);
    if (it->score) {
        best = it->side[0].n > 0 ? 0 : VOTE_SIDES - 1;
        second = 0;
    }
    int lead = it->side[best].n;
    char raw[LABEL_RAW_MAX];
    struct label out = {.raw = raw};
    if (best == VOTE_SIDES - 1 || lead == second) {
        out.state = LABEL_ABSTAINED;
        int n = snprintf(raw, sizeof raw, "abstained: no majority: ");
        vote_put_counts(it, raw + n, sizeof raw - (size_t)n);
    } else {
        out.state = LABEL_ANSWERED;
        out.value = it->side[best].label;
        out.confidence = (double)lead / it->next;
        snprintf(raw, sizeof raw, "%d of %d votes: %.480s", lead, it->next, it->raw[best]);
    }
    it->used = false;
    w->finished++;
    w->done(w->ctx, it->ticket, &out);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* Submits what is to be asked while the inner window has room, in turn. */
static void vote_pump(struct vote *w)
{
    int room = w->inner->v->window(w->inner) - w->flying;
    for (int seen = 0; seen < VOTE_ITEMS && room > 0; seen++) {
        struct vote_item *it = &w->item[w->cursor];
        if (it->used && it->ntodo > 0) {
            int vote = it->todo[--it->ntodo];
            it->flying++;
            w->flying++;
            room--;
            seen = -1;
            w->inner->v->submit(w->inner, (uint64_t)(w->cursor * VOTE_MAX + vote), it->question,
                                it->len, it->base + vote);
            if (it->ntodo > 0)
                continue;
        }
        w->cursor = (w->cursor + 1) % VOTE_ITEMS;
    }
}

static void on_vote(void *ctx, uint64_t ticket, const struct label *label)
{
    struct vote *w = ctx;
    struct vote_item *it = &w->item[ticket / VOTE_MAX];
    int side = side_of(it, label);
    if (it->side[side].n++ == 0)
        snprintf(it->raw[side], sizeof it->raw[side], "%s", label->raw);
    w->flying--;
    it->flying--;
    it->answered++;
    if (it->flying > 0 || it->ntodo > 0)
        return; /* the wave is not over */
    int more = missing(w, it);
    if (more > 0)
        decide_on(it, more);
    else
        vote_finish(w, it);
}

/* --- the vtable ------------------------------------------------------------------------------ */

static void vote_free(struct annotator *a)
{
    if (!a)
        return;
    vote_self(a)->inner->v->free(vote_self(a)->inner);
    free(vote_self(a)->item);
    free(a);
}

/* How many votes there are is a field of its own in a label's identity. */
static void vote_identity(const struct annotator *a, const char **model, const char **parameters)
{
    vote_cself(a)->inner->v->identity(vote_cself(a)->inner, model, parameters);
}

static int vote_window(const struct annotator *a)
{
    const struct vote *w = vote_cself(a);
    int n = w->inner->v->window(w->inner) / (w->votes / 2 + 1);
    return n < 1 ? 1 : n < VOTE_ITEMS ? n : VOTE_ITEMS;
}

static void vote_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                        int vote)
{
    struct vote *w = vote_self(a);
    int i = 0;
    while (i < VOTE_ITEMS && w->item[i].used)
        i++;
    ONIC_ASSERT(i < VOTE_ITEMS && len <= QUESTION_MAX);
    struct vote_item *it = &w->item[i];
    it->used = true;
    it->ticket = ticket;
    it->base = vote * w->votes;
    it->len = len;
    memcpy(it->question, question, len);
    it->score = question_kind_of(question, len) == QUESTION_SCORE;
    it->next = it->ntodo = it->flying = it->answered = 0;
    memset(it->side, 0, sizeof it->side);
    decide_on(it, missing(w, it));
    vote_pump(w);
}

static int vote_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct vote *w = vote_self(a);
    w->done = done;
    w->ctx = ctx;
    w->finished = 0;
    do
        vote_pump(w);
    while (w->inner->v->poll(w->inner, on_vote, w) > 0);
    return w->finished;
}

static int64_t vote_due_ms(const struct annotator *a)
{
    return vote_cself(a)->inner->v->due_ms(vote_cself(a)->inner);
}

static void take_vote(void *ctx, uint64_t ticket)
{
    struct vote *w = ctx;
    struct vote_item *it = &w->item[ticket / VOTE_MAX];
    it->todo[it->ntodo++] = (uint8_t)(ticket % VOTE_MAX);
    it->flying--;
    w->flying--;
}

static int vote_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct vote *w = vote_self(a);
    int n = 0;
    w->inner->v->cancel(w->inner, take_vote, w);
    for (int i = 0; i < VOTE_ITEMS; i++) {
        struct vote_item *it = &w->item[i];
        if (!it->used || it->flying > 0 || it->answered > 0)
            continue;
        it->used = false;
        taken(ctx, it->ticket);
        n++;
    }
    vote_pump(w);
    return n;
}

static enum annotator_health vote_health(const struct annotator *a)
{
    return annotator_health_of(vote_cself(a)->inner);
}

static int vote_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    return vote_cself(a)->inner->v->status(vote_cself(a)->inner, text, err);
}

static void vote_report(const struct annotator *a,
                        void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    const struct annotator *inner = vote_cself(a)->inner;
    if (inner->v->report)
        inner->v->report(inner, put, ctx);
}

static const struct annotator_vtable vtable = {
    .id = "vote",
    .summary = "majority of several answers",
    .free = vote_free,
    .identity = vote_identity,
    .window = vote_window,
    .submit = vote_submit,
    .poll = vote_poll,
    .due_ms = vote_due_ms,
    .cancel = vote_cancel,
    .health = vote_health,
    .status = vote_status,
    .report = vote_report,
};

struct annotator *vote_wrap(struct annotator *inner, int votes)
{
    struct vote *w = xcalloc(1, sizeof *w);
    ONIC_ASSERT(votes >= 1 && votes <= VOTE_MAX);
    w->base.v = &vtable;
    w->inner = inner;
    w->votes = votes;
    w->item = xcalloc(VOTE_ITEMS, sizeof *w->item);
    return &w->base;
}
