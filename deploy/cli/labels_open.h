/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_OPEN_H
#define ONIC_DEPLOY_CLI_LABELS_OPEN_H

/* labels_open.h - from a command line to what `onic labels` works on: a store, a server, a run, an
 * agent that plays. The options end here. */

#include "common/config/config.h"

/* The store of a run: labels.path as given, else RUN/labels.sqlite; RUN may be the file itself. */
int labels_open_store_path(const char *run, const struct config *given, char *out, size_t size,
                           struct onic_err *err);
/* Address of the reward server of a run that is going on, "" when there is none. */
void labels_open_server(const char *run, const struct config *given, char *out, size_t size);

/* labels_top.h. run: run directory (its newest valid checkpoint) or a checkpoint file; labels.path
 * of `given` wins over the run's. */
int labels_open_top(const char *run, const struct config *given, int n, bool json,
                    struct onic_err *err);

struct labels_collect {
    const char *data, *run; /* run: directory or checkpoint, "" = uniform random play */
    int episodes, pairs;
    bool distinct;
};
/* pairs.h, with the agent of a run or the environment of `given`. */
int labels_open_collect(const struct labels_collect *p, const struct config *given,
                        struct onic_err *err);
/* labels_annotate.h, with the annotator of `given`. */
int labels_open_annotate(const char *data, const struct config *given, const char *chunk,
                         struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_OPEN_H */
