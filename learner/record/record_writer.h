/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RECORD_RECORD_WRITER_H
#define ONIC_LEARNER_RECORD_RECORD_WRITER_H

/* record_writer.h - writes down what decides the weights of a run, for `onic replay-run`.
 *
 * A thread of its own compresses and writes out of the trajectories themselves, before they are
 * released; the training thread waits for it where it is slower, for a record with a hole repeats
 * nothing. What cannot be written ends the recording, never the run: what is there by then stays
 * valid up to its last whole update.
 *
 * Training thread, but for record_writer_checkpoint. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/label.h"
#include "common/data/trajectory.h"
#include "common/nn/params.h"
#include "common/run/run_home.h"
#include "learner/reward/reward_model.h"
#include "learner/train/trainer.h"

struct record_writer;

struct record_writer_params {
    const char *run_dir;
    const struct run_home *home; /* asked before anything there is made or removed; borrowed. NULL:
                                    not asked */
    uint64_t bytes_max;          /* of the folder; the oldest segments go */
    uint8_t run_id[RUN_ID_BYTES];
    uint32_t epoch;
    uint32_t threads;           /* of the trainer */
    const char *config;         /* options of this life, YAML */
    const struct params *model; /* tensors of the policy; borrowed */
};

/* Texts are copied. ONIC_ECANTCREATE: there can be no folder. */
int record_writer_create(struct record_writer **out, const struct record_writer_params *p,
                         struct onic_err *err);
/* Writes what is left, waits for it; then record_writer_failed is the last word. */
void record_writer_end(struct record_writer *w);
/* Ends it, unless that was done; NULL is allowed. */
void record_writer_free(struct record_writer *w);

/* A segment that begins with the checkpoint of this version, flags as in record_format.h; the one
 * before is finished. */
void record_writer_segment(struct record_writer *w, uint64_t version, uint32_t flags);
/* The checkpoint with which a segment begins, or is about to, is written as path: keeps it under a
 * second name beside the segment. Also any thread. */
void record_writer_checkpoint(struct record_writer *w, const char *path, uint64_t version);
/* Before a checkpoint is given to its writer: record_writer_checkpoint takes this version alone. */
void record_writer_expect(struct record_writer *w, uint64_t version);

void record_writer_label(struct record_writer *w, const struct label *l);
void record_writer_drawn(struct record_writer *w);
/* Borrowed until record_writer_wait. */
void record_writer_batch(struct record_writer *w, struct trajectory *const *held, int n);
void record_writer_turn(struct record_writer *w, const struct train_turn *turn);
/* After an update; weights [model->floats]. */
void record_writer_update(struct record_writer *w, const struct learner_counters *n,
                          const float *weights);
/* After going back to the checkpoint of a version in place of an update. */
void record_writer_roll_back(struct record_writer *w, const struct learner_counters *n,
                             const float *weights, uint64_t checkpoint, uint32_t flags);
/* Until no trajectory of a batch is read any more. */
void record_writer_wait(struct record_writer *w);

/* The segment is so long that a checkpoint should begin the next one. */
bool record_writer_wants_checkpoint(const struct record_writer *w);
/* True once: recording has ended, with why. */
bool record_writer_failed(struct record_writer *w, struct onic_err *why);

struct record_writer_numbers {
    uint64_t updates, bytes; /* of this life */
    double waited_s;         /* the training thread, of this life */
};
void record_writer_numbers(struct record_writer *w, struct record_writer_numbers *out);

#endif /* ONIC_LEARNER_RECORD_RECORD_WRITER_H */
