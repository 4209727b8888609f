/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_RUN_IDENTITY_H
#define ONIC_LEARNER_PROCESS_RUN_IDENTITY_H

/* run_identity.h - what connects the lives of one run: run id, epoch, accumulated time, the files
 * that carry them.
 *
 * A learner that is restarted after a crash is the same run with the next epoch. The epoch file is
 * durable before any socket is bound, so that no two lives can ever speak with the same epoch.
 * Training thread. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/checkpoint/checkpoint.h"

struct run_identity {
    uint8_t run_id[16];
    uint32_t epoch;       /* of this life, 1 for the first */
    double wall_before_s; /* of earlier lives, crashed ones included */
    /* of earlier lives up to their last checkpoint */
    double cpu_learner_before_s, cpu_actors_before_s;
};

/* Reads <run_dir>/epoch, adds one and makes it durable; wall_before_s from metrics.jsonl; a new
 * random run id, which run_identity_load replaces (and wall_before_s, when metrics.jsonl was
 * rotated away and knows less than the checkpoint). ONIC_EDAMAGED when the epoch file cannot be
 * understood, ONIC_ECANTCREATE. */
int run_identity_begin(struct run_identity *l, const char *run_dir, struct onic_err *err);
enum { LINEAGE_LINE_MAX = 1 << 16 };
/* The last whole line of metrics.jsonl; false when there is none. */
bool run_identity_last_line(const char *run_dir, char out[LINEAGE_LINE_MAX]);
/* Seconds of all lives so far: wall_s of the last whole line of metrics.jsonl, 0 when there is
 * none.
 */
double run_identity_wall_s(const char *run_dir);
void run_identity_save(const struct run_identity *l, double wall_s, double cpu_learner_s,
                       double cpu_actors_s, struct checkpoint *to);
int run_identity_load(struct run_identity *l, const struct checkpoint_file *from,
                      struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_RUN_IDENTITY_H */
