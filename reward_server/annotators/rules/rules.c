/* SPDX-License-Identifier: MIT */
/* rules.c - a deterministic stand-in for a language model: the goal's pattern table.
 *
 * Of a pair the caption with label 1 is better than the one with label 0, equal labels are a tie.
 *
 * It can be made as bad as a real model: rules.latency_ms delays each answer, rules.rate bounds
 * answers per second, rules.noise (noise.c) makes answers wrong. Answers wait in a ring in
 * order of submission; latency is the same for all, so the head is always due first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "reward_server/annotators/annotator.h"

enum { RULES_WINDOW = 1024 };

struct rules_item {
    uint64_t ticket;
    int64_t due_ns;
    char question[QUESTION_MAX + 1];
    size_t len;
};

extern const struct annotator_vtable annotator_rules;

struct rules {
    struct annotator base;
    const struct goal *goal;
    int64_t latency_ns, interval_ns; /* interval between answers, 0 = no rate limit */
    int64_t next_ns;                 /* earliest time of the next answer */
    int window;
    struct rules_item *ring; /* [RULES_WINDOW] */
    int head, count;
};

static struct rules *rules_self(struct annotator *a)
{
    return (struct rules *)a;
}

static const struct rules *rules_cself(const struct annotator *a)
{
    return (const struct rules *)a;
}

static int rules_available(const struct config *config, struct onic_err *err)
{
    (void)config, (void)err;
    return ONIC_OK;
}

/* As many as are in the making at once: more would only wait here, in order of arrival, instead of
 * in the server's newest-first queue. */
static int window_for(const struct config *c)
{
    double n = RULES_WINDOW;
    if (c->rules_rate > 0)
        n = 1 + c->rules_rate * (c->rules_latency_ms / 1000 + 0.2);
    else if (c->rules_latency_ms > 0)
        n = 64;
    return n < 1 ? 1 : n > RULES_WINDOW ? RULES_WINDOW : (int)n;
}

static int rules_create(struct annotator **out, const struct annotator_setup *setup,
                        struct onic_err *err)
{
    (void)err;
    const struct config *c = setup->config;
    struct rules *r = xcalloc(1, sizeof *r);
    r->base.v = &annotator_rules;
    r->goal = setup->goal;
    r->latency_ns = (int64_t)(c->rules_latency_ms * 1e6);
    r->interval_ns = c->rules_rate > 0 ? (int64_t)(1e9 / c->rules_rate) : 0;
    r->window = window_for(c);
    r->ring = xcalloc(RULES_WINDOW, sizeof *r->ring);
    *out = &r->base;
    return ONIC_OK;
}

static void rules_free(struct annotator *a)
{
    if (!a)
        return;
    free(rules_self(a)->ring);
    free(a);
}

static void rules_identity(const struct annotator *a, const char **model, const char **parameters)
{
    (void)a;
    *model = "patterns";
    *parameters = "";
}

static int rules_window(const struct annotator *a)
{
    return rules_cself(a)->window;
}

static void rules_submit(struct annotator *a, uint64_t ticket, const char *question, size_t len,
                         int vote)
{
    (void)vote;
    struct rules *r = rules_self(a);
    ONIC_ASSERT(r->count < RULES_WINDOW && len <= QUESTION_MAX);
    struct rules_item *item = &r->ring[(r->head + r->count++) % RULES_WINDOW];
    int64_t now = clock_ns();
    int64_t start = r->next_ns > now ? r->next_ns : now;
    r->next_ns = start + r->interval_ns;
    item->ticket = ticket;
    item->due_ns = start + r->latency_ns;
    memcpy(item->question, question, len);
    item->question[len] = '\0';
    item->len = len;
}

/* Label of one caption; why, in at most size bytes. */
static int rules_label_of(const struct goal *g, const char *caption, char *why, size_t size)
{
    int rule = goal_match(g, caption);
    if (g->no_preference)
        snprintf(why, size, "no preference");
    else if (rule == GOAL_NO_RULE)
        snprintf(why, size, "no rule matches");
    else
        snprintf(why, size, "rule %d: %s", rule + 1, g->rules[rule].pattern);
    return rule == GOAL_NO_RULE ? 0 : g->rules[rule].label;
}

static void rules_answer(const struct rules *r, const struct rules_item *item, annotator_done done,
                         void *ctx)
{
    char raw[LABEL_RAW_MAX];
    struct question q;
    struct label out = {.state = LABEL_ANSWERED, .confidence = 1, .raw = raw};
    question_split(item->question, item->len, &q);
    int label = rules_label_of(r->goal, q.caption, raw, LABEL_RAW_MAX / 2 - 8), label_b = 0;
    if (q.kind == QUESTION_PAIR) {
        size_t at = strlen(raw);
        at += (size_t)snprintf(raw + at, sizeof raw - at, " | ");
        label_b = rules_label_of(r->goal, q.caption_b, raw + at, LABEL_RAW_MAX / 2 - 8);
    }
    out.value = q.kind == QUESTION_PAIR ? 0.5 + 0.5 * (label_b - label) : label;
    if (label == GOAL_RULE_ABSTAIN || label_b == GOAL_RULE_ABSTAIN) {
        out.state = LABEL_ABSTAINED;
        out.confidence = out.value = 0;
    }
    done(ctx, item->ticket, &out);
}

static int rules_poll(struct annotator *a, annotator_done done, void *ctx)
{
    struct rules *r = rules_self(a);
    int64_t now = clock_ns();
    int n = 0;
    while (r->count > 0 && r->ring[r->head].due_ns <= now) {
        const struct rules_item *item = &r->ring[r->head];
        r->head = (r->head + 1) % RULES_WINDOW;
        r->count--;
        n++;
        rules_answer(r, item, done, ctx);
    }
    return n;
}

static int64_t rules_due_ms(const struct annotator *a)
{
    const struct rules *r = rules_cself(a);
    return r->count ? (r->ring[r->head].due_ns + 999999) / 1000000 : -1;
}

static int rules_cancel(struct annotator *a, void (*taken)(void *ctx, uint64_t ticket), void *ctx)
{
    struct rules *r = rules_self(a);
    int n = r->count;
    for (; r->count > 0; r->count--, r->head = (r->head + 1) % RULES_WINDOW)
        taken(ctx, r->ring[r->head].ticket);
    return n;
}

static int rules_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    (void)a, (void)err;
    text[0] = '\0';
    return ONIC_OK;
}

/* Where it imitates a model that is slow, as that would. */
static enum annotator_effort rules_effort(const struct config *c)
{
    return c->rules_latency_ms > 0 || c->rules_rate > 0 ? ANNOTATOR_TAKES_TIME : ANNOTATOR_AT_ONCE;
}

static double rules_own_noise(const struct config *c)
{
    return c->rules_noise;
}

const struct annotator_vtable annotator_rules = {
    .id = "rules",
    .summary = "pattern table of the goal file, with noise, latency and rate like a real model",
    .kinds = 1u << QUESTION_CLASS | 1u << QUESTION_PAIR,
    .needs_goal = true,
    .available = rules_available,
    .effort = rules_effort,
    .own_noise = rules_own_noise,
    .create = rules_create,
    .free = rules_free,
    .identity = rules_identity,
    .window = rules_window,
    .submit = rules_submit,
    .poll = rules_poll,
    .due_ms = rules_due_ms,
    .cancel = rules_cancel,
    .status = rules_status,
};
