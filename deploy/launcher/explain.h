/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_LAUNCHER_EXPLAIN_H
#define ONIC_DEPLOY_LAUNCHER_EXPLAIN_H

/* explain.h - which label pays a caption: from the reward model and the run's label store. */

#include "common/base/buf.h"
#include "common/config/config.h"
#include "learner/reward/mix.h"

struct explain;

/* A label as the store has it. */
struct explain_label {
    uint64_t id;
    double label, confidence; /* of an answer */
    bool abstained;
    char annotator[32]; /* who answered */
    char order[128];    /* "llm>rules" where annotator.fallback was declared, else "" */
    char model[64], goal[64], goal_version[40], parameters[128];
    int vote;
    double asked_at, answered_at; /* Unix s */
    char *raw;                    /* the annotator's own words; owned by the explain */
    size_t older;                 /* private */
};

/* Opens the label store of a run for reading. Never fails: without a store explain_caption says so.
 */
struct explain *explain_open(const char *run_or_checkpoint, const struct config *cfg);
void explain_close(struct explain *x); /* NULL is allowed */

/* The newest label of a caption, of this goal version unless it is ""; NULL = none. Borrowed. */
const struct explain_label *explain_find(const struct explain *x, const char *caption, size_t len,
                                         const char *goal_version);

/* One line: "label 1 (confidence 0.93) by embedding, goal KeyCorridor, label 57", "no label yet",
 * ... */
void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out);

#endif /* ONIC_DEPLOY_LAUNCHER_EXPLAIN_H */
