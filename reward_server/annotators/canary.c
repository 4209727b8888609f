/* SPDX-License-Identifier: MIT */
/* canary.c - asks another annotator, now and then, what is known already.
 *
 * A model, a prompt or a quantisation that got worse answers on and on, and each answer looks like
 * a label. So after every 1 / rate questions the annotator is asked a canary (canaries.h), by turns
 * one whose answer is 1 and one whose answer is 0, of the kind that was asked last: of two messages
 * it is told which is better, in either order. An abstention is no right answer. The share of right
 * ones among the last CANARY_WINDOW is a number of the annotator, and a warning when it falls below
 * CANARY_LOW.
 *
 * Answers of canaries end here: they are no labels, and are not in the store. What they cost is
 * counted where all requests are. A canary takes a place of the window; none is asked while the
 * annotator is away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/wrap.h"

enum { CANARY_WINDOW = 50, CANARY_ENOUGH = 20, CANARY_AT_ONCE = 16, CANARY_NAME_MAX = 32 };
static const double CANARY_LOW = 0.9;
/* The first of CANARY_AT_ONCE tickets that are none of others. */
static const uint64_t CANARY_TICKET = UINT64_MAX - CANARY_AT_ONCE;

struct canary_item {
    bool under_way;
    double want;
    char question[QUESTION_MAX];
    size_t len;
};

struct canary {
    struct annotator base;
    struct annotator *inner;
    const char *id; /* of the annotator that is watched; borrowed */
    struct canaries messages;
    double rate, credit; /* canaries that are due */
    struct rng draw;
    int flying;              /* questions of others */
    int under_way;           /* canaries */
    enum question_kind kind; /* of the question asked last */
    struct canary_item item[CANARY_AT_ONCE];
    uint64_t asked, answered;
    bool right[CANARY_WINDOW];                 /* of canary number i at i % CANARY_WINDOW */
    bool told;                                 /* people know that it is low */
    bool told_scores;                          /* and that scores have none */
    annotator_done done;                       /* of the poll under way */
    void (*taken)(void *ctx, uint64_t ticket); /* of the cancel under way */
    void *ctx;
    int given, given_back; /* in these, of others */
};

static struct canary *canary_self(struct annotator *a)
{
    return (struct canary *)a;
}

static const struct canary *canary_cself(const struct annotator *a)
{
    return (const struct canary *)a;
}

/* --- what the answers say -------------------------------------------------------------------- */

static int canary_seen(const struct canary *w)
{
    return w->answered < CANARY_WINDOW ? (int)w->answered : CANARY_WINDOW;
}

static double canary_agreement(const struct canary *w)
{
    int n = canary_seen(w), right = 0;
    for (int i = 0; i < n; i++)
        right += w->right[i];
    return n ? (double)right / n : 1;
}

/* "You open the red door." or the two of a pair, for people. */
static void canary_put_question(const struct canary_item *it, char *out, size_t size)
{
    struct question q;
    question_split(it->question, it->len, &q);
    snprintf(out, size, "%.*s%s%.*s", (int)q.len, q.caption, q.caption_b ? " | " : "", (int)q.len_b,
             q.caption_b ? q.caption_b : "");
}

static void canary_tell(struct canary *w, const struct canary_item *it, const struct label *last)
{
    char text[2 * QUESTION_CAPTION_MAX + 8];
    double agreement = canary_agreement(w);
    if (canary_seen(w) < CANARY_ENOUGH || (agreement < CANARY_LOW) == w->told)
        return;
    w->told = !w->told;
    if (!w->told) {
        log_warn("canaries are answered rightly again", kv("annotator", w->id),
                 kv("right", agreement), kv("of_the_last", canary_seen(w)));
        return;
    }
    canary_put_question(it, text, sizeof text);
    log_warn("messages whose answer is known (canaries) are answered wrongly, so labels may be "
             "wrong as well: look at the wording (annotator.prompt), at the model that is served "
             "and its quantisation (llm.model), or name canaries that fit the goal "
             "(annotator.canaries)",
             kv("annotator", w->id), kv("right", agreement), kv("of_the_last", canary_seen(w)),
             kv("for_example", (const char *)text), kv("known", it->want),
             kv("answered", last->state == LABEL_ANSWERED ? last->value : -1.0),
             kv("raw", last->raw));
}

static void canary_judge(struct canary *w, struct canary_item *it, const struct label *label)
{
    bool right = label->state == LABEL_ANSWERED && label->value == it->want;
    w->right[w->answered++ % CANARY_WINDOW] = right;
    it->under_way = false;
    w->under_way--;
    if (!right || w->told)
        canary_tell(w, it, label);
}

/* --- asking ---------------------------------------------------------------------------------- */

/* Canaries that may be asked now, where there is room. */
static int canary_due(const struct canary *w)
{
    int most = CANARY_AT_ONCE - w->under_way, due = (int)w->credit;
    if (w->kind == QUESTION_SCORE || annotator_health_of(w->inner) != ANNOTATOR_AVAILABLE)
        return 0;
    return due < most ? due : most;
}

static const char *canary_draw(struct canary *w, int label)
{
    return w->messages.text[label][rng_below(&w->draw, (uint32_t)w->messages.n[label])];
}

