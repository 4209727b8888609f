/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_METRICS_H
#define ONIC_COMMON_METRICS_METRICS_H

/* metrics.h - the numbers of a run: one registry, three sinks (metrics.jsonl, a TensorBoard event
 * file, the terminal).
 *
 * A number is named where it is set, with the flat names of interface.md section 6 ("train/lr"); a
 * first use registers it. All sinks show the same registry, so no sink can drift from another.
 * metrics itself fills in `time`, `wall_s` (lives added up) and `perf/_fps` (environment steps per
 * second over the last 10 s).
 *
 * Threads: everything may be called from any thread; metrics_flush and metrics_end from one at a
 * time. Nothing is allocated once all names have been seen. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct metrics;
struct tensorboard;
struct tensorboard_hparam;

struct metrics_params {
    /* receives metrics.jsonl and events.out.tfevents.*; NULL = terminal only */
    const char *run_dir;
    double every_s;       /* metrics.every_s; every 2 s in the first minute when that is shorter */
    double wall_before_s; /* wall_s of earlier lives */
    /* env_steps this life goes on from: later ones of an earlier life are void */
    int64_t steps_before;
    bool tensorboard;      /* metrics.tensorboard */
    bool panel;            /* metrics.panel: redrawn panel on a terminal, else a line every 10 s */
    bool quiet;            /* nothing on stderr at all */
    const char *title;     /* first words of the panel: environment and reward model */
    uint64_t frames_total; /* run.frames, for the ETA; 0 = unknown */
    double stop_wall_s, stop_success; /* stop.*: other ends, for the ETA; 0 = none */
    /* Adds histograms to the events, every minute and at the end, by who flushes; NULL = none. */
    void (*histograms)(void *ctx, struct tensorboard *to);
    void *histograms_ctx;
};

/* *out is owned by the caller. A torn last line of metrics.jsonl (crash while writing) is cut off.
 * ONIC_ECANTCREATE when a file cannot be opened. */
int metrics_create(struct metrics **out, const struct metrics_params *p, struct onic_err *err);
void metrics_free(struct metrics *m); /* NULL is allowed; writes nothing */

/* For TensorBoard: the configuration as YAML, and the n hyper-parameters of this life; once.
 * ONIC_EIO. */
int metrics_describe(struct metrics *m, const char *config, const struct tensorboard_hparam *h,
                     int n, struct onic_err *err);
void metrics_set(struct metrics *m, const char *name, double value); /* latest value */
void metrics_add(struct metrics *m, const char *name, double delta); /* counter, starts at 0 */
/* mean of the last 100 values */
void metrics_mean(struct metrics *m, const char *name, double value);
/* The same with a window of its own, 1..100000, fixed by the first call for this name. */
void metrics_mean_over(struct metrics *m, const char *name, double value, int window);
/* A sentence: "ledger", for the terminal; "waiting" ("" = nothing is waited for), for the terminal
 * and, while it is not empty, as waiting_for in metrics.jsonl; "annotator" (what of it the run
 * waits for), as annot/waiting_for there. At most 191 bytes are kept. */
void metrics_text(struct metrics *m, const char *name, const char *text);

/* What it was set to last, cut at size. */
void metrics_text_copy(struct metrics *m, const char *name, char *out, size_t size);

/* Each number and its value as metrics_get has it, in the order of their first use; the lock is
 * held meanwhile, so `each` calls nothing of metrics. */
void metrics_each(struct metrics *m, void (*each)(void *ctx, const char *name, double value),
                  void *ctx);
/* Latest value, sum or mean; NAN when the name has never been used. */
double metrics_get(struct metrics *m, const char *name);
int metrics_samples(struct metrics *m, const char *name); /* values now in a mean's window */
/* Those values, oldest first, at most max; returns how many. Given to metrics_mean_over again they
 * make the same mean. */
int metrics_window(struct metrics *m, const char *name, double *out, int max);
/* All numbers as they are now, with wall_s and run/frames (run.frames, where it is known), for
 * sinks beyond the three; names are the registry's. Returns how many, at most max. */
struct metrics_number {
    const char *name;
    double value, start; /* start: as of metrics_start, 0 for a name that was new since */
};
int metrics_numbers(struct metrics *m, struct metrics_number *out, int max);
enum { METRICS_NUMBERS_MAX = 1026 };
/* What has been counted until now is of earlier lives. */
void metrics_start(struct metrics *m);
double metrics_wall_s(struct metrics *m); /* this life and the earlier ones */
/* Environment steps per second over the last `seconds` (10 or 60); 0 before two samples. */
double metrics_fps(struct metrics *m, double seconds);

/* Call often (each update, and while waiting): writes the line and the events when they are due and
 * redraws the terminal at most 5 times a second. now: Unix seconds (clock_wall_s()). A full disk
 * gives ONIC_EIO once per line; the registry is unharmed and the next flush tries again. */
int metrics_flush(struct metrics *m, double now, struct onic_err *err);
/* Would it write a line now? */
bool metrics_line_is_due(const struct metrics *m);
/* Last line of this life: "event":"end","exit":exit_code, fsynced; closes the panel. */
int metrics_end(struct metrics *m, double now, int exit_code, struct onic_err *err);

#endif /* ONIC_COMMON_METRICS_METRICS_H */
