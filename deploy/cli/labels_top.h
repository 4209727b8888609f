/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_LABELS_TOP_H
#define ONIC_DEPLOY_CLI_LABELS_TOP_H

/* labels_top.h - `onic labels top RUN`: the captions that were paid most. */

#include <stdbool.h>

#include "common/base/err.h"
#include "learner/reward/mix.h"

struct checkpoint_file;
struct explain;

/* Everything is borrowed. */
struct labels_top {
    const struct checkpoint_file *from;
    const struct reward_model_type *type; /* the model that decides now */
    struct reward_mix *mix; /* NULL where it reads no captions, or cannot be read itself */
    const struct explain *labels;
    int n; /* lines at most */
    bool json;
};

/* Writes a table, or one JSON document, to stdout. */
int labels_top(const struct labels_top *p, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_LABELS_TOP_H */
