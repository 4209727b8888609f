/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TRAIN_END_H
#define ONIC_DEPLOY_CLI_TRAIN_END_H

/* train_end.h - whether a run has got to its end, and what `onic train` says then. */

#include <stdbool.h>

#include "common/base/buf.h"
#include "learner/process/stop.h"

struct train_end {
    const char *run_dir;
    const char
        *code; /* what a reader of the run has to name again: " --KEY=VALUE..."; NULL: nothing */
    struct stop_params stop;
    bool foreign_labels; /* reward.server was given: what labels is not ours to examine */
};

/* Which of its ends (bits, stop.h) the run has reached as of its newest checkpoint, and in *at what
 * it has done; 0 without a checkpoint. */
unsigned train_end_reached(const struct train_end *e, struct stop_state *at);
/* True when it has reached one: training would end at once. Then it is said. */
bool train_end_is_reached(const struct train_end *e);
/* The same, and says nothing: appends what was reached, and the options that let it go on, each
 * with a space in front. */
bool train_end_put_reached(const struct train_end *e, struct buf *reason, struct buf *options);

/* The ledger on stdout; then why no label came, if one should have; then, when there is something
 * to evaluate and the life was not refused (`code` its exit code), where it is and which command
 * goes on. */
void train_end_say(const struct train_end *e, int code);

#endif /* ONIC_DEPLOY_CLI_TRAIN_END_H */
