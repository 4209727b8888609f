/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_LIBRARY_ENVS_OPEN_H
#define ONIC_ACTOR_LIBRARY_ENVS_OPEN_H

/* envs_open.h - from the words that onic_envs_create is given to environments. */

#include "actor/envs/env.h"

/* out [n], each made by env_create; on failure none is left. ONIC_ECONFIG also for an option that
 * is none of the section env. */
int library_open_envs(struct env **out, int n, const char *id, const char *options,
                      struct onic_err *err);

#endif /* ONIC_ACTOR_LIBRARY_ENVS_OPEN_H */
