/* SPDX-License-Identifier: MIT */
/* check.c - see llm_check.h: the annotator without a store, run until every server has been found
 * ready or has failed once. One that failed is then asked which models it serves, for the sentence
 * about it. */
#include "reward_server/annotators/llm/llm_check.h"

#include <string.h>

#include "reward_server/annotators/llm/llm_impl.h"

enum { MODELS_TEXT = 160 };

/* The question after the models of one server. */
struct listing {
    const struct llm_endpoint *e;
    char why[LLM_WHY_MAX];    /* of the probe: later attempts must not change it */
    char models[MODELS_TEXT]; /* "a, b"; "" when it does not say */
    int *waiting;
};

/* Before the loop waits for the network: what ended in a timer's callback ends the loop, too. */
struct run {
    uv_prepare_t prepare;
    const struct llm *l;
    int waiting; /* questions after models under way */
};

static bool settled(const struct llm *l)
{
    for (int i = 0; i < l->nendpoints; i++) {
        const struct llm_endpoint *e = &l->endpoint[i];
        if (!e->ready && e->breaker == LLM_CLOSED && e->failures == 0)
            return false;
    }
    return true;
}

static void on_models(void *ctx, const struct http_reply *r)
{
    struct listing *m = ctx;
    json_t *root =
        r->failure == HTTP_FINE && r->status == 200 ? json_loads(r->body, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "data");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(list, i), "id"));
        size_t at = strlen(m->models);
        if (id && at + strlen(id) + 8 < sizeof m->models)
            snprintf(m->models + at, sizeof m->models - at, "%s%s", at ? ", " : "", id);
    }
    json_decref(root);
    --*m->waiting;
}

static void ask_models(struct llm *l, struct listing *m)
{
    char url[LLM_URL_MAX + 16];
    snprintf(url, sizeof url, "%s/models", m->e->url);
    struct http_request q = {.url = url,
                             .key = l->settings.key,
                             .total_ms = (int)(l->settings.deadline_s * 1000),
                             .done = on_models,
                             .ctx = m};
    ++*m->waiting;
    http_start(l->http, &q);
}

static bool serves(const struct listing *m, const char *model)
{
    const char *at = strstr(m->models, model);
    size_t n = strlen(model);
    return at && (at == m->models || at[-1] == ' ') && (!at[n] || at[n] == ',');
}

static void put_ready(const struct llm *l, const struct llm_endpoint *e, struct buf *out)
{
    buf_printf(out, "%s answers as %s; ", e->url, l->settings.model);
    if (e->style.dialect == LLM_PLAIN)
        buf_puts(out, "nothing binds its answers, so they are parsed strictly");
    else
        buf_printf(out, "%s binds its answers", llm_dialect_name(e->style.dialect));
    buf_printf(out, " (%s)", llm_api_name(e->style.api));
}

static void put_broken(const struct llm *l, const struct listing *m, struct buf *out)
{
    bool advises = strstr(m->why, "llm.") != NULL;
    buf_printf(out, "%s cannot be asked: %s", m->e->url, m->why);
    if (*m->models && !serves(m, l->settings.model))
        buf_printf(out, "; it serves %s: set llm.model to one of them", m->models);
    else if (!advises)
        buf_puts(out, "; start the server there, or change llm.url");
}

static void put_key(const struct llm *l, const struct config *c, struct buf *out)
{
    buf_puts(out, !*l->settings.key      ? "; no key is sent"
                  : *c->llm_api_key_file ? "; the key comes from llm.api_key_file"
                                         : "; the key comes from OPENAI_API_KEY");
}

static void on_prepare(uv_prepare_t *p)
{
    const struct run *r = p->data;
    if (settled(r->l) && r->waiting == 0)
        uv_stop(r->l->loop);
}

static int check(struct llm *l, const struct config *c, struct buf *out)
{
    static struct listing listing[LLM_ENDPOINTS_MAX];
    struct run run = {.l = l};
    int broken = 0;
    run.prepare.data = &run;
    uv_prepare_init(l->loop, &run.prepare);
    uv_prepare_start(&run.prepare, on_prepare);
    uv_run(l->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < l->nendpoints; i++) {
        struct llm_endpoint *e = &l->endpoint[i];
        listing[i] = (struct listing){.e = e, .waiting = &run.waiting};
        snprintf(listing[i].why, sizeof listing[i].why, "%s", e->why);
        broken += !e->ready;
        if (!e->ready)
            ask_models(l, &listing[i]);
    }
    uv_run(l->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&run.prepare, NULL);
    uv_run(l->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < l->nendpoints; i++) {
        buf_puts(out, i ? "; " : "");
        if (*listing[i].why)
            put_broken(l, &listing[i], out);
        else
            put_ready(l, listing[i].e, out);
    }
    put_key(l, c, out);
    return broken;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

int llm_check(const struct config *config, struct buf *out, int *broken, struct onic_err *err)
{
    struct goal *goal = NULL;
    struct annotator *a = NULL;
    uv_loop_t loop;
    const struct annotator_vtable *v = annotator_find("llm");
    int rc = annotator_goal(&goal, v, config, err);
    if (rc != ONIC_OK)
        return rc;
    if (uv_loop_init(&loop) != 0) {
        goal_free(goal);
        return err_set(err, ONIC_EIO, "cannot create an event loop");
    }
    struct annotator_setup setup = {.config = config, .goal = goal, .loop = &loop, .wake = no_wake};
    rc = v->create(&a, &setup, err);
    if (rc == ONIC_OK)
        *broken = check((struct llm *)a, config, out);
    v->free(a);
    uv_run(&loop, UV_RUN_DEFAULT);
    ONIC_ASSERT(uv_loop_close(&loop) == 0);
    goal_free(goal);
    return rc;
}
