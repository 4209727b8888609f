/* SPDX-License-Identifier: MIT */
/* monitor.c - see monitor.h. */
#include "reward_server/monitor.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "common/http/http_plane.h"
#include "common/metrics/prometheus.h"

enum { REWARD_MONITOR_HUNG_MS = 60000, REWARD_MONITOR_WHY_MAX = 192 };

struct reward_monitor {
    struct http_plane *plane;
    pthread_mutex_t lock; /* guards what follows */
    struct metrics_number number[REWARD_MONITOR_NUMBERS_MAX];
    char name[REWARD_MONITOR_NUMBERS_MAX][REWARD_MONITOR_NAME_MAX];
    int n;
    char why[REWARD_MONITOR_WHY_MAX];
    int64_t beat_ms;
    bool counting; /* a first look is over: a name that is new counts from 0 */
};

static void monitor_answer_metrics(void *ctx, const struct http_request *q, struct http_reply *out)
{
    struct reward_monitor *m = ctx;
    (void)q;
    out->type = PROMETHEUS_TYPE;
    prometheus_process(&out->body);
    pthread_mutex_lock(&m->lock);
    prometheus_numbers(&out->body, m->number, m->n);
    pthread_mutex_unlock(&m->lock);
}

static void monitor_answer_health(void *ctx, const struct http_request *q, struct http_reply *out)
{
    struct reward_monitor *m = ctx;
    (void)q;
    pthread_mutex_lock(&m->lock);
    int64_t silent_ms = clock_ms() - m->beat_ms;
    pthread_mutex_unlock(&m->lock);
    if (silent_ms < REWARD_MONITOR_HUNG_MS) {
        buf_puts(&out->body, "ok\n");
        return;
    }
    out->status = 503;
    buf_printf(&out->body, "the server's loop has not moved for %lld s\n",
               (long long)silent_ms / 1000);
}

static void monitor_answer_ready(void *ctx, const struct http_request *q, struct http_reply *out)
{
    struct reward_monitor *m = ctx;
    char why[REWARD_MONITOR_WHY_MAX];
    (void)q;
    pthread_mutex_lock(&m->lock);
    memcpy(why, m->why, sizeof why);
    pthread_mutex_unlock(&m->lock);
    out->status = why[0] ? 503 : 200;
    buf_printf(&out->body, "%s\n", why[0] ? why : "ready");
}

int reward_monitor_open(struct reward_monitor **out, const struct reward_monitor_params *p,
                        struct onic_err *err)
{
    *out = NULL;
    if (!p->listen[0])
        return ONIC_OK;
    struct reward_monitor *m = xcalloc(1, sizeof *m);
    const struct http_plane_params plane = {.listen = p->listen,
                                            .option = "--dashboard.listen",
                                            .hosts = p->hosts,
                                            .allow_exposed = p->allow_exposed};
    const struct http_route routes[] = {
        {.path = "/metrics", .answer = monitor_answer_metrics, .ctx = m, .any_host = true},
        {.path = "/healthz", .answer = monitor_answer_health, .ctx = m, .any_host = true},
        {.path = "/readyz", .answer = monitor_answer_ready, .ctx = m, .any_host = true},
    };
    pthread_mutex_init(&m->lock, NULL);
    m->beat_ms = clock_ms();
    snprintf(m->why, sizeof m->why, "the server is starting");
    int rc = http_plane_create(&m->plane, &plane, err);
    if (rc) {
        reward_monitor_free(m);
        return rc;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        http_plane_route(m->plane, &routes[i]);
    *out = m;
    return ONIC_OK;
}

int reward_monitor_start(struct reward_monitor *m, struct onic_err *err)
{
    return m ? http_plane_start(m->plane, err) : ONIC_OK;
}

void reward_monitor_free(struct reward_monitor *m)
{
    if (!m)
        return;
    if (m->plane)
        http_plane_stop(m->plane);
    http_plane_free(m->plane);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

const char *reward_monitor_url(const struct reward_monitor *m)
{
    return m ? http_plane_url(m->plane) : "";
}

void reward_monitor_begin(struct reward_monitor *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->beat_ms = clock_ms();
}

void reward_monitor_put(struct reward_monitor *m, const char *name, double value)
{
    int i = 0;
    if (!m)
        return;
    while (i < m->n && strcmp(m->name[i], name) != 0)
        i++;
    if (i == REWARD_MONITOR_NUMBERS_MAX)
        return;
    if (i == m->n) {
        snprintf(m->name[i], REWARD_MONITOR_NAME_MAX, "%s", name);
        m->number[i] =
            (struct metrics_number){.name = m->name[i], .start = m->counting ? 0 : value};
        m->n++;
    }
    m->number[i].value = value;
}

void reward_monitor_end(struct reward_monitor *m, const char *why_not_ready)
{
    if (!m)
        return;
    snprintf(m->why, sizeof m->why, "%s", why_not_ready);
    m->counting = true;
    pthread_mutex_unlock(&m->lock);
}
