/* SPDX-License-Identifier: MIT */
/* events.c - the registry as events of TensorBoard: scalars at every line, every minute how numbers
 * are spread, and what the run is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/metrics/registry.h"

enum { SPREAD_MAX = 1024 };
static const double HISTOGRAMS_EVERY_S = 60;

/* What a run is compared by. */
static const char *const judged_by[] = {
    "reward/reward", "policy_stats/success_rate",     "len/len", "intrinsic/share",
    "perf/_fps",     "reward_model/heldout_accuracy", NULL};

/* Of means that have more than one thing to say: returns and lengths of the last episodes. The lock
 * is held. */
static void put_spread(struct metrics *m, const char *name, const char *tag)
{
    float values[SPREAD_MAX];
    const uint64_t *slot = strmap_get(m->index, name, strlen(name));
    const struct metric *it = slot ? &m->items[*slot] : NULL;
    int n = it && it->ring ? it->count : 0;
    if (n > SPREAD_MAX)
        n = SPREAD_MAX;
    for (int i = 0; i < n; i++)
        values[i] = (float)it->ring[(it->next + it->window - n + i) % it->window];
    if (n)
        tensorboard_histogram(m->tb, tag, values, (size_t)n);
}

static void put_histograms(struct metrics *m)
{
    pthread_mutex_lock(&m->lock);
    put_spread(m, "reward/reward", "episodes/return");
    put_spread(m, "len/len", "episodes/length");
    pthread_mutex_unlock(&m->lock);
    if (m->params.histograms)
        m->params.histograms(m->params.histograms_ctx, m->tb);
}

static void put_scalars(struct metrics *m, double now)
{
    pthread_mutex_lock(&m->lock);
    double steps = metrics_value_locked(m, "env_steps");
    tensorboard_begin(m->tb, now, isfinite(steps) ? (int64_t)steps : m->params.steps_before);
    for (int i = 0; i < m->count; i++)
        tensorboard_value(m->tb, m->items[i].name, metric_value(&m->items[i]));
    pthread_mutex_unlock(&m->lock);
}

int metrics_events_write(struct metrics *m, double now, const int *exit_code, struct onic_err *err)
{
    double t = metrics_monotonic_s();
    if (!m->tb)
        return ONIC_OK;
    put_scalars(m, now);
    if (exit_code || t - m->last_histograms >= HISTOGRAMS_EVERY_S) {
        m->last_histograms = t;
        put_histograms(m);
    }
    if (exit_code && m->described)
        tensorboard_hparams_end(m->tb, *exit_code == 0);
    return tensorboard_commit(m->tb, err);
}

int metrics_describe(struct metrics *m, const char *config, const struct tensorboard_hparam *h,
                     int n, struct onic_err *err)
{
    struct buf text;
    if (!m->tb)
        return ONIC_OK;
    buf_init(&text, 1 << 18);
    buf_printf(&text, "```yaml\n%s\n```\n", config);
    tensorboard_begin(m->tb, clock_wall_s(), m->params.steps_before);
    tensorboard_text(m->tb, "config", text.data);
    tensorboard_hparams(m->tb, h, n, judged_by);
    buf_release(&text);
    m->described = true;
    return tensorboard_commit(m->tb, err);
}
