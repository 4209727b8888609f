/* SPDX-License-Identifier: MIT */
/* noise.c - makes any annotator wrong with a known probability.
 *
 * Label x becomes 1 - x (of a pair: the other one; a tie stays a tie), a score -x. The draw depends
 * on annotator.seed, the goal, the question and the index of the vote: the same question gets the
 * same wrong answer for ever, another vote an independent one. Abstentions stay. Whether an answer
 * is turned is settled at submit, so that only one bit per question waits for the answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/wrap.h"

enum { NOISE_WINDOW = 1024 };

struct noise_item {
    uint64_t ticket; /* of who asked; the inner annotator's is the index of the item */
    bool turn, score;
};

struct noise {
    struct annotator base;
    struct annotator *inner;
    double probability;
    uint64_t seed;
    char parameters[128];
    struct noise_item item[NOISE_WINDOW];
    int spare[NOISE_WINDOW], nspare;           /* items not in use */
    annotator_done done;                       /* of the poll under way */
    void (*taken)(void *ctx, uint64_t ticket); /* of the cancel under way */
    void *ctx;
};

static struct noise *noise_self(struct annotator *a)
{
    return (struct noise *)a;
}

static const struct noise *noise_cself(const struct annotator *a)
{
    return (const struct noise *)a;
}

static void noise_free(struct annotator *a)
{
    if (!a)
        return;
    noise_self(a)->inner->v->free(noise_self(a)->inner);
    free(a);
}

static void noise_identity(const struct annotator *a, const char **model, const char **parameters)
{
    noise_cself(a)->inner->v->identity(noise_cself(a)->inner, model, parameters);
    *parameters = noise_cself(a)->parameters;
}

static int noise_window(const struct annotator *a)
{
    int n = noise_cself(a)->inner->v->window(noise_cself(a)->inner);
    return n < NOISE_WINDOW ? n : NOISE_WINDOW;
}

static void noise_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                         int vote)
{
    struct noise *w = noise_self(a);
    struct rng draw =
        rng_stream(w->seed, "annotator.noise", XXH3_64bits(question, len), (uint64_t)vote, 0);
    ONIC_ASSERT(w->nspare > 0);
    int i = w->spare[--w->nspare];
    w->item[i] = (struct noise_item){ticket, rng_double(&draw) < w->probability,
                                     question_kind_of(question, len) == QUESTION_SCORE};
    w->inner->v->submit(w->inner, (uint64_t)i, question, len, vote);
}

static void give_on(void *ctx, uint64_t ticket, const struct label *label)
{
    struct noise *w = ctx;
    const struct noise_item *item = &w->item[ticket];
    char raw[LABEL_RAW_MAX];
    struct label out = *label;
    if (item->turn && label->state == LABEL_ANSWERED) {
        out.value = item->score ? -label->value : 1 - label->value;
        snprintf(raw, sizeof raw, "%.480s (turned by noise)", label->raw);
        out.raw = raw;
    }
    w->spare[w->nspare++] = (int)ticket;
    w->done(w->ctx, item->ticket, &out);
}

static int noise_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct noise *w = noise_self(a);
    w->done = done;
    w->ctx = ctx;
    return w->inner->v->poll(w->inner, give_on, w);
}

static int64_t noise_due_ms(const struct annotator *a)
{
    return noise_cself(a)->inner->v->due_ms(noise_cself(a)->inner);
}

static void give_back(void *ctx, uint64_t ticket)
{
    struct noise *w = ctx;
    w->spare[w->nspare++] = (int)ticket;
    w->taken(w->ctx, w->item[ticket].ticket);
}

static int noise_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct noise *w = noise_self(a);
    w->taken = taken;
    w->ctx = ctx;
    return w->inner->v->cancel(w->inner, give_back, w);
}

static enum annotator_health noise_health(const struct annotator *a)
{
    return annotator_health_of(noise_cself(a)->inner);
}

static int noise_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    return noise_cself(a)->inner->v->status(noise_cself(a)->inner, text, err);
}

static void noise_report(const struct annotator *a,
                         void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    const struct annotator *inner = noise_cself(a)->inner;
    if (inner->v->report)
        inner->v->report(inner, put, ctx);
}

static const struct annotator_vtable vtable = {
    .id = "noise",
    .summary = "wrong with a probability",
    .free = noise_free,
    .identity = noise_identity,
    .window = noise_window,
    .submit = noise_submit,
    .poll = noise_poll,
    .due_ms = noise_due_ms,
    .cancel = noise_cancel,
    .health = noise_health,
    .status = noise_status,
    .report = noise_report,
};

/* The noise comes first: texts of identities are cut at their end. */
static void noise_set_parameters(struct noise *w, int64_t seed)
{
    const char *model, *inner;
    int n = snprintf(w->parameters, sizeof w->parameters, "noise=%.9g", w->probability);
    if (seed != 0)
        n += snprintf(w->parameters + n, sizeof w->parameters - (size_t)n, " seed=%lld",
                      (long long)seed);
    w->inner->v->identity(w->inner, &model, &inner);
    if (strlen(inner) + (size_t)n + 2 <= sizeof w->parameters)
        snprintf(w->parameters + n, sizeof w->parameters - (size_t)n, "%s%s", *inner ? " " : "",
                 inner);
    else
        snprintf(w->parameters + n, sizeof w->parameters - (size_t)n, " %016llx",
                 (unsigned long long)XXH3_64bits(inner, strlen(inner)));
}

struct annotator *noise_wrap(struct annotator *inner, const struct goal *goal, int64_t seed,
                             double probability)
{
    struct noise *w = xcalloc(1, sizeof *w);
    const char *version = goal->version;
    w->base.v = &vtable;
    w->inner = inner;
    w->probability = probability;
    w->seed = XXH3_64bits_withSeed(version, strlen(version), (uint64_t)seed);
    noise_set_parameters(w, seed);
    for (int i = NOISE_WINDOW - 1; i >= 0; i--)
        w->spare[w->nspare++] = i;
    return &w->base;
}
