/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_NETHACK_RULES_H
#define ONIC_ACTOR_ENVS_NETHACK_NETHACK_RULES_H

/* nethack_rules.h - from an agent's action to keys, and past the prompts that are not the agent's
 * business. */

#include <stdbool.h>

#include "actor/envs/nethack/nethack_game.h"
#include "common/base/err.h"

enum { NETHACK_ACTIONS_BASE = 23, NETHACK_ACTIONS_EXTENDED = 28 };

/* Names of the actions, [NETHACK_ACTIONS_EXTENDED]; the first 23 are the base set. */
extern const char *const nethack_action_names[NETHACK_ACTIONS_EXTENDED];
extern const int nethack_action_keys[NETHACK_ACTIONS_EXTENDED]; /* the key of each */

/* One agent step. actions: 23 or 28, which also selects the prompt rules (see nethack_rules.c).
 * False when the game kept asking for more keys than any real game does: the episode is broken. */
bool nethack_rules_step(struct nethack_game *g, int actions, int action);

#endif /* ONIC_ACTOR_ENVS_NETHACK_NETHACK_RULES_H */
