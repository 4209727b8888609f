/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_TRAIN_SUSPECT_H
#define ONIC_LEARNER_TRAIN_SUSPECT_H

/* suspect.h - whose numbers a gradient that is not finite came from; private to train_step.c. */

#include "learner/train/train_step.h"

/* The one actor, of several in the minibatch at hand, whose returns and advantages are not finite
 * or larger by three orders of magnitude than the others' and than 1; -1: none, or more than one
 * (then it is the weights, or an option). *incarnation: its latest one with such numbers. Costs a
 * forward pass; training thread. */
int64_t suspect_actor(struct trainer *c, uint64_t *incarnation);

#endif /* ONIC_LEARNER_TRAIN_SUSPECT_H */
