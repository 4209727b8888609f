/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_PROGRESS_H
#define ONIC_ACTOR_ENVS_PROGRESS_H

/* progress.h - signs of life of an environment that waits.
 *
 * An environment whose waits have limits of their own (a process that hangs is killed and started
 * again) may be longer in a step or reset than the actor's watchdog allows a hung one. */

/* keep(ctx) is called at each sign, in the thread that gives it; NULL: nobody listens. Of the whole
 * process: set it where no environment is being played. */
void env_progress_to(void (*keep)(void *ctx), void *ctx);
/* The wait that calls this ends by itself. */
void env_progress(void);

#endif /* ONIC_ACTOR_ENVS_PROGRESS_H */
