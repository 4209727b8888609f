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
#include "common/run/run_id.h"

enum { RUN_EPOCH_MAX = 1000000000 }; /* a life a second for thirty years */

struct run_identity {
    uint8_t run_id[RUN_ID_BYTES];
    uint32_t epoch;       /* of this life, 1 for the first */
    double wall_before_s; /* of earlier lives, crashed ones included */
    double lost_s;        /* of these, after the checkpoint that was loaded; all where none was */
    /* of earlier lives up to their last checkpoint */
    double cpu_learner_before_s, cpu_actors_before_s;
};

/* The run's id; one more than the larger epoch of <run_dir>/epoch and `from`, the checkpoint that
 * this life goes on from (NULL: none), made durable; wall_before_s from metrics.jsonl, which
 * run_identity_load replaces when that was rotated away and knows less than the checkpoint.
 * ONIC_ECONFIG when one of these files holds what no life has written, ONIC_ECANTCREATE. */
int run_identity_begin(struct run_identity *l, const char *run_dir,
                       const struct checkpoint_file *from, struct onic_err *err);
/* Whether a life could begin so; changes nothing. ONIC_ECONFIG. */
int run_identity_check(const char *run_dir, const struct checkpoint_file *from,
                       struct onic_err *err);
enum { LINEAGE_LINE_MAX = 1 << 16 };
/* The last whole line of metrics.jsonl; false when there is none. */
bool run_identity_last_line(const char *run_dir, char out[LINEAGE_LINE_MAX]);
/* Seconds of all lives so far: wall_s of the last whole line of metrics.jsonl, 0 when there is
 * none.
 */
double run_identity_wall_s(const char *run_dir);
void run_identity_save(const struct run_identity *l, double wall_s, double cpu_learner_s,
                       double cpu_actors_s, struct checkpoint *to);
/* What a checkpoint knows of earlier lives. ONIC_ECONFIG: it is another run's. */
int run_identity_load(struct run_identity *l, const struct checkpoint_file *from,
                      struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_RUN_IDENTITY_H */
