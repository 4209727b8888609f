/* SPDX-License-Identifier: MIT */
/* dashboard_routes.c - what the page asks for; dashboard.h lists it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/ledger.h"
#include "learner/dashboard/dashboard_impl.h"
#include "learner/dashboard/episodes.h"

enum {
    ACTORS_SHOWN = 256,
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

static void route_actors(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct dashboard *d = ctx;
    static struct wire_learner_actor actor[ACTORS_SHOWN]; /* the plane has one thread */
    (void)q;
    int all = 0, n = wire_learner_actors(d->wire, actor, ACTORS_SHOWN, &all);
    out->type = JSON;
    buf_printf(&out->body, "{\"known\":%d,\"actors\":[", all);
    for (int i = 0; i < n; i++)
        put_actor(&actor[i], i == 0, &out->body);
    buf_puts(&out->body, "]}");
}

static void route_ledger(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct dashboard *d = ctx;
    struct ledger l;
    (void)q;
    wire_learner_ledger(d->wire, &l);
    out->type = JSON;
    ledger_json(&l, &out->body);
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

static void route_episodes(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct dashboard *d = ctx;
    (void)q;
    out->type = JSON;
    episodes_json(d->p.run_dir, &out->body);
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
    episodes_hold(d->p.run_dir, file, path, sizeof path);
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
