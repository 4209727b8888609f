/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_QUEUE_H
#define ONIC_COMMON_BASE_QUEUE_H

/* queue.h - bounded FIFO of pointers between threads.
 *
 * Ownership of an item moves with it. What happens when the queue is full is the caller's decision:
 * queue_put waits, queue_try_put refuses. queue_close wakes everybody; what is queued can still be
 * taken. */

#include <stddef.h>

struct queue;

struct queue *queue_create(size_t capacity);
void queue_free(struct queue *q,
                void (*free_item)(void *)); /* frees what is left; both may be NULL */
/* Takes ownership on ONIC_OK. timeout_ms < 0 waits for ever. ONIC_ETIMEDOUT or ONIC_ESTOPPED keep
 * it with the caller. */
int queue_put(struct queue *q, void *item, int timeout_ms);
int queue_try_put(struct queue *q, void *item); /* ONIC_EAGAIN when full */
/* *item is owned by the caller on ONIC_OK. ONIC_ETIMEDOUT, or ONIC_ESTOPPED when closed and empty.
 */
int queue_take(struct queue *q, void **item, int timeout_ms);
void queue_close(struct queue *q);
size_t queue_count(struct queue *q);

#endif /* ONIC_COMMON_BASE_QUEUE_H */
