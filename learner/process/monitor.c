/* SPDX-License-Identifier: MIT */
/* monitor.c - see monitor.h. */
#include "learner/process/monitor.h"

#include "common/base/clock.h"
#include "common/http/http_plane.h"
#include "common/metrics/prometheus.h"

/* As long as `onic train` waits for a learner's pulse before it replaces it. */
enum { MONITOR_HUNG_MS = 180000 };

void monitor_beat(struct monitor *m)
{
    atomic_store_explicit(&m->beat_ms, clock_ms(), memory_order_relaxed);
}

void monitor_enter(struct monitor *m, enum monitor_phase phase)
{
    atomic_store(&m->phase, (int)phase);
}

static void answer_metrics(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct monitor *m = ctx;
    struct metrics_number numbers[METRICS_NUMBERS_MAX];
    const struct prometheus_label run[] = {{"env", m->env},
                                           {"reward_model", m->reward_model},
                                           {"labels", m->wants_labels ? "wanted" : "none"},
                                           {"run_id", m->run_id},
                                           {.name = NULL}};
    (void)q;
    out->type = PROMETHEUS_TYPE;
    prometheus_process(&out->body);
    prometheus_info(&out->body, "onic_run_info", "What is trained", run);
    if (atomic_load(&m->phase) ==
        MONITOR_STARTING) /* what earlier lives counted is not known yet */
        return;
    prometheus_numbers(&out->body, numbers,
                       metrics_numbers(m->metrics, numbers, METRICS_NUMBERS_MAX));
}

static void answer_health(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct monitor *m = ctx;
    long long silent_ms = clock_ms() - atomic_load(&m->beat_ms);
    (void)q;
    if (silent_ms < MONITOR_HUNG_MS) {
        buf_puts(&out->body, "ok\n");
        return;
    }
    out->status = 503;
    buf_printf(&out->body, "the training loop has not moved for %lld s\n", silent_ms / 1000);
}

static void answer_ready(void *ctx, const struct http_request *q, struct http_reply *out)
{
    const struct monitor *m = ctx;
    int phase = atomic_load(&m->phase);
    (void)q;
    if (phase != MONITOR_TRAINING)
        out->status = 503;
    buf_puts(&out->body, phase == MONITOR_TRAINING   ? "ready\n"
                         : phase == MONITOR_STARTING ? "the learner is starting\n"
                                                     : "the learner is ending: it drains\n");
}

void monitor_mount(struct monitor *m, struct http_plane *plane)
{
    const struct http_route routes[] = {
        {.path = "/metrics", .answer = answer_metrics, .ctx = m, .any_host = true},
        {.path = "/healthz", .answer = answer_health, .ctx = m, .any_host = true},
        {.path = "/readyz", .answer = answer_ready, .ctx = m, .any_host = true},
    };
    monitor_beat(m);
    for (size_t i = 0; plane && i < sizeof routes / sizeof routes[0]; i++)
        http_plane_route(plane, &routes[i]);
}
