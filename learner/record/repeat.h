/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RECORD_REPEAT_H
#define ONIC_LEARNER_RECORD_REPEAT_H

/* repeat.h - a recorded run once more: the same trajectories, labels and turns in the same order,
 * and after each update the weights are held against the hashes of the record. No actors, no
 * environments, no reward server; nothing is written. One thread, and those that train. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"
#include "common/wire/rollout/kept.h"
#include "learner/record/record_format.h"
#include "learner/train/trainer.h"

struct repeat_numbers {
    uint64_t updates, trajectories, labels, roll_backs; /* that were repeated, and are equal */
    uint64_t segments, lives;
    uint32_t epoch; /* where it is now */
    uint64_t version;
};

/* A life as its options and its checkpoint have it. */
struct repeat_life {
    struct trainer *core;        /* not yet loaded */
    struct kept_expect expect;   /* of its trajectories */
    uint64_t batch_steps;        /* a batch is complete with the trajectory that brings so many */
    uint64_t batch_trajectories; /* in a deterministic run with so many instead; else 0 */
};

struct repeat_params {
    const char *run_dir;
    /* where to begin; epoch 0: with the oldest checkpoint that there is */
    uint32_t from_epoch;
    uint64_t from_version;
    /* repeat_open.h; out->core is NULL when it fails. */
    int (*open)(void *ctx, const struct record_head *head, const char *config,
                const struct checkpoint_file *from, struct repeat_life *out, struct onic_err *err);
    void *open_ctx;
    /* After each update, and every so many records without one; false ends it there. */
    bool (*progress)(void *ctx, const struct repeat_numbers *now);
    void *progress_ctx;
};

/* ONIC_OK: all of it is equal. ONIC_EDIFFERS: the first update that is not, with its tensor.
 * ONIC_ENOTFOUND: the run has no record, or no update in it. ONIC_ECONFIG: a segment is no record,
 * or another run's, or there is none to begin with. ONIC_EINCOMPATIBLE: of a newer onic, or of
 * other kernels than this machine's. ONIC_EDAMAGED; ONIC_ESTOPPED. */
int repeat_run(const struct repeat_params *p, struct repeat_numbers *out, struct onic_err *err);

#endif /* ONIC_LEARNER_RECORD_REPEAT_H */
