/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_RUN_RECORDING_H
#define ONIC_LEARNER_PROCESS_RUN_RECORDING_H

/* run_recording.h - a learner that writes down what decides its weights (record.on). Without that
 * each of these returns at once. Training thread. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "learner/reward/reward_model.h"

struct learner;

struct run_recording_params {
    bool on;
    uint64_t bytes_max; /* of RUN/record */
};
void run_recording_params(struct run_recording_params *out, bool on, int64_t max_mb);

/* Before the first checkpoint is taken or loaded. */
int run_recording_open(struct learner *r, struct onic_err *err);
/* The life goes on from this checkpoint; how: of resume_load. */
void run_recording_resumed(struct learner *r, const struct checkpoint_file *from, unsigned how);
/* A checkpoint of the state as it is is about to be given to its writer, and was. */
void run_recording_checkpoint_begins(struct learner *r);
void run_recording_checkpoint(struct learner *r);
/* The batch that is held; batcher_done only after run_recording_release. */
void run_recording_batch(struct learner *r);
void run_recording_turn(struct learner *r, const struct train_turn *turn);
void run_recording_update(struct learner *r);
/* In place of an update: back to the checkpoint of a version. */
void run_recording_rolled_back(struct learner *r, uint64_t checkpoint, unsigned how);
void run_recording_release(struct learner *r);
/* The segment asks for a checkpoint, with which the next one begins. */
bool run_recording_wants_checkpoint(const struct learner *r);
void run_recording_close(struct learner *r);

#endif /* ONIC_LEARNER_PROCESS_RUN_RECORDING_H */
