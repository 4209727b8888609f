/* SPDX-License-Identifier: MIT */
/* panel_text.c - what a person sees of a run: a block of a few lines, or one line where there is no
 * terminal.
 *
 * A number that the run does not have (no success rate in NetHack, no labels with `counts`) is left
 * out rather than shown as 0: zeros that stand for "unknown" hide the ones that mean trouble. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/wilson.h"
#include "common/metrics/registry.h"

static const char SUCCESS[] = "policy_stats/success_rate";

enum { BAR_COLUMNS = 24 };

/* " label value unit" when the value is known; decimals < 0 asks for three significant digits. */
static void panel_text_put_field(struct metrics *m, const char *label, const char *name,
                                 int decimals, double factor, const char *unit)
{
    double v = metrics_value_locked(m, name) * factor;
    if (!isfinite(v))
        return;
    buf_printf(&m->text, "  %s ", label);
    if (decimals < 0)
        buf_printf(&m->text, "%.3g%s", v, unit);
    else
        buf_printf(&m->text, "%.*f%s", decimals, v, unit);
}

/* Until run.frames or stop.wall_s, whichever comes first; when stop.success will be reached nobody
 * knows, so that with it this is only the longest it can take. At the end of a life there is
 * nothing left to wait for. */
static void put_eta(struct metrics *m, double steps, double per_s)
{
    double left = (double)INFINITY;
    if (m->params.frames_total && per_s > 0)
        left = ((double)m->params.frames_total - steps) / per_s;
    if (m->params.stop_wall_s > 0)
        left = fmin(left, m->params.stop_wall_s - metrics_wall_s(m));
    if (m->ended || !isfinite(left) || left <= 0)
        return;
    buf_puts(&m->text, m->params.stop_success > 0 ? "  ETA at most " : "  ETA ");
    buf_put_duration(&m->text, left);
}

/* How much of the way to stop.success: of a window that is not full as much less. */
static double success_share(struct metrics *m)
{
    const uint64_t *slot = strmap_get(m->index, SUCCESS, strlen(SUCCESS));
    const struct metric *it = slot ? &m->items[*slot] : NULL;
    if (m->params.stop_success <= 0 || !it || !it->window)
        return 0;
    return fmin(metric_value(it) / m->params.stop_success, 1) * it->count / it->window;
}

/* "[#####---------]  36 % of 1,000,000 steps": the run ends with whichever of its ends is reached
 * first, so the bar is that of the nearest one. */
static void put_bar(struct metrics *m)
{
    struct buf *b = &m->text;
    double steps = metrics_value_locked(m, "env_steps"), frames = (double)m->params.frames_total;
    double by_frames = frames > 0 && isfinite(steps) ? steps / frames : 0;
    double by_wall = m->params.stop_wall_s > 0 ? metrics_wall_s(m) / m->params.stop_wall_s : 0;
    double by_success = success_share(m), share = fmax(by_frames, fmax(by_wall, by_success));
    if (frames <= 0 && m->params.stop_wall_s <= 0 && m->params.stop_success <= 0)
        return;
    share = isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
    buf_puts(b, "[");
    for (int i = 0; i < BAR_COLUMNS; i++)
        buf_puts(b, i < (int)(share * BAR_COLUMNS) ? "#" : "-");
    buf_printf(b, "] %3d %% of ", (int)(100 * share));
    if (by_success > by_frames && by_success > by_wall) {
        buf_printf(b, "success %g", m->params.stop_success);
    } else if (by_wall > by_frames || frames <= 0) {
        buf_put_duration(b, m->params.stop_wall_s);
    } else {
        buf_put_thousands(b, frames);
        buf_puts(b, " steps");
    }
    if (isfinite(steps))
        put_eta(m, steps, metrics_fps_locked(m, 60));
}

static void put_progress_of(struct metrics *m, bool brief)
{
    struct buf *b = &m->text;
    double steps = metrics_value_locked(m, "env_steps");
    double fast = metrics_fps_locked(m, 10), slow = metrics_fps_locked(m, 60);
    if (!isfinite(steps)) {
        buf_puts(b, "no update yet  time ");
        buf_put_duration(b, metrics_wall_s(m));
        return;
    }
    buf_put_thousands(b, steps);
    if (m->params.frames_total)
        buf_printf(b, " steps (%.1f %%)", 100.0 * steps / (double)m->params.frames_total);
    else
        buf_puts(b, " steps");
    if (brief) /* else it is behind the bar */
        put_eta(m, steps, slow);
    buf_puts(b, "  time ");
    buf_put_duration(b, metrics_wall_s(m));
    buf_puts(b, "  ");
    buf_put_thousands(b, fast);
    buf_puts(b, "/s (1 min ");
    buf_put_thousands(b, slow);
    buf_puts(b, "/s)");
}

