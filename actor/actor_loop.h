/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ACTOR_LOOP_H
#define ONIC_ACTOR_ACTOR_LOOP_H

/* actor_loop.h - the life of an actor: be welcomed, build what the learner wants, play, hand over,
 * leave. */

#include "actor/watch.h"
#include "common/base/err.h"
#include "common/config/config.h"

/* Runs until drained (ONIC_OK) or a final error. *recycle is set when the environments ask for a
 * fresh process (NetHack's library leaks): the caller re-executes the program. cfg holds what the
 * user fixed; the rest comes from WELCOME. */
int actor_run(struct config *cfg, struct watch *watch, bool *recycle, struct onic_err *err);

/* Writes the description of cfg->env_id (common/policy/env_describe.h) to stdout: the learner asks
 * for it at start. */
int actor_describe(const struct config *cfg, struct onic_err *err);

#endif /* ONIC_ACTOR_ACTOR_LOOP_H */
