/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATION_QUEUE_H
#define ONIC_REWARD_SERVER_ANNOTATION_QUEUE_H

/* annotation_queue.h - questions that wait for an annotator, and those it has.
 *
 * Newest first: what the agent sees now matters more than what it saw an hour ago. A share of the
 * takes goes to the oldest, so that rare early questions are not starved. Bounded in entries and
 * bytes: the oldest waiting question is evicted and counted (it may return when it is asked again).
 * A question is in the queue once, waiting or in flight. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct annotation_queue;

/* max_entries >= 1 and max_bytes bound the waiting questions; oldest_share in [0, 1]. */
struct annotation_queue *annotation_queue_create(size_t max_entries, size_t max_bytes,
                                                 double oldest_share);
void annotation_queue_free(struct annotation_queue *q); /* NULL is allowed */

/* True when the question is new; false when it waits or is in flight already (its place is kept).
 */
bool annotation_queue_put(struct annotation_queue *q, const char *question, size_t len);
/* The next question, now in flight under `ticket`; borrowed until annotation_queue_done. False:
 * none. */
bool annotation_queue_take(struct annotation_queue *q, uint64_t *ticket, const char **question,
                           size_t *len);
/* The question of a ticket in flight. */
const char *annotation_queue_question(const struct annotation_queue *q, uint64_t ticket,
                                      size_t *len);
/* When a ticket in flight was taken, Unix s. */
double annotation_queue_asked_at(const struct annotation_queue *q, uint64_t ticket);
/* How long one has waited for its answer, s: the longest of those in flight and the one that is
 * next for oldest_share; 0 where there is none. */
double annotation_queue_age_s(const struct annotation_queue *q);
/* Answered: the question is forgotten. */
void annotation_queue_done(struct annotation_queue *q, uint64_t ticket);
/* Not answered: waits again, as the newest. */
void annotation_queue_return(struct annotation_queue *q, uint64_t ticket);

struct annotation_queue_numbers {
    size_t waiting, in_flight, bytes; /* bytes of the waiting questions */
    uint64_t evicted;
};
struct annotation_queue_numbers annotation_queue_numbers(const struct annotation_queue *q);

#endif /* ONIC_REWARD_SERVER_ANNOTATION_QUEUE_H */
