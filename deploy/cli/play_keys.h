/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_PLAY_KEYS_H
#define ONIC_DEPLOY_CLI_PLAY_KEYS_H

/* play_keys.h - actions by keys, for `onic play --human`: those that the environment names
 * (env_spec.action_keys), else 0, 1, ...; of several choices one after the other. */

#include "actor/envs/env.h"
#include "deploy/cli/terminal.h"

/* ONIC_ECONFIG: actions are numbers, or there are more of them than keys. */
int play_keys_check(const struct env_spec *spec, struct onic_err *err);
/* Appends "keys Left left, Right right, ..." and a newline; of several choices a line each. */
void play_keys_put(const struct env_spec *spec, struct buf *out);
/* Asks the terminal for keys until they make an action that is possible (mask may be NULL): action
 * [parts]. False: the end was asked for. */
bool play_keys_action(struct terminal *t, const struct env_spec *spec, const uint8_t *mask,
                      union action_cell *action);

#endif /* ONIC_DEPLOY_CLI_PLAY_KEYS_H */
