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

struct bare_loop_params {
    const char *nle; /* env.nle: where the library is, "" = found */
    int64_t clock;   /* seconds since 1970 that the game sees */
    int actions;     /* the first ones of nethack_action_keys are pressed */
    uint64_t seed;
    int games, steps; /* agent steps of each game */
};

struct bare_loop_result {
    int64_t agent_steps;  /* keys that an agent would have chosen */
    int64_t keys;         /* all keys */
    int64_t games;        /* started after the first ones */
    double wall_s, cpu_s; /* of the stepping */
    double start_cpu_s;   /* the part of cpu_s spent starting games */
};

int nethack_bare_loop(struct bare_loop_result *out, const struct bare_loop_params *p,
                      struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_NETHACK_BARE_LOOP_H */
