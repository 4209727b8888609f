/* SPDX-License-Identifier: MIT */
/* queue.c - ring buffer under one mutex with two condition variables on the monotonic clock; see
 * queue.h. */
#include "common/base/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;
    void **items;
    size_t capacity, head, count;
    bool closed;
};

struct queue *queue_create(size_t capacity)
{
    ONIC_ASSERT(capacity > 0);
    struct queue *q = xcalloc(1, sizeof *q);
    q->items = xcalloc(capacity, sizeof *q->items);
    q->capacity = capacity;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->not_empty, &attr);
    pthread_cond_init(&q->not_full, &attr);
    pthread_condattr_destroy(&attr);
    return q;
}

void queue_free(struct queue *q, void (*free_item)(void *))
{
    if (!q)
        return;
    while (free_item && q->count) {
        free_item(q->items[q->head]);
        q->head = (q->head + 1) % q->capacity;
        q->count--;
    }
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    pthread_mutex_destroy(&q->lock);
    free(q->items);
    free(q);
}

static struct timespec deadline_after(int timeout_ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += timeout_ms / 1000;
    ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_sec++;
        ts.tv_nsec -= 1000000000;
    }
    return ts;
}

/* Waits on cond until *deadline (NULL: for ever); false when the time is up. */
static bool wait_on(struct queue *q, pthread_cond_t *cond, const struct timespec *deadline)
{
    if (!deadline)
        return pthread_cond_wait(cond, &q->lock) == 0;
    return pthread_cond_timedwait(cond, &q->lock, deadline) != ETIMEDOUT;
}

int queue_put(struct queue *q, void *item, int timeout_ms)
{
    struct timespec deadline = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
    int rc = ONIC_OK;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->count == q->capacity && rc == ONIC_OK)
        if (!wait_on(q, &q->not_full, timeout_ms < 0 ? NULL : &deadline) && q->count == q->capacity)
            rc = ONIC_ETIMEDOUT;
    if (q->closed)
        rc = ONIC_ESTOPPED;
    if (rc == ONIC_OK) {
        q->items[(q->head + q->count++) % q->capacity] = item;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return rc;
}

int queue_try_put(struct queue *q, void *item)
{
    int rc = queue_put(q, item, 0);
    return rc == ONIC_ETIMEDOUT ? ONIC_EAGAIN : rc;
}

int queue_take(struct queue *q, void **item, int timeout_ms)
{
    struct timespec deadline = deadline_after(timeout_ms > 0 ? timeout_ms : 0);
    int rc = ONIC_OK;
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed && rc == ONIC_OK)
        if (!wait_on(q, &q->not_empty, timeout_ms < 0 ? NULL : &deadline) && q->count == 0)
            rc = ONIC_ETIMEDOUT;
    if (q->count) {
        rc = ONIC_OK;
        *item = q->items[q->head];
        q->head = (q->head + 1) % q->capacity;
        q->count--;
        pthread_cond_signal(&q->not_full);
    } else if (q->closed)
        rc = ONIC_ESTOPPED;
    pthread_mutex_unlock(&q->lock);
    return rc;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->lock);
}

size_t queue_count(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
