/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_WATCH_H
#define ONIC_ACTOR_WATCH_H

/* watch.h - the actor's second thread: signals and the hung-step watchdog.
 *
 * NetHack runs on small coroutine stacks, where a signal handler must not run. So SIGTERM,
 * SIGINT and SIGHUP (unless ignored) are blocked everywhere and waited for here; the stepping
 * thread only looks at a flag. The same thread sees when the stepping thread makes no progress for
 * longer than the limit: a step cannot be interrupted safely, so the process says so and ends with
 * 75 for its supervisor to restart. One instance per process. */

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
/* As watch_progress, but nothing outside of begin and end (actor/envs/progress.h). */
void watch_extend(struct watch *w);

#endif /* ONIC_ACTOR_WATCH_H */
