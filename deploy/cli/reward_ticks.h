/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_REWARD_TICKS_H
#define ONIC_DEPLOY_CLI_REWARD_TICKS_H

/* reward_ticks.h - which of the newest steps were paid, a character for each: the line below a
 * picture. */

#include "common/base/buf.h"

enum { REWARD_TICKS_MAX = 60 };

/* Zeros are a line without steps. */
struct reward_ticks {
    char mark[REWARD_TICKS_MAX]; /* ring of the newest steps */
    long steps;
};

/* ext, intrinsic: as paid. */
void reward_ticks_add(struct reward_ticks *t, double ext, double intrinsic);
/* Appends "paid ...+..$  $ ext  + int", the characters and what they mean, and a newline. */
void reward_ticks_put(const struct reward_ticks *t, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_REWARD_TICKS_H */
