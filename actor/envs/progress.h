/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_PROGRESS_H
#define ONIC_ACTOR_ENVS_PROGRESS_H

/* progress.h - signs of life of environments that take long.
 *
 * An actor must be heard by its learner every few seconds, and its watchdog ends a step that hangs.
 * An environment whose waits have limits of their own (a process that hangs is killed and started
 * again) gives a sign while it waits, and a vector of slow environments between two of them. One
 * that gives none is waited for by the watchdog alone (actor/watch.h). */

/* keep(ctx) is called at each sign, in the thread that gives it; NULL: nobody listens. Of the whole
 * process: set it where no environment is being played. */
void env_progress_to(void (*keep)(void *ctx), void *ctx);
/* The wait that calls this ends by itself. Call it every second or more often. */
void env_progress(void);
/* From any thread: the next env_progress_if_asked gives a sign. So what is called after each step
 * of an environment costs nothing. */
void env_progress_ask(void);
void env_progress_if_asked(void);

#endif /* ONIC_ACTOR_ENVS_PROGRESS_H */
