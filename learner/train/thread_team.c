/* SPDX-License-Identifier: MIT */
/* thread_team.c - a start counter and a done counter under one lock; see thread_team.h.
 *
 * A run is a few milliseconds long, so a mutex and two condition variables cost nothing that can be
 * measured, and unlike spinning they leave the core to an actor while one member waits for another.
 */
#include "learner/train/thread_team.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <xmmintrin.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/xmalloc.h"

enum { FLUSH_DENORMALS = 0x8040 }; /* MXCSR: flush-to-zero and denormals-are-zero */

struct member {
    struct thread_team *team;
    int number;
    pthread_t thread;
};

struct thread_team {
    int count;
    struct member *members; /* [count]; member 0 is the caller */
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    uint64_t round; /* guarded by lock, like all below */
    int running;
    bool quit;
    void (*work)(void *ctx, int member);
    void *ctx;
};

static void *member_main(void *arg)
{
    struct member *m = arg;
    struct thread_team *s = m->team;
    uint64_t seen = 0;
    _mm_setcsr(_mm_getcsr() | FLUSH_DENORMALS);
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->round == seen && !s->quit)
            pthread_cond_wait(&s->start, &s->lock);
        if (s->quit)
            break;
        seen = s->round;
        pthread_mutex_unlock(&s->lock);
        s->work(s->ctx, m->number);
        pthread_mutex_lock(&s->lock);
        if (--s->running == 0)
            pthread_cond_signal(&s->done);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct thread_team *thread_team_create(int count)
{
    ONIC_ASSERT(count >= 1);
    struct thread_team *s = xcalloc(1, sizeof *s);
    s->count = count;
    s->members = xcalloc((size_t)count, sizeof *s->members);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->start, NULL);
    pthread_cond_init(&s->done, NULL);
    for (int i = 1; i < count; i++) {
        s->members[i] = (struct member){.team = s, .number = i};
        limits_create_thread(&s->members[i].thread, member_main, &s->members[i]);
    }
    return s;
}

void thread_team_free(struct thread_team *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->quit = true;
    pthread_cond_broadcast(&s->start);
    pthread_mutex_unlock(&s->lock);
    for (int i = 1; i < s->count; i++)
        pthread_join(s->members[i].thread, NULL);
    pthread_cond_destroy(&s->done);
    pthread_cond_destroy(&s->start);
    pthread_mutex_destroy(&s->lock);
    free(s->members);
    free(s);
}

int thread_team_count(const struct thread_team *s)
{
    return s->count;
}

void thread_team_run(struct thread_team *s, void (*work)(void *ctx, int member), void *ctx)
{
    if (s->count > 1) {
        pthread_mutex_lock(&s->lock);
        s->work = work;
        s->ctx = ctx;
        s->running = s->count - 1;
        s->round++;
        pthread_cond_broadcast(&s->start);
        pthread_mutex_unlock(&s->lock);
    }
    unsigned csr = _mm_getcsr();
    _mm_setcsr(csr | FLUSH_DENORMALS);
    work(ctx, 0);
    _mm_setcsr(csr);
    if (s->count > 1) {
        pthread_mutex_lock(&s->lock);
        while (s->running > 0)
            pthread_cond_wait(&s->done, &s->lock);
        pthread_mutex_unlock(&s->lock);
    }
}
