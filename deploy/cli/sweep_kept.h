/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_KEPT_H
#define ONIC_DEPLOY_CLI_SWEEP_KEPT_H

/* sweep_kept.h - what is kept of the numbers and the options of a run (sweep_keep.h).
 *
 * Of every line of metrics.jsonl frames, seconds and the numbers of episodes: that is what a
 * comparison is made of, and a threshold is reached at one of the lines. Of SWEEP_KEPT_WHOLE of
 * them, and where it is largest or newest, also what tells whether the run learned soundly. So
 * `onic compare` says the same of the copy as of the run, but for the mean of such a number, which
 * is that of the lines that have it. Of more than SWEEP_KEPT_LINES lines (14 hours) so many stay.
 */

#include <stdbool.h>
#include <stdio.h>

#include "common/base/buf.h"

enum { SWEEP_KEPT_WHOLE = 200, SWEEP_KEPT_LINES = 10000 };

/* Of an open metrics.jsonl; damaged lines, and what a roll-back made void, are out of it. */
void sweep_kept_metrics(FILE *f, struct buf *out);
/* Of config.yaml, which is cut into lines: not the options whose value is a path of this machine,
 * nor the path of the file that gave a value, nor the sum of all lines. */
void sweep_kept_options(char *text, struct buf *out);
/* A text with a path that is of one machine: it begins with '/', by itself or in a list. */
bool sweep_names_place(const char *text);

#endif /* ONIC_DEPLOY_CLI_SWEEP_KEPT_H */
