/* SPDX-License-Identifier: MIT */
/* random.c - labels by lot: the control that knows nothing of the goal.
 *
 * A caption's label is 1 with probability random.probability, a score is anywhere in [-1, 1), of a
 * pair the one that is first in order of bytes is better with probability 1/2, whichever is named
 * first. All is drawn from (annotator.seed, question) alone, so the same question has the same
 * label for ever. What a run with hash + random gains over a run without labels does not come from
 * language, and it does gain: each message it happens to praise is a novelty bonus
 * (deploy/experiments/README.md). Answers at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/annotator.h"

enum { RANDOM_WINDOW = 1024 };

struct random_item {
    uint64_t ticket;
    enum question_kind kind;
    double draw; /* [0, 1) */
    bool second; /* of a pair: the one that is first in order was named second */
    bool same;   /* of a pair: twice the same caption */
};

extern const struct annotator_vtable annotator_random;

struct lots {
    struct annotator base;
    double probability;
    uint64_t seed;
    bool no_preference;
    char parameters[128];
    struct random_item item[RANDOM_WINDOW];
    int n;
};

static struct lots *random_self(struct annotator *a)
{
    return (struct lots *)a;
}

static const struct lots *random_cself(const struct annotator *a)
{
    return (const struct lots *)a;
}

static int random_available(const struct config *config, struct onic_err *err)
{
    (void)config, (void)err;
    return ONIC_OK;
}

static int random_create(struct annotator **out, const struct annotator_setup *setup,
                         struct onic_err *err)
{
    (void)err;
    struct lots *r = xcalloc(1, sizeof *r);
    r->base.v = &annotator_random;
    r->probability = setup->config->random_probability;
    r->seed = (uint64_t)setup->config->annotator_seed;
    r->no_preference = setup->goal->no_preference;
    snprintf(r->parameters, sizeof r->parameters, "p=%.9g seed=%llu", r->probability,
             (unsigned long long)r->seed);
    *out = &r->base;
    return ONIC_OK;
}

static void random_free(struct annotator *a)
{
    free(a);
}

static void random_identity(const struct annotator *a, const char **model, const char **parameters)
{
    *model = "lots";
    *parameters = random_cself(a)->parameters;
}

static int random_window(const struct annotator *a)
{
    (void)a;
    return RANDOM_WINDOW;
}

/* The two captions of a pair in order of their bytes: the same draw whichever is named first. */
static size_t in_order(const struct question *q, char out[QUESTION_MAX], struct random_item *item)
{
    size_t least = q->len < q->len_b ? q->len : q->len_b;
    int order = memcmp(q->caption, q->caption_b, least);
    item->same = order == 0 && q->len == q->len_b;
    item->second = order ? order > 0 : q->len > q->len_b;
    return item->second ? question_pair(out, q->caption_b, q->len_b, q->caption, q->len)
                        : question_pair(out, q->caption, q->len, q->caption_b, q->len_b);
}

static void random_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                          int vote)
{
    (void)vote;
    struct lots *r = random_self(a);
    struct question q;
    char pair[QUESTION_MAX];
    ONIC_ASSERT(r->n < RANDOM_WINDOW);
    struct random_item *item = &r->item[r->n++];
    question_split(question, len, &q);
    *item = (struct random_item){.ticket = ticket, .kind = q.kind};
    if (q.kind == QUESTION_PAIR) {
        len = in_order(&q, pair, item);
        question = pair;
    }
    struct rng draw = rng_stream(r->seed, "annotator.random", XXH3_64bits(question, len), 0, 0);
    item->draw = rng_double(&draw);
}

static double random_label_of(const struct lots *r, const struct random_item *item)
{
    if (item->kind == QUESTION_SCORE)
        return r->no_preference ? 0 : 2 * item->draw - 1;
    if (item->kind == QUESTION_PAIR)
        return r->no_preference || item->same ? 0.5 : (item->draw < 0.5) != item->second;
    return !r->no_preference && item->draw < r->probability;
}

static int random_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct lots *r = random_self(a);
    int n = r->n;
    char raw[64];
    for (int i = 0; i < n; i++) {
        struct label out = {.state = LABEL_ANSWERED,
                            .value = random_label_of(r, &r->item[i]),
                            .confidence = 1,
                            .raw = raw};
        if (r->no_preference)
            snprintf(raw, sizeof raw, "no preference");
        else
            snprintf(raw, sizeof raw, "drew %.4f", r->item[i].draw);
        done(ctx, r->item[i].ticket, &out);
    }
    r->n = 0;
    return n;
}

static int64_t random_due_ms(const struct annotator *a)
{
    return random_cself(a)->n > 0 ? clock_ms() : -1;
}

static int random_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct lots *r = random_self(a);
    int n = r->n;
    for (int i = 0; i < n; i++)
        taken(ctx, r->item[i].ticket);
    r->n = 0;
    return n;
}

static int random_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    (void)a, (void)err;
    text[0] = '\0';
    return ONIC_OK;
}

const struct annotator_vtable annotator_random = {
    .id = "random",
    .summary = "labels by lot: the control that knows nothing of the goal",
    .kinds = 1u << QUESTION_CLASS | 1u << QUESTION_PAIR | 1u << QUESTION_SCORE,
    .available = random_available,
    .create = random_create,
    .free = random_free,
    .identity = random_identity,
    .window = random_window,
    .submit = random_submit,
    .poll = random_poll,
    .due_ms = random_due_ms,
    .cancel = random_cancel,
    .status = random_status,
};
