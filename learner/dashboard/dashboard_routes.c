/* SPDX-License-Identifier: MIT */
/* dashboard_routes.c - what the page asks for; dashboard.h lists it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/data/ledger.h"
#include "learner/dashboard/dashboard_impl.h"
#include "learner/dashboard/episodes.h"

enum {
    ACTORS_SHOWN = 256,
    SHARED_MS = 1000,
    CAPTIONS_FRESH_MS = 20000,
    LABELS_FRESH_MS = 10000,
    STEP_DIGITS = 9,
    EPISODE_PATH_MAX = DASHBOARD_TEXT_MAX + EPISODES_NAME_MAX + 32
};

static const char JSON[] = "application/json";

static void route_page(void *ctx, const struct http_request *q, struct http_reply *out)
{
    (void)q;
    out->shared = ((struct dashboard *)ctx)->page;
}

static void route_state(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct dashboard *d = ctx;
    (void)q;
    out->type = JSON;
    buf_append(&out->body, d->state.data, d->state.len);
}

static void route_series(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct dashboard *d = ctx;
    const char *tags = http_query(q, "tags");
    out->type = JSON;
    series_json(d->series, tags ? tags : "", &out->body);
}

typedef void put_document(const struct dashboard *d, struct buf *out);

/* Pages that ask within a second are given the same: fifty cost hardly more than one. */
static void answer_shared(struct dashboard *d, enum dashboard_doc which, put_document *put,
                          struct http_reply *out)
{
    int64_t now = clock_ms();
    out->type = JSON;
    if (!d->doc[which].body || now - d->doc[which].made_ms >= SHARED_MS) {
        put(d, &out->body);
        struct http_body *body = http_body_create(d->plane, JSON, &out->body);
        if (!body) /* too much is unread: this one is sent by itself, or not at all */
            return;
        http_body_free(d->doc[which].body);
        d->doc[which].body = body;
        d->doc[which].made_ms = now;
    }
    out->shared = d->doc[which].body;
}

static void put_actor(const struct wire_learner_actor *a, bool first, struct buf *out)
{
    buf_printf(out, "%s{\"id\":%u,\"state\":\"%s\",\"pid\":%u,\"incarnation\":%llu",
               first ? "" : ",", a->id, a->state, a->pid, (unsigned long long)a->incarnation);
    buf_json_key_text(out, "host", a->host);
    buf_json_key_number(out, "silent_s", a->silent_s);
    buf_json_key_number(out, "cpu_s", a->cpu_s);
    buf_printf(out, ",\"env_steps\":%llu,\"produced\":%llu,\"unbooked\":%llu}",
               (unsigned long long)a->env_steps, (unsigned long long)a->produced,
               (unsigned long long)a->unbooked);
}

static void dashboard_put_actors(const struct dashboard *d, struct buf *out)
{
    static struct wire_learner_actor actor[ACTORS_SHOWN]; /* the plane has one thread */
    int all = 0, n = wire_learner_actors(d->wire, actor, ACTORS_SHOWN, &all);
    buf_printf(out, "{\"known\":%d", all);
    buf_json_key_number(out, "at_s", (double)clock_ms() / 1000);
    buf_puts(out, ",\"actors\":[");
    for (int i = 0; i < n; i++)
        put_actor(&actor[i], i == 0, out);
    buf_puts(out, "]}");
}

static void route_actors(void *ctx, const struct http_request *q, struct http_reply *out)
{
    (void)q;
    answer_shared(ctx, DASHBOARD_ACTORS, dashboard_put_actors, out);
}

static void dashboard_put_ledger(const struct dashboard *d, struct buf *out)
{
    struct ledger l;
    wire_learner_ledger(d->wire, &l);
    ledger_json(&l, out);
}

static void route_ledger(void *ctx, const struct http_request *q, struct http_reply *out)
{
    (void)q;
    answer_shared(ctx, DASHBOARD_LEDGER, dashboard_put_ledger, out);
}

static void route_captions(void *ctx, const struct http_request *q, struct http_reply *out)
{
    struct dashboard *d = ctx;
    const char *words[] = {"labels", "top",    d->p.run_dir,
                           "--json", "--n=40", d->p.labels[0] ? d->p.labels : NULL,
                           NULL};
    (void)q;
    asks_answer(d->asks, words, CAPTIONS_FRESH_MS, out);
}

static void dashboard_put_episodes(const struct dashboard *d, struct buf *out)
{
    episodes_json(d->p.run_dir, out);
}

static void route_episodes(void *ctx, const struct http_request *q, struct http_reply *out)
{
    (void)q;
    answer_shared(ctx, DASHBOARD_EPISODES, dashboard_put_episodes, out);
}

static void refuse_query(struct http_reply *out, const char *sentence)
{
    out->type = JSON;
    out->status = 400;
    buf_puts(&out->body, "{\"error\":");
    buf_json_string(&out->body, sentence, strlen(sentence));
    buf_puts(&out->body, "}");
}

/* `onic replay FILE --json ...` of a kept episode of this run. */
static void ask_replay(struct dashboard *d, const struct http_request *q, const char *how,
                       int64_t fresh_ms, struct http_reply *out)
{
    char path[EPISODE_PATH_MAX];
    const char *file = http_query(q, "file"),
               *words[ASKS_ARGS_MAX + 1] = {"replay", path, "--json"};
    const char *more[] = {how, d->p.plugin, d->p.nle, d->p.env_options, d->p.labels};
    int n = 3;
    if (!file || !episodes_name_is_plain(file)) {
        refuse_query(out, "file= is no name of a kept episode");
        return;
    }
    episodes_hold(d->p.run_dir, d->home, file, path, sizeof path);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i][0])
            words[n++] = more[i];
    words[n] = NULL;
    asks_answer(d->asks, words, fresh_ms, out);
}

static void route_episode(void *ctx, const struct http_request *q, struct http_reply *out)
{
    ask_replay(ctx, q, "--frames", INT64_MAX, out);
}

static void route_why(void *ctx, const struct http_request *q, struct http_reply *out)
{
    char how[32];
    const char *t = http_query(q, "t");
    if (!t || !*t || strlen(t) > STEP_DIGITS || strspn(t, "0123456789") != strlen(t)) {
        refuse_query(out, "t= is no step");
        return;
    }
    snprintf(how, sizeof how, "--explain=%.9s", t);
    ask_replay(ctx, q, how, LABELS_FRESH_MS, out);
}

void dashboard_routes(struct dashboard *d)
{
    static const struct http_route routes[] = {
        {.path = "/", .answer = route_page},
        {.path = "/events", .stream = true},
        {.path = "/api/state", .answer = route_state},
        {.path = "/api/series", .answer = route_series},
        {.path = "/api/actors", .answer = route_actors},
        {.path = "/api/ledger", .answer = route_ledger},
        {.path = "/api/captions", .answer = route_captions},
        {.path = "/api/episodes", .answer = route_episodes},
        {.path = "/api/episode", .answer = route_episode},
        {.path = "/api/why", .answer = route_why},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        struct http_route r = routes[i];
        r.ctx = d;
        http_plane_route(d->plane, &r);
    }
}
