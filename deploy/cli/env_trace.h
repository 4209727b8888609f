/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_ENV_TRACE_H
#define ONIC_DEPLOY_CLI_ENV_TRACE_H

/* env_trace.h - what an environment looks like, and what it does under given actions
 * (deploy/interface.md sections 2, 4 and 7).
 *
 * A trace is the proof of parity: one JSON line per reset or step, made for comparison with the
 * reference implementation by a short script. So it reads like Gymnasium: the seed goes to the
 * first reset only, and an episode that ends is reset at once, without a seed. A line is written as
 * soon as its action was read, so a program may choose the next action from it. */

#include <stdint.h>

#include "actor/envs/env.h"
#include "common/base/buf.h"

void env_describe(const struct env *e, struct buf *out);
/* Lines to stdout. actions: a file, "-" = standard input. */
int env_trace(struct env *e, uint64_t seed, const char *actions, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_ENV_TRACE_H */
