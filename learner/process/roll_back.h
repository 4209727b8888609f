/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_ROLL_BACK_H
#define ONIC_LEARNER_PROCESS_ROLL_BACK_H

/* roll_back.h - when gradients are no longer finite: the life goes on with the last good state. */

#include "learner/process/loop.h"

/* After trainer_diverged, with the batch that was trained on still held. Weights, optimiser,
 * statistics and reward model become those of the newest checkpoint that can be read, as a new
 * version, which the loop publishes. What was trained on since then, what waits, and what is under
 * way and was played with the weights in between, is booked as lost{rollback}; an actor whose
 * numbers alone did it is put out. ONIC_EINTERNAL names what can be changed: in a deterministic
 * run, after train.roll_backs of them within ROLL_BACK_UPDATES updates, or where there is nothing
 * to go back to. ONIC_ECANTCREATE: the run is no longer in its directory. */
int learner_roll_back(struct learner *r, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_ROLL_BACK_H */
