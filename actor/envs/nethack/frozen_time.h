/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_FROZEN_TIME_H
#define ONIC_ACTOR_ENVS_NETHACK_FROZEN_TIME_H

/* frozen_time.h - the wall clock that NetHack sees.
 *
 * Between enter and leave the calling thread's time() answers unix_s (0 = the real time); every
 * other caller of time() in the process gets the real time. Threads: any, each for itself. */

#include <stdbool.h>
#include <stdint.h>

void frozen_time_enter(int64_t unix_s);
void frozen_time_leave(void);
/* True when a library loaded by dlopen really gets our time(): the program must export it. */
bool frozen_time_exported(void);

#endif /* ONIC_ACTOR_ENVS_NETHACK_FROZEN_TIME_H */
