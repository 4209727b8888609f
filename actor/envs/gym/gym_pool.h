/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_GYM_POOL_H
#define ONIC_ACTOR_ENVS_GYM_POOL_H

/* gym_pool.h - the workers of this process: which one a new environment joins. Thread-safe; a
 * worker belongs to the thread that made it, and is asked by no other. */

#include "actor/envs/gym/gym_worker.h"

/* A worker with this order and a free row among those of `group` (environment number modulo
 * gym.workers); a new one when there is none. *row is the caller's until gym_pool_leave. */
int gym_pool_join(struct gym_worker **out, int *row, const struct gym_order *order, int group,
                  struct onic_err *err);
/* The last one to leave ends the worker. */
void gym_pool_leave(struct gym_worker *w, int row);
/* Tells every worker of this thread what is posted for it, so that they work at the same time. */
void gym_pool_flush(void);

#endif /* ONIC_ACTOR_ENVS_GYM_POOL_H */
