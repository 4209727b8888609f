/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_SUSPECT_H
#define ONIC_LEARNER_TRAIN_SUSPECT_H

/* suspect.h - whose numbers a gradient that is not finite came from; private to train_step.c. */

#include "learner/train/train_step.h"

enum {
    SUSPECT_NONE = -1,  /* all are well, or more than one is bad: it is the weights, or an option */
    SUSPECT_UNTOLD = -2 /* the batch is of one actor, which nothing can be compared with */
};

/* The one actor, of several in the batch at hand, whose returns and advantages are not finite or
 * larger by three orders of magnitude than those of the actor with the smallest and than 1; else
 * one of the above. *incarnation: the latest with its largest. Costs a forward pass over the batch;
 * training thread. */
int64_t suspect_actor(struct trainer *c, uint64_t *incarnation);

#endif /* ONIC_LEARNER_TRAIN_SUSPECT_H */
