/* SPDX-License-Identifier: MIT */
/* dashboard.c - see dashboard.h. */
#include "learner/dashboard/dashboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/safe_file.h"
#include "common/run/run_dir.h"
#include "learner/dashboard/dashboard_impl.h"
#include "learner/dashboard/page.h"

enum {
    TICK_MS = 250,    /* processes that are asked are looked at */
    STATE_MS = 1000,  /* pages hear of the run */
    SERIES_MS = 2000, /* a push of the curves */
    LINES_A_TICK = 1000,
    STATE_JSON_MAX = 1 << 17
};

static void dashboard_take_number(void *ctx, const char *name, double value)
{
    numbers_put(ctx, name, value);
}

/* The numbers and texts of now. */
static void take_now(struct dashboard *d)
{
    d->numbers.count = 0;
    metrics_each(d->metrics, dashboard_take_number, &d->numbers);
    d->now.time = clock_wall_s();
    d->now.wall_s = metrics_wall_s(d->metrics);
    d->now.exit_code = atomic_load(&d->exit_code);
    d->now.phase = (enum state_phase)atomic_load(&d->phase);
    metrics_text_copy(d->metrics, "waiting", d->now.waiting, sizeof d->now.waiting);
    metrics_text_copy(d->metrics, "annotator", d->now.annotator, sizeof d->now.annotator);
    metrics_text_copy(d->metrics, "ledger", d->now.ledger, sizeof d->now.ledger);
    state_since_look(&d->since, &d->now);
    state_wait_add(&d->wait, d->now.wall_s, numbers_get(&d->numbers, "perf/starved_s"));
    buf_reset(&d->state);
    state_json(&d->run, &d->now, &d->numbers, &d->wait, &d->state);
}

static bool due(int64_t *last_ms, int64_t now_ms, int every_ms)
{
    if (*last_ms && now_ms - *last_ms < every_ms)
        return false;
    *last_ms = now_ms;
    return true;
}

static void dashboard_tick(void *ctx)
{
    struct dashboard *d = ctx;
    int64_t now = clock_ms();
    bool ended = atomic_load(&d->phase) == STATE_ENDED;
    asks_look(d->asks);
    if (d->history && history_read(d->history, d->series, LINES_A_TICK)) {
        history_free(d->history);
        d->history = NULL;
    }
    if (!due(&d->state_ms, now, STATE_MS) && !ended)
        return;
    take_now(d);
    if (!d->history && due(&d->series_ms, now, SERIES_MS))
        series_push(d->series, d->now.wall_s, &d->numbers);
    http_plane_publish(d->plane, d->state.data, d->state.len);
}

/* --- life ------------------------------------------------------------------------------------ */

/* The port of the life before, so that a page that is open finds the run again. */
static int port_before(const char *run_dir)
{
    char text[256];
    if (run_dir_read(run_dir, "dashboard", text, sizeof text, NULL) != ONIC_OK)
        return 0;
    const char *colon = strrchr(text, ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    return port > 0 && port < 65536 ? (int)port : 0;
}

static void write_address(const struct dashboard *d)
{
    char path[DASHBOARD_TEXT_MAX + 16], text[HTTP_URL_MAX + 1];
    struct onic_err err = {0};
    snprintf(path, sizeof path, "%s/dashboard", d->p.run_dir);
    int n = snprintf(text, sizeof text, "%s\n", http_plane_url(d->plane));
    if (run_home_check(d->home, &err) != ONIC_OK ||
        safe_replace_bytes(path, text, (size_t)n, &err) != ONIC_OK)
        log_warn("the address of the page is not in the run directory",
                 kv("why", (const char *)err.msg));
}

static void say_address(const struct dashboard *d)
{
    log_info("page", kv("url", http_plane_url(d->plane)));
    if (http_plane_exposed(d->plane))
        log_warn("whoever reaches the port of the page sees the run: it asks nobody for a key");
}

int dashboard_open(struct dashboard **out, const struct dashboard_params *p, struct onic_err *err)
{
    *out = NULL;
    if (!p->listen[0])
        return ONIC_OK;
    struct dashboard *d = xcalloc(1, sizeof *d);
    d->p = *p;
    const struct http_plane_params plane = {.listen = d->p.listen,
                                            .option = "--dashboard.listen",
                                            .hosts = d->p.hosts,
                                            .port_first = port_before(d->p.run_dir),
                                            .allow_exposed = d->p.allow_exposed,
                                            .tick_ms = TICK_MS,
                                            .tick = dashboard_tick,
                                            .ctx = d};
    struct onic_err why = {0};
    int rc = http_plane_create(&d->plane, &plane, &why);
    if (!rc) {
        d->asks = asks_create(d->plane);
        d->series = series_create();
        d->page = page_body();
        buf_init(&d->state, STATE_JSON_MAX);
        dashboard_routes(d);
        *out = d;
        return ONIC_OK;
    }
    free(d);
    if (rc == ONIC_ECONFIG)
        return err_set(err, rc, "%s", why.msg);
    log_warn("the run has no page; training goes on without it", kv("why", (const char *)why.msg));
    return ONIC_OK;
}

struct http_plane *dashboard_plane(struct dashboard *d)
{
    return d ? d->plane : NULL;
}

const char *dashboard_url(const struct dashboard *d)
{
    return d ? http_plane_url(d->plane) : "";
}

void dashboard_start(struct dashboard *d, const struct run_home *home, struct metrics *metrics,
                     struct wire_learner *wire)
{
    struct onic_err err = {0};
    if (!d)
        return;
    d->home = home;
    run_id_text(home->id, d->run_id);
    d->metrics = metrics;
    d->wire = wire;
    d->history = history_open(d->p.run_dir);
    d->run = (struct state_run){.run_dir = d->p.run_dir,
                                .env = d->p.env,
                                .reward_model = d->p.reward_model,
                                .annotator = d->p.annotator,
                                .goal = d->p.goal,
                                .run_id = d->run_id,
                                .frames = d->p.frames,
                                .stop_success = d->p.stop_success,
                                .stop_wall_s = d->p.stop_wall_s};
    if (http_plane_start(d->plane, &err) != ONIC_OK) {
        log_warn("the run has no page; training goes on without it",
                 kv("why", (const char *)err.msg));
        return;
    }
    write_address(d);
    say_address(d);
}

void dashboard_draining(struct dashboard *d)
{
    if (d)
        atomic_store(&d->phase, STATE_DRAINING);
}

void dashboard_close(struct dashboard *d, int exit_code)
{
    if (!d)
        return;
    atomic_store(&d->exit_code, exit_code);
    atomic_store(&d->phase, STATE_ENDED);
    http_plane_stop(d->plane); /* ticks once more */
    asks_free(d->asks);
    http_body_free(d->page);
    for (int i = 0; i < DASHBOARD_DOCS; i++)
        http_body_free(d->doc[i].body);
    http_plane_free(d->plane);
    series_free(d->series);
    history_free(d->history);
    buf_release(&d->state);
    free(d);
}
