/* SPDX-License-Identifier: MIT */
/* side_thread.c - a slot for one piece of work under one lock; see side_thread.h. */
#define _GNU_SOURCE /* pthread_setname_np */
#include "learner/reward/side_thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/xmalloc.h"

struct side_thread {
    const char *name;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*work)(void *ctx); /* NULL: idle. Guarded by lock, like all below */
    void *ctx;
    bool quit;
};

static void *side_thread_main(void *arg)
{
    struct side_thread *s = arg;
    pthread_setname_np(pthread_self(), s->name);
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->work && !s->quit)
            pthread_cond_wait(&s->changed, &s->lock);
        if (!s->work)
            break;
        pthread_mutex_unlock(&s->lock);
        s->work(s->ctx); /* set until it is done, so the owner leaves it alone */
        pthread_mutex_lock(&s->lock);
        s->work = NULL;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct side_thread *side_thread_create(const char *name)
{
    struct side_thread *s = xcalloc(1, sizeof *s);
    s->name = name;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    limits_create_thread(&s->thread, side_thread_main, s);
    return s;
}

void side_thread_free(struct side_thread *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->quit = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void side_thread_start(struct side_thread *s, void (*work)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&s->lock);
    ONIC_ASSERT(!s->work);
    s->work = work;
    s->ctx = ctx;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

bool side_thread_idle(struct side_thread *s)
{
    pthread_mutex_lock(&s->lock);
    bool idle = !s->work;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

void side_thread_wait(struct side_thread *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->work)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}
