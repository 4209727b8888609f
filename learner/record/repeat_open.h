/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_RECORD_REPEAT_OPEN_H
#define ONIC_LEARNER_RECORD_REPEAT_OPEN_H

/* repeat_open.h - the trainer of a recorded life, from the options in its record. */

#include "common/config/config.h"
#include "learner/record/repeat.h"

/* For repeat_params.open; ctx: struct config of the command line, whose word stands above what a
 * file says. */
int repeat_open(void *ctx, const struct record_head *head, const char *config,
                const struct checkpoint_file *from, struct repeat_life *out, struct onic_err *err);

#endif /* ONIC_LEARNER_RECORD_REPEAT_OPEN_H */
