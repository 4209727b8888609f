/* SPDX-License-Identifier: MIT */
/* report.c - the annotator's own numbers, and its state in one sentence; see llm_impl.h. */
#include "reward_server/annotators/llm/llm_impl.h"

void llm_report(const struct annotator *a, void (*put)(void *ctx, const char *name, double value),
                void *ctx)
{
    const struct llm *l = (const struct llm *)a;
    const struct llm_budget *b = &l->budget;
    double window = 0;
    int ready = 0, open = 0, flying = 0;
    for (int i = 0; i < l->nendpoints; i++) {
        const struct llm_endpoint *e = &l->endpoint[i];
        ready += e->ready;
        open += e->breaker != LLM_CLOSED;
        window += e->window;
        flying += e->in_flight;
    }
    put(ctx, "llm_requests", (double)b->spent.requests); /* these four: all lives */
    put(ctx, "llm_tokens_in", (double)b->spent.tokens_in);
    put(ctx, "llm_tokens_out", (double)b->spent.tokens_out);
    put(ctx, "llm_cost", llm_budget_cost(b, &b->spent));
    put(ctx, "llm_retries", (double)l->retries);
    put(ctx, "llm_asked_again", (double)l->asked_again);
    put(ctx, "llm_unusable", (double)l->unusable);
    put(ctx, "llm_in_flight", flying);
    put(ctx, "llm_window", window);
    put(ctx, "llm_servers_ready", ready);
    put(ctx, "llm_servers_stopped", open);
    llm_orders_report(l, put, ctx);
}

static const char *trouble_of(const struct llm_endpoint *e)
{
    return e->why[0] ? e->why : e->bad_why;
}

/* A budget that is used up must not hide that no labels came for it. */
static void put_what_it_went_for(const struct llm *l, char text[160])
{
    size_t n = strlen(text);
    for (int i = 0; i < l->nendpoints; i++) {
        const char *why = trouble_of(&l->endpoint[i]);
        if (*why) {
            snprintf(text + n, 160 - n, " (%.90s)", why);
            return;
        }
    }
}

int llm_status(const struct annotator *a, char text[160], struct onic_err *err)
{
    const struct llm *l = (const struct llm *)a;
    const struct llm_endpoint *probed = NULL;
    int asked = 0;
    (void)err;
    text[0] = '\0';
    if (llm_budget_full(&l->budget)) {
        llm_budget_text(&l->budget, text);
        put_what_it_went_for(l, text);
        return ONIC_OK;
    }
    for (int i = 0; i < l->nendpoints; i++) {
        const struct llm_endpoint *e = &l->endpoint[i];
        asked += e->ready && e->breaker == LLM_CLOSED;
        const char *why = trouble_of(e);
        if (*why && !text[0])
            snprintf(text, 160, "%.60s: %.90s", e->url, why);
        else if (!e->ready && !probed)
            probed = e;
    }
    if (probed && !asked && !text[0])
        snprintf(text, 160, "asking %.60s which constraints it obeys", probed->url);
    return ONIC_OK;
}
