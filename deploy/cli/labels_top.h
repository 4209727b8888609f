/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_TOP_H
#define ONIC_DEPLOY_CLI_LABELS_TOP_H

/* labels_top.h - `onic labels top RUN`: the captions that were paid most. */

#include <stdbool.h>

#include "common/config/config.h"

/* run: run directory (its newest valid checkpoint) or a checkpoint file. n: lines at most. Writes a
 * table, or one JSON document, to stdout. given: the command line; labels.path wins over the run's.
 */
int labels_top(const char *run, const struct config *given, int n, bool json, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_TOP_H */
