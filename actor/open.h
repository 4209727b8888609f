/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_OPEN_H
#define ONIC_ACTOR_OPEN_H

/* open.h - from a configuration to an actor that can play: be welcomed, build what the learner
 * wants. */

#include "actor/actor_loop.h"
#include "common/config/config.h"

/* Fills an actor of which only watch is set. cfg holds what the user fixed; the rest comes from
 * WELCOME and is written there. ONIC_ESTOPPED: asked to stop before a learner answered. Call
 * actor_leave whatever is returned. */
int actor_open(struct actor *a, struct config *cfg, struct onic_err *err);

/* Writes the description of cfg->env_id (common/policy/env_describe.h) to stdout: the learner asks
 * for it at start. */
int actor_describe(const struct config *cfg, struct onic_err *err);

#endif /* ONIC_ACTOR_OPEN_H */
