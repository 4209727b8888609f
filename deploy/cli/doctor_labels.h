/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_DOCTOR_LABELS_H
#define ONIC_DEPLOY_CLI_DOCTOR_LABELS_H

/* doctor_labels.h - whether a label comes. Files that are there and servers that answer prove
 * nothing: each annotator is asked a question of the goal, of the kind that the reward model
 * asks. */

#include <stdbool.h>

#include "common/data/question.h"
#include "deploy/cli/doctor.h"
#include "reward_server/annotators/annotator.h"

struct doctor_member {
    const struct annotator_order *order;
    int index;         /* of the one that is asked */
    double patience_s; /* for its answer */
    bool over_http;    /* sentence vectors come from a server */
};
/* One annotator in this process. */
void doctor_try_annotator(struct finding *f, const struct doctor_member *m, const struct goal *goal,
                          enum question_kind kind);
/* A reward server that runs, asked as a learner with the keys of this folder ("" = none). */
void doctor_try_server(struct finding *f, const char *address, const char *keys,
                       const struct goal *goal, enum question_kind kind);

#endif /* ONIC_DEPLOY_CLI_DOCTOR_LABELS_H */
