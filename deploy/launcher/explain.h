/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_LAUNCHER_EXPLAIN_H
#define ONIC_DEPLOY_LAUNCHER_EXPLAIN_H

/* explain.h - which label pays a caption: from the reward model and the run's label store. */

#include "common/base/buf.h"
#include "common/config/config.h"
#include "learner/reward/mix.h"

struct explain;

/* Opens the label store of a run for reading. Never fails: without a store explain_caption says so.
 */
struct explain *explain_open(const char *run_or_checkpoint, const struct config *cfg);
void explain_close(struct explain *x); /* NULL is allowed */

/* One line: "label 1 (confidence 0.93) by embedding, goal KeyCorridor, label 57", "no label yet",
 * ... */
void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out);

#endif /* ONIC_DEPLOY_LAUNCHER_EXPLAIN_H */
