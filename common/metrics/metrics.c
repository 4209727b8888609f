/* SPDX-License-Identifier: MIT */
/* metrics.c - the life of a registry and the schedule of its sinks; see metrics.h.
 *
 * Time: the schedule runs on the monotonic clock; only the `time` field is wall time, given by the
 * caller. */
#include "common/metrics/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/metrics/registry.h"

static const double FIRST_MINUTE_EVERY_S = 2.0, DRAW_EVERY_S = 0.2, BRIEF_EVERY_S = 10.0;
static const double BRIEF_FIRST_S = 2.0; /* the first brief line has something to say by then */

static void to_panel(void *ctx, const char *line, size_t len)
{
    struct metrics *m = ctx;
    panel_line(m->panel, line, len);
}

int metrics_create(struct metrics **out, const struct metrics_params *p, struct onic_err *err)
{
    struct metrics *m = xcalloc(1, sizeof *m);
    int rc = ONIC_OK;
    pthread_mutex_init(&m->lock, NULL);
    m->index = strmap_create(256);
    m->items = xcalloc(METRICS_MAX, sizeof *m->items);
    m->params = *p;
    m->title = xstrdup(p->title ? p->title : "");
    m->started = metrics_monotonic_s();
    m->last_line = -(double)INFINITY; /* a line at once: whoever looks sees that it lives */
    m->last_draw = m->last_sample = -1;
    m->last_histograms = -(double)INFINITY;
    m->jsonl = -1;
    m->jsonl_folder.fd = -1;
    buf_init(&m->line, 1 << 18);
    buf_init(&m->text, 1 << 13);
    if (p->run_dir)
        rc = metrics_jsonl_open(p->run_dir, m->jsonl_path, &m->jsonl, err);
    if (m->jsonl >= 0)
        m->jsonl_folder = rotated_folder_of(m->jsonl_path);
    if (!rc && p->run_dir && p->tensorboard)
        rc = tensorboard_create(&m->tb, p->run_dir, clock_wall_s(), p->steps_before, err);
    m->params.run_dir = NULL; /* the strings are the caller's */
    m->params.title = NULL;
    if (rc) {
        metrics_free(m);
        return rc;
    }
    m->mode = p->quiet || !p->panel || log_is_json() ? PANEL_OFF : panel_mode_of_stderr();
    m->panel = panel_create(m->mode, STDERR_FILENO);
    if (m->mode == PANEL_TERMINAL)
        log_set_writer(to_panel, m);
    *out = m;
    return ONIC_OK;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    if (m->mode == PANEL_TERMINAL)
        log_set_writer(NULL, NULL);
    panel_free(m->panel);
    tensorboard_free(m->tb);
    if (m->jsonl >= 0)
        close(m->jsonl);
    rotated_folder_forget(&m->jsonl_folder);
    for (int i = 0; i < m->count; i++) {
        free(m->items[i].name);
        free(m->items[i].ring);
    }
    free(m->items);
    strmap_free(m->index);
    free(m->title);
    buf_release(&m->line);
    buf_release(&m->text);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static char *text_of(struct metrics *m, const char *name)
{
    if (strcmp(name, "ledger") == 0)
        return m->ledger;
    if (strcmp(name, "annotator") == 0)
        return m->annotator;
    ONIC_ASSERT(strcmp(name, "waiting") == 0);
    return m->waiting;
}

void metrics_text(struct metrics *m, const char *name, const char *text)
{
    pthread_mutex_lock(&m->lock);
    snprintf(text_of(m, name), METRICS_TEXT_MAX, "%s", text);
    pthread_mutex_unlock(&m->lock);
}

void metrics_text_copy(struct metrics *m, const char *name, char *out, size_t size)
{
    pthread_mutex_lock(&m->lock);
    snprintf(out, size, "%s", text_of(m, name));
    pthread_mutex_unlock(&m->lock);
}

int metrics_window(struct metrics *m, const char *name, double *out, int max)
{
    int n = 0;
    pthread_mutex_lock(&m->lock);
    const uint64_t *slot = strmap_get(m->index, name, strlen(name));
    const struct metric *it = slot ? &m->items[*slot] : NULL;
    if (it && it->ring)
        n = it->count < max ? it->count : max;
    for (int i = 0; i < n; i++)
        out[i] = it->ring[(it->next + it->window - n + i) % it->window];
    pthread_mutex_unlock(&m->lock);
    return n;
}

static void sample_steps(struct metrics *m, double t)
{
    pthread_mutex_lock(&m->lock);
    double steps = metrics_value_locked(m, "env_steps");
    if (isfinite(steps) && (m->last_sample < 0 || t - m->last_sample >= FPS_SAMPLE_EVERY_S)) {
        m->fps[m->fps_next] = (struct fps_sample){.at = t, .steps = steps};
        m->fps_next = (m->fps_next + 1) % FPS_SAMPLES;
        if (m->fps_count < FPS_SAMPLES)
            m->fps_count++;
        m->last_sample = t;
    }
    metrics_item(m, "perf/_fps")->value = metrics_fps_locked(m, 10);
    pthread_mutex_unlock(&m->lock);
}

static int write_files(struct metrics *m, double now, const int *exit_code, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (m->jsonl >= 0) {
        metrics_jsonl_line(m, now, exit_code);
        rc = metrics_jsonl_write(m, err);
    }
    int rc2 = metrics_events_write(m, now, exit_code, rc ? NULL : err);
    return rc ? rc : rc2;
}

/* For programs: with log.format=json what a person would be shown is a line of the log. */
static void metrics_log(struct metrics *m)
{
    char waiting[METRICS_TEXT_MAX];
    pthread_mutex_lock(&m->lock);
    memcpy(waiting, m->waiting, sizeof waiting);
    pthread_mutex_unlock(&m->lock);
    log_info("progress", kv("env_steps", metrics_get(m, "env_steps")),
             kv("frames", (int64_t)m->params.frames_total), kv("wall_s", metrics_wall_s(m)),
             kv("steps_per_s", metrics_get(m, "perf/_fps")),
             kv("return", metrics_get(m, "reward/reward")),
             kv("success_rate", metrics_get(m, "policy_stats/success_rate")),
             kv("labels", metrics_get(m, "annot/labels_total")),
             kv("policy_lag", metrics_get(m, "train/version_diff_avg")),
             kv("waiting_for", (const char *)waiting));
}

/* The line of who has no panel. */
static void metrics_say(struct metrics *m)
{
    if (log_is_json()) {
        metrics_log(m);
        return;
    }
    metrics_panel_text(m, true);
    panel_line(m->panel, m->text.data, m->text.len);
}

static void metrics_draw(struct metrics *m, double t)
{
    if (m->params.quiet)
        return;
    bool brief = m->mode == PANEL_OFF;
    double wait = brief ? BRIEF_EVERY_S : DRAW_EVERY_S;
    if (m->last_draw >= 0 ? t - m->last_draw < wait : brief && t - m->started < BRIEF_FIRST_S)
        return;
    m->last_draw = t;
    if (brief) {
        metrics_say(m);
        return;
    }
    metrics_panel_text(m, false);
    panel_show(m->panel, m->text.data);
}

static bool metrics_is_due(const struct metrics *m, double t)
{
    double every = m->params.every_s;
    if (t - m->started < 60 && every > FIRST_MINUTE_EVERY_S)
        every = FIRST_MINUTE_EVERY_S;
    return t - m->last_line >= every;
}

bool metrics_line_is_due(const struct metrics *m)
{
    return metrics_is_due(m, metrics_monotonic_s());
}

int metrics_flush(struct metrics *m, double now, struct onic_err *err)
{
    double t = metrics_monotonic_s();
    sample_steps(m, t);
    metrics_draw(m, t);
    if (!metrics_is_due(m, t))
        return ONIC_OK;
    m->last_line = t;
    return write_files(m, now, NULL, err);
}

int metrics_end(struct metrics *m, double now, int exit_code, struct onic_err *err)
{
    if (m->ended)
        return ONIC_OK;
    m->ended = true;
    sample_steps(m, metrics_monotonic_s());
    int rc = write_files(m, now, &exit_code, err);
    if (m->jsonl >= 0 && fsync(m->jsonl) != 0 && !rc)
        rc = err_set(err, ONIC_EIO, "metrics.jsonl cannot be brought to disk: %s", strerror(errno));
    if (!m->params.quiet) { /* the last numbers stay on the screen as ordinary text */
        panel_clear(m->panel);
        metrics_say(m);
    }
    return rc;
}
