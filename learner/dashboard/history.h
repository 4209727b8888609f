/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_DASHBOARD_HISTORY_H
#define ONIC_LEARNER_DASHBOARD_HISTORY_H

/* history.h - what metrics.jsonl tells of earlier lives of a run.
 *
 * Read a slice at a time by whoever has a moment: a file of weeks must not keep anybody waiting. */

#include <stdbool.h>

#include "learner/dashboard/series.h"

struct history;

/* Of the lines that RUN/metrics.jsonl has now; later ones are not read. NULL: there is no file. */
struct history *history_open(const char *run_dir);
void history_free(struct history *h); /* NULL is allowed */
/* Pushes at most so many lines; true when all are read. What is no line of numbers is passed over.
 */
bool history_read(struct history *h, struct series *to, int lines);

/* One line as numbers (true, false and texts are left out); false: it is no JSON object. *wall_s is
 * NAN where the line has none. */
bool history_line(const char *line, size_t len, struct numbers *out, double *wall_s);

#endif /* ONIC_LEARNER_DASHBOARD_HISTORY_H */
