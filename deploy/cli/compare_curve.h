/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_CURVE_H
#define ONIC_DEPLOY_CLI_COMPARE_CURVE_H

/* compare_curve.h - what a run's metrics.jsonl tells over time.
 *
 * The file may be that of a run that goes on, or be damaged: lines that are not whole, too long or
 * no object are left out, and so are values that are no finite numbers. What was rolled back
 * (frames that fall) is not part of the curve, nor are outcomes of the first COMPARE_EPISODES
 * episodes. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum compare_column { COMPARE_FRAMES, COMPARE_SECONDS, COMPARE_METRICS };
enum { COMPARE_COLUMNS_MAX = 16, COMPARE_HOLDS = 5, COMPARE_EPISODES = 100 };

struct compare_curve {
    int n, columns;
    double *row; /* [n][columns]; NAN where a line lacks a value. Frames and seconds always there */
    int skipped; /* damaged lines */
};

/* names [columns - COMPARE_METRICS]: metrics beside frames and seconds. ONIC_ENOTFOUND,
 * ONIC_EAUTH, ONIC_EIO: it cannot be read. */
int compare_curve_read(struct compare_curve *out, const char *run_dir, const char *const *names,
                       int metrics, struct onic_err *err);
void compare_curve_free(struct compare_curve *c);

static inline double compare_at(const struct compare_curve *c, int i, int column)
{
    return c->row[(size_t)i * (size_t)c->columns + (size_t)column];
}

/* First and last x of rows that have y; false when there is none. */
bool compare_curve_range(const struct compare_curve *c, int x, int y, double *first, double *last);
/* y at a place, linear between rows; outside of the range the nearest value. */
double compare_curve_value(const struct compare_curve *c, int x, int y, double at);
/* Newest value; NAN without one. */
double compare_curve_last(const struct compare_curve *c, int y);
/* x where y comes to `least` and stays there for COMPARE_HOLDS values, or to the end: the first
 * episodes to end are the short ones. NAN: never. */
double compare_curve_reaches(const struct compare_curve *c, int x, int y, double least);

/* The metric of the run's newest line that `name` is probably a slip of, or is the end of ("kl" of
 * "train/kl"); "" when none is near. */
void compare_curve_nearest(const char *run_dir, const char *name, char out[64]);

/* A number of a line of metrics, by its key; false when there is none, or it is not finite. */
bool compare_scan_number(const char *line, const char *key, double *out);

#endif /* ONIC_DEPLOY_CLI_COMPARE_CURVE_H */
