/* SPDX-License-Identifier: MIT */
/* numbers.c - the numbers themselves, below everything that shows them; see metrics.h.
 *
 * A name is found through a hash table, so setting a number costs about 50 ns and needs no
 * registration step that could disagree with the use. Means keep their last values in a ring and
 * are summed anew at each read: a running sum drifts over 10^9 additions. */
#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "common/metrics/registry.h"

double metrics_monotonic_s(void)
{
    return (double)clock_ns() * 1e-9;
}

/* The lock is held. Names come from code, so too many of them is a bug. */
struct metric *metrics_item(struct metrics *m, const char *name)
{
    bool inserted;
    uint64_t *slot = strmap_put(m->index, name, strlen(name), &inserted);
    if (inserted) {
        ONIC_ASSERT(m->count < METRICS_MAX);
        *slot = (uint64_t)m->count++;
        m->items[*slot].name = xstrdup(name);
    }
    return &m->items[*slot];
}

void metrics_set(struct metrics *m, const char *name, double value)
{
    pthread_mutex_lock(&m->lock);
    metrics_item(m, name)->value = value;
    pthread_mutex_unlock(&m->lock);
}

void metrics_add(struct metrics *m, const char *name, double delta)
{
    pthread_mutex_lock(&m->lock);
    metrics_item(m, name)->value += delta;
    pthread_mutex_unlock(&m->lock);
}

void metrics_mean_over(struct metrics *m, const char *name, double value, int window)
{
    ONIC_ASSERT(window >= 1 && window <= 100000);
    pthread_mutex_lock(&m->lock);
    struct metric *it = metrics_item(m, name);
    if (!it->ring) {
        it->ring = xcalloc((size_t)window, sizeof *it->ring);
        it->window = window;
    }
    it->ring[it->next] = value;
    it->next = (it->next + 1) % it->window;
    if (it->count < it->window)
        it->count++;
    pthread_mutex_unlock(&m->lock);
}

void metrics_mean(struct metrics *m, const char *name, double value)
{
    metrics_mean_over(m, name, value, 100);
}

double metric_value(const struct metric *it)
{
    if (!it->ring)
        return it->value;
    double sum = 0;
    for (int i = 0; i < it->count; i++)
        sum += it->ring[i];
    return it->count ? sum / it->count : (double)NAN;
}

double metrics_value_locked(const struct metrics *m, const char *name)
{
    const uint64_t *slot = strmap_get(m->index, name, strlen(name));
    return slot ? metric_value(&m->items[*slot]) : (double)NAN;
}

double metrics_get(struct metrics *m, const char *name)
{
    pthread_mutex_lock(&m->lock);
    double v = metrics_value_locked(m, name);
    pthread_mutex_unlock(&m->lock);
    return v;
}

void metrics_each(struct metrics *m, void (*each)(void *ctx, const char *name, double value),
                  void *ctx)
{
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->count; i++)
        each(ctx, m->items[i].name, metric_value(&m->items[i]));
    pthread_mutex_unlock(&m->lock);
}

int metrics_samples(struct metrics *m, const char *name)
{
    pthread_mutex_lock(&m->lock);
    const uint64_t *slot = strmap_get(m->index, name, strlen(name));
    int n = slot ? m->items[*slot].count : 0;
    pthread_mutex_unlock(&m->lock);
    return n;
}

void metrics_start(struct metrics *m)
{
    pthread_mutex_lock(&m->lock);
    for (int i = 0; i < m->count; i++)
        m->items[i].start = metric_value(&m->items[i]);
    pthread_mutex_unlock(&m->lock);
}

int metrics_numbers(struct metrics *m, struct metrics_number *out, int max)
{
    int n = 0;
    pthread_mutex_lock(&m->lock);
    for (; n < m->count && n < max; n++)
        out[n] = (struct metrics_number){.name = m->items[n].name,
                                         .value = metric_value(&m->items[n]),
                                         .start = m->items[n].start};
    pthread_mutex_unlock(&m->lock);
    if (n < max)
        out[n++] = (struct metrics_number){.name = "wall_s", .value = metrics_wall_s(m)};
    if (n < max && m->params.frames_total)
        out[n++] =
            (struct metrics_number){.name = "run/frames", .value = (double)m->params.frames_total};
    return n;
}

double metrics_wall_s(struct metrics *m)
{
    return m->params.wall_before_s + metrics_monotonic_s() - m->started;
}

/* Newest minus oldest sample within the window. The rate falls to 0 when steps stop coming, because
 * samples go on. */
double metrics_fps_locked(const struct metrics *m, double seconds)
{
    if (m->fps_count < 2)
        return 0;
    const struct fps_sample *newest = &m->fps[(m->fps_next + FPS_SAMPLES - 1) % FPS_SAMPLES];
    const struct fps_sample *oldest = newest;
    for (int i = 2; i <= m->fps_count; i++) {
        const struct fps_sample *s = &m->fps[(m->fps_next + FPS_SAMPLES - i) % FPS_SAMPLES];
        if (newest->at - s->at > seconds + FPS_SAMPLE_EVERY_S)
            break;
        oldest = s;
    }
    double dt = newest->at - oldest->at, steps = newest->steps - oldest->steps;
    return dt > 0 && steps > 0 ? steps / dt : 0;
}

double metrics_fps(struct metrics *m, double seconds)
{
    pthread_mutex_lock(&m->lock);
    double v = metrics_fps_locked(m, seconds);
    pthread_mutex_unlock(&m->lock);
    return v;
}
