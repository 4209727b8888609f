/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_BARE_LOOP_H
#define ONIC_ACTOR_ENVS_NETHACK_BARE_LOOP_H

/* bare_loop.h - how fast NetHack itself is: the floor that the environment is measured against.
 *
 * The same private copies, observation set (glyphs, blstats, message, misc, internal) and number of
 * games, stepped in turn with uniform random keys of the action set; --More-- and text prompts get
 * the same dismissals, games that end are started again. No captions, no tasks, no copies into an
 * agent's observation. */

#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"

struct bare_loop_result {
    int64_t agent_steps;  /* keys that an agent would have chosen */
    int64_t keys;         /* all keys */
    int64_t games;        /* started after the first ones */
    double wall_s, cpu_s; /* of the stepping */
    double start_cpu_s;   /* the part of cpu_s spent starting games */
};

/* count games, `steps` agent steps in each. cfg: env.nle, env.clock, env.actions, run.seed. */
int nethack_bare_loop(struct bare_loop_result *out, const struct config *cfg, int count, int steps,
                      struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_NETHACK_BARE_LOOP_H */
