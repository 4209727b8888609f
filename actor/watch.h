/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_WATCH_H
#define ONIC_ACTOR_WATCH_H

/* watch.h - the actor's second thread: signals, the hung-step watchdog, and what is kept while a
 * step is long.
 *
 * NetHack runs on small coroutine stacks, where a signal handler must not run. So SIGTERM,
 * SIGINT and SIGHUP (unless ignored) are blocked everywhere and waited for here; the stepping
 * thread only looks at a flag. The same thread sees when the stepping thread makes no progress for
 * longer than the limit: a step cannot be interrupted safely, so the process says so and ends with
 * 75 for its supervisor to restart. One instance per process.
 *
 * Until then it does what the stepping thread cannot do while an environment of this process has
 * not come back: `keep`, so that the learner goes on to hear of this actor. What keep uses changes
 * hands by a lock: outside of begin and end it is the stepping thread's alone, and between them
 * whoever uses it takes the lock. A stepping thread that is stuck anywhere else is not helped. */

#include <stdbool.h>

#include "common/base/err.h"

struct watch;

/* Blocks the signals in the calling thread (and those created later) and starts the thread. */
int watch_create(struct watch **out, int step_timeout_s, struct onic_err *err);
void watch_free(struct watch *w); /* joins the thread; NULL is allowed */

/* One of these signals has arrived; a second one ends the process at once */
bool watch_drain_asked(const struct watch *w);

/* Between begin and end the stepping thread must call progress at least every step_timeout_s
 * seconds. */
void watch_begin(struct watch *w);
void watch_progress(struct watch *w);
void watch_end(struct watch *w);
/* Ended by watch_end as well: environments are made. Past the limit nothing is kept any more, but
 * nothing is ended. */
void watch_begin_making(struct watch *w);
/* Also a sign of life, but nothing outside of begin and end (actor/envs/progress.h). */
void watch_extend(struct watch *w);

/* From now on keep(ctx) is called in the watching thread a few times a second, within the lock,
 * while there has been no sign of life between begin and end for longer than a second. env, its
 * name in sentences, and ctx outlive the last watch_end. Not to be called between begin and end. */
void watch_keep(struct watch *w, const char *env, void (*keep)(void *ctx), void *ctx);
void watch_lock(struct watch *w);
void watch_unlock(struct watch *w);

#endif /* ONIC_ACTOR_WATCH_H */