static void canary_ask_one(struct canary *w)
{
    int answer = (int)(w->asked++ % 2), i = 0;
    const char *text = canary_draw(w, answer);
    while (w->item[i].under_way)
        i++;
    struct canary_item *it = &w->item[i];
    if (w->kind == QUESTION_PAIR) { /* 1: the second is better */
        const char *first = canary_draw(w, 1 - answer);
        it->len = question_pair(it->question, first, strlen(first), text, strlen(text));
    } else {
        it->len = question_about(it->question, w->kind, text, strlen(text));
    }
    it->want = answer;
    it->under_way = true;
    w->under_way++;
    w->credit -= 1;
    w->inner->v->submit(w->inner, CANARY_TICKET + (uint64_t)i, it->question, it->len, 0);
}

static void canary_pump(struct canary *w)
{
    while (canary_due(w) > 0 && w->flying + w->under_way < w->inner->v->window(w->inner))
        canary_ask_one(w);
}

static void canary_on_answer(void *ctx, uint64_t ticket, const struct label *label)
{
    struct canary *w = ctx;
    if (ticket >= CANARY_TICKET) {
        canary_judge(w, &w->item[ticket - CANARY_TICKET], label);
        return;
    }
    w->flying--;
    w->given++;
    w->done(w->ctx, ticket, label);
}

/* --- the vtable ------------------------------------------------------------------------------ */

static void canary_free(struct annotator *a)
{
    if (!a)
        return;
    struct canary *w = canary_self(a);
    w->inner->v->free(w->inner);
    canaries_release(&w->messages);
    free(w);
}

static void canary_identity(const struct annotator *a, const char **model, const char **parameters)
{
    canary_cself(a)->inner->v->identity(canary_cself(a)->inner, model, parameters);
}

/* 0 while canaries have, or wait for, all places. */
static int canary_window(const struct annotator *a)
{
    const struct canary *w = canary_cself(a);
    int n = w->inner->v->window(w->inner) - w->under_way - canary_due(w);
    return n > 0 ? n : 0;
}

static void canary_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                          int vote)
{
    struct canary *w = canary_self(a);
    ONIC_ASSERT(ticket < CANARY_TICKET);
    w->flying++;
    w->inner->v->submit(w->inner, ticket, question, len, vote);
    w->kind = question_kind_of(question, len);
    if (w->kind == QUESTION_SCORE && !w->told_scores) {
        w->told_scores = true;
        log_warn("scores have no known answers: no canaries are asked (annotator.canary_rate)",
                 kv("annotator", w->id));
    }
    if (w->kind != QUESTION_SCORE)
        w->credit += w->rate;
    canary_pump(w);
}

static int canary_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct canary *w = canary_self(a);
    w->done = done;
    w->ctx = ctx;
    w->given = 0;
    canary_pump(w);
    w->inner->v->poll(w->inner, canary_on_answer, w);
    canary_pump(w); /* there may be room now */
    return w->given;
}

static int64_t canary_poll_due_ms(const struct annotator *a)
{
    return canary_cself(a)->inner->v->due_ms(canary_cself(a)->inner);
}

/* A canary that is taken back is asked later. */
static void canary_take_back(void *ctx, uint64_t ticket)
{
    struct canary *w = ctx;
    if (ticket >= CANARY_TICKET) {
        w->item[ticket - CANARY_TICKET].under_way = false;
        w->under_way--;
        w->asked--;
        w->credit += 1;
        return;
    }
    w->flying--;
    w->given_back++;
    w->taken(w->ctx, ticket);
}

static int canary_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct canary *w = canary_self(a);
    w->taken = taken;
    w->ctx = ctx;
    w->given_back = 0;
    w->inner->v->cancel(w->inner, canary_take_back, w);
    return w->given_back;
}

static enum annotator_health canary_health(const struct annotator *a)
{
    return annotator_health_of(canary_cself(a)->inner);
}

static int canary_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    return canary_cself(a)->inner->v->status(canary_cself(a)->inner, text, err);
}

static void canary_report(const struct annotator *a,
                          void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    const struct canary *w = canary_cself(a);
    char name[CANARY_NAME_MAX];
    if (w->inner->v->report)
        w->inner->v->report(w->inner, put, ctx);
    snprintf(name, sizeof name, "%.12s_canaries", w->id);
    put(ctx, name, (double)w->asked);
    snprintf(name, sizeof name, "%.12s_canaries_right", w->id);
    if (w->answered)
        put(ctx, name, canary_agreement(w));
}

static const struct annotator_vtable vtable = {
    .id = "canary",
    .summary = "asked now and then what is known",
    .free = canary_free,
    .identity = canary_identity,
    .window = canary_window,
    .submit = canary_submit,
    .poll = canary_poll,
    .due_ms = canary_poll_due_ms,
    .cancel = canary_cancel,
    .health = canary_health,
    .status = canary_status,
    .report = canary_report,
};

struct annotator *canary_wrap(struct annotator *inner, const char *id, struct canaries *messages,
                              double rate, uint64_t answered_before)
{
    struct canary *w = xcalloc(1, sizeof *w);
    ONIC_ASSERT(canaries_tell_apart(messages) && rate > 0 && rate <= 1);
    w->base.v = &vtable;
    w->inner = inner;
    w->id = id;
    w->messages = *messages;
    *messages = (struct canaries){0};
    w->rate = rate;
    /* as if this life went on where the one before ended: short lives ask their share, too */
    double due = 0.5 + (double)answered_before * rate;
    w->credit = due - (double)(uint64_t)due;
    w->draw = rng_stream(answered_before, "annotator.canary", 0, 0, 0);
    return &w->base;
}
