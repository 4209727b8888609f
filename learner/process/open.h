/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_OPEN_H
#define ONIC_LEARNER_PROCESS_OPEN_H

/* open.h - from the options of a run to a learner that can train: the options end here. */

#include "common/config/config.h"
#include "learner/process/loop.h"

/* Whether this process can have the open files, threads and memory that a run will need;
 * ONIC_ECONFIG names the limit in the way. */
int learner_check_limits(const struct config *cfg, struct onic_err *err);
/* Fills a run of which only stop is set, resumed where there is something to resume. given: the
 * command line. Call learner_end whatever is returned. */
int learner_open(struct learner *r, const struct config *given, struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_OPEN_H */
