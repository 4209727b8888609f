/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_LABEL_IDENTITY_H
#define ONIC_REWARD_SERVER_LABEL_IDENTITY_H

/* label_identity.h - as what a reward server answers: annotator, model, goal and parameters. */

#include "reward_server/annotators/annotator.h"
#include "reward_server/store/label_store.h"

enum { LABEL_IDENTITY_GOAL_MAX = 64 };

/* a: of the order; names: its (annotator_names); goal_name receives "domain/goal". All strings of
 * *out are borrowed from the arguments. */
void label_identity_of(struct label_identity *out, char goal_name[LABEL_IDENTITY_GOAL_MAX],
                       const struct annotator *a, const struct annotator_order *o,
                       const char *names, const struct goal *goal);

/* The text (label_identity_text) of a server with these annotators and this goal, without one:
 * nothing is asked, written or left running. Errors as those of the server's start. */
int label_identity_expected(char out[192], const struct annotator_order *o,
                            const struct goal_choice *choice, struct onic_err *err);

#endif /* ONIC_REWARD_SERVER_LABEL_IDENTITY_H */
