/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_OPEN_H
#define ONIC_ACTOR_ENVS_OPEN_H

/* open.h - the environments that a configuration asks for. */

#include "actor/envs/vec_env.h"
#include "common/config/config.h"

/* Makes `count` environments of cfg->env_id (0: env.count, or the family's default when that is 0
 * too). No episode is started. On failure *out is NULL and err says what to change. Freed with
 * vec_env_free; cfg is not kept. */
int vec_env_open(struct vec_env **out, const struct config *cfg, int actor_id, int count,
                 struct onic_err *err);

#endif /* ONIC_ACTOR_ENVS_OPEN_H */
