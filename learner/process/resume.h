/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_RESUME_H
#define ONIC_LEARNER_PROCESS_RESUME_H

/* resume.h - what a checkpoint gives back to the parts of a learner. */

#include "common/checkpoint/checkpoint.h"
#include "learner/process/label_client.h"
#include "learner/train/trainer.h"

/* How: what was done with the reward model's state before it was loaded. */
enum { RESUME_FORGOT = 1, RESUME_UNLABELLED = 2 };

/* The checkpoint's state into both; *how, a sum of the above, may be NULL. ONIC_ECONFIG: trained in
 * another environment, with another network, or with another reward model that has learned
 * something; ONIC_EDAMAGED. */
int resume_load(struct trainer *core, struct label_client *annotate,
                const struct checkpoint_file *from, unsigned *how, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_RESUME_H */