static void put_progress(struct metrics *m)
{
    put_progress_of(m, false);
}

/* " (92.4 .. 96.7)" behind a rate: where it may lie, as few episodes as it is the mean of. */
static void put_interval(struct metrics *m, const char *name)
{
    const uint64_t *slot = strmap_get(m->index, name, strlen(name));
    int n = slot ? m->items[*slot].count : 0;
    double bound[2];
    if (n == 0)
        return;
    wilson_interval(metrics_value_locked(m, name), n, bound);
    buf_printf(&m->text, " (%.1f .. %.1f)", 100 * bound[0], 100 * bound[1]);
}

static void put_learning_of(struct metrics *m, bool brief)
{
    panel_text_put_field(m, "return", "reward/reward", -1, 1, "");
    panel_text_put_field(m, "success", SUCCESS, 1, 100, " %");
    if (!brief)
        put_interval(m, SUCCESS);
    panel_text_put_field(m, "score", "policy_stats/score", 1, 1, "");
    panel_text_put_field(m, "length", "len/len", 0, 1, "");
    panel_text_put_field(m, "intrinsic share", "intrinsic/share", 1, 100, " %");
}

static void put_learning(struct metrics *m)
{
    put_learning_of(m, false);
}

static void put_labels(struct metrics *m)
{
    panel_text_put_field(m, "labels", "annot/labels_total", 0, 1, "");
    panel_text_put_field(m, "abstained", "annot/abstained_total", 0, 1, "");
    panel_text_put_field(m, "backlog", "annot/backlog", 0, 1, "");
    panel_text_put_field(m, "labels/s", "annot/labels_per_s", -1, 1, "");
    panel_text_put_field(m, "staleness", "annot/staleness_s", 1, 1, " s");
}

static void put_model(struct metrics *m)
{
    panel_text_put_field(m, "coverage", "reward_model/coverage", 1, 100, " %");
    panel_text_put_field(m, "held-out accuracy", "reward_model/heldout_accuracy", 1, 100, " %");
    panel_text_put_field(m, "loss", "reward_model/loss", -1, 1, "");
}

static void put_system(struct metrics *m)
{
    panel_text_put_field(m, "actors", "actors/connected", 0, 1, "");
    panel_text_put_field(m, "weights", "weights_version", 0, 1, "");
    panel_text_put_field(m, "lag", "train/version_diff_avg", 1, 1, "");
    panel_text_put_field(m, "max", "train/version_diff_max", 0, 1, "");
    panel_text_put_field(m, "entropy", "train/entropy", 2, 1, "");
    panel_text_put_field(m, "grad", "train/grad_norm", -1, 1, "");
}

/* Runs put and starts its output, when there is any, with `head` in place of the two leading
 * blanks. */
static void put_group(struct metrics *m, const char *head, void (*put)(struct metrics *))
{
    size_t before = m->text.len;
    buf_puts(&m->text, head);
    size_t empty = m->text.len;
    put(m);
    if (m->text.len == empty) {
        m->text.len = before;
        m->text.data[before] = '\0';
        return;
    }
    buf_puts(&m->text, "\n");
}

static void panel_text_put_block(struct metrics *m)
{
    struct buf *b = &m->text;
    buf_printf(b, "--- %s\n", m->title);
    put_group(m, "    ", put_bar);
    put_group(m, "    ", put_progress);
    put_group(m, "learn ", put_learning);
    put_group(m, "label ", put_labels);
    put_group(m, "model ", put_model);
    put_group(m, "sys   ", put_system);
    if (m->ledger[0])
        buf_printf(b, "ledger  %s\n", m->ledger);
    if (m->waiting[0])
        buf_printf(b, "waiting %s\n", m->waiting);
}

void metrics_panel_text(struct metrics *m, bool brief)
{
    buf_reset(&m->text);
    pthread_mutex_lock(&m->lock);
    if (brief) {
        put_progress_of(m, true);
        put_learning_of(m, true);
        panel_text_put_field(m, "labels", "annot/labels_total", 0, 1, "");
        panel_text_put_field(m, "abstained", "annot/abstained_total", 0, 1, "");
        panel_text_put_field(m, "lag", "train/version_diff_avg", 1, 1, "");
        if (m->waiting[0])
            buf_printf(&m->text, "  waiting: %s", m->waiting);
        buf_puts(&m->text, "\n");
    } else {
        panel_text_put_block(m);
    }
    pthread_mutex_unlock(&m->lock);
    shown_clean_lines(m->text.data, m->text.len);
}
