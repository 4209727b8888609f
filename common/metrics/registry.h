/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_REGISTRY_H
#define ONIC_COMMON_METRICS_REGISTRY_H

/* registry.h - the shared state of numbers.c, metrics.c and the sinks; private to common/metrics.
 * */

#include <pthread.h>

#include "common/base/buf.h"
#include "common/base/rotated.h"
#include "common/base/strmap.h"
#include "common/metrics/metrics.h"
#include "common/metrics/panel.h"
#include "common/metrics/tensorboard.h"

static const double FPS_SAMPLE_EVERY_S = 0.5;

enum { METRICS_MAX = 1024, METRICS_TEXT_MAX = 192, METRICS_PATH_MAX = 4096, FPS_SAMPLES = 128 };

struct metric {
    char *name;
    double value; /* latest, sum, or mean */
    double start; /* value at metrics_start */
    double *ring; /* mean: the last `window` values */
    int window, count, next;
};

struct fps_sample {
    double at; /* seconds, monotonic */
    double steps;
};

struct metrics {
    pthread_mutex_t lock; /* guards everything up to `texts` */
    struct strmap *index;
    struct metric *items; /* [METRICS_MAX], in order of first use */
    int count;
    char ledger[METRICS_TEXT_MAX], waiting[METRICS_TEXT_MAX], annotator[METRICS_TEXT_MAX];
    struct fps_sample fps[FPS_SAMPLES]; /* ring, one sample per half second */
    int fps_count, fps_next;

    /* Used by the thread that flushes. */
    struct metrics_params params;
    char *title;
    /* seconds, monotonic; < 0 = never */
    double started, last_line, last_draw, last_sample, last_histograms;
    int jsonl; /* file descriptor, -1 = none */
    char jsonl_path[METRICS_PATH_MAX];
    struct rotated_folder jsonl_folder;
    struct tensorboard *tb;
    struct panel *panel;
    enum panel_mode mode;
    struct buf line, text;
    bool ended, described;
};

/* events.c: the registry as an event of TensorBoard. NULL exit_code: no end of a life. */
int metrics_events_write(struct metrics *m, double now, const int *exit_code, struct onic_err *err);

/* jsonl.c */
int metrics_jsonl_open(const char *run_dir, char path[METRICS_PATH_MAX], int *fd,
                       struct onic_err *err);
void metrics_jsonl_line(struct metrics *m, double now, const int *exit_code); /* into m->line */
int metrics_jsonl_write(struct metrics *m, struct onic_err *err);

/* panel_text.c: the block, or one line when `brief`. Into m->text. */
void metrics_panel_text(struct metrics *m, bool brief);

/* numbers.c: the lock is held. A name that is new gets an item; too many of them is a bug. */
struct metric *metrics_item(struct metrics *m, const char *name);
double metric_value(const struct metric *it);
double metrics_value_locked(const struct metrics *m, const char *name);
double metrics_fps_locked(const struct metrics *m, double seconds);
double metrics_monotonic_s(void);

#endif /* ONIC_COMMON_METRICS_REGISTRY_H */
