/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_REWARD_SIDE_THREAD_H
#define ONIC_LEARNER_REWARD_SIDE_THREAD_H

/* side_thread.h - one thread that does one piece of work at a time for its owner, who goes on
 * meanwhile. What the owner wrote before side_thread_start is seen by the work; what the work wrote
 * may be read once side_thread_idle or side_thread_wait has said that it is done, not before. */

#include <stdbool.h>

struct side_thread;

/* name: of the thread, as /proc and debuggers show it; at most 15 bytes, borrowed. */
struct side_thread *side_thread_create(const char *name);
/* Waits for the work at hand. NULL is allowed. */
void side_thread_free(struct side_thread *s);

/* While it is idle. */
void side_thread_start(struct side_thread *s, void (*work)(void *ctx), void *ctx);
bool side_thread_idle(struct side_thread *s);
void side_thread_wait(struct side_thread *s);

#endif /* ONIC_LEARNER_REWARD_SIDE_THREAD_H */
