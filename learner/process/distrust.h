/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_DISTRUST_H
#define ONIC_LEARNER_PROCESS_DISTRUST_H

/* distrust.h - how often labels of a run were withdrawn (`onic labels distrust`): a number in a
 * file beside its checkpoints. A checkpoint with a smaller one has learned from labels that are
 * gone. */

#include <stdint.h>

#include "common/base/err.h"

/* folder: of the checkpoints. 0 where there is no file; ONIC_EDAMAGED when it holds no number. */
int distrust_read(const char *folder, uint64_t *out, struct onic_err *err);
/* Adds one, durably. */
int distrust_add(const char *folder, struct onic_err *err);
/* A checkpoint knows of n: a file that says fewer (it was removed, or an older one was put back) is
 * told in the log and written again; else the next withdrawal would not be noticed. */
int distrust_keep(const char *folder, uint64_t n, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_DISTRUST_H */
