/* SPDX-License-Identifier: MIT */
/* checkpoint_writer.c - one builder that belongs to one thread at a time: to the training thread
 * between checkpoint_writer_begin and checkpoint_writer_commit, to the writer after. See
 * checkpoint_writer.h. */
#include "learner/process/checkpoint_writer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"

struct checkpoint_writer {
    char dir[CHECKPOINT_PATH_MAX];
    int keep;
    const struct run_home *home;
    struct checkpoint *builder;
    void (*written)(void *ctx, const char *path, uint64_t version);
    void *written_ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy, quit; /* guarded by lock, like all below */
    uint64_t version, milestone;
    struct checkpoint_writer_result result;
};

/* For the next one, also when the disk is full by then. */
static void keep_room(struct checkpoint_writer *s, uint64_t version)
{
    checkpoint_prune(s->dir, s->keep, version);
    checkpoint_reserve(s->builder, s->dir);
}

static void write_one(struct checkpoint_writer *s, uint64_t version, uint64_t milestone)
{
    char path[CHECKPOINT_PATH_MAX];
    struct onic_err err = {0};
    int rc = s->home ? run_home_check(s->home, &err) : ONIC_OK;
    if (!rc)
        rc = checkpoint_write_version(s->builder, s->dir, version, path, &err);
    if (checkpoint_given_up(s->builder))
        log_warn("the disk is full: older checkpoints were given up for the space of a new one",
                 kv("given_up", checkpoint_given_up(s->builder)), kv("version", version));
    if (!rc && milestone)
        rc = checkpoint_milestone(s->dir, version, milestone, &err);
    if (!rc && s->written)
        s->written(s->written_ctx, path, version);
    if (!rc && (!s->home || run_home_is_here(s->home)))
        keep_room(s, version);
    pthread_mutex_lock(&s->lock);
    struct checkpoint_writer_result *r = &s->result;
    r->version = version;
    r->fresh = true;
    r->failures = rc ? r->failures + 1 : 0;
    if (rc) {
        r->err = err;
    } else {
        r->written++;
        r->last_good_ms = clock_ms();
    }
    pthread_mutex_unlock(&s->lock);
}

static void *checkpoint_writer_main(void *arg)
{
    struct checkpoint_writer *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->busy && !s->quit)
            pthread_cond_wait(&s->changed, &s->lock);
        if (!s->busy)
            break;
        uint64_t version = s->version, milestone = s->milestone;
        pthread_mutex_unlock(&s->lock);
        write_one(s, version, milestone);
        pthread_mutex_lock(&s->lock);
        s->busy = false;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct checkpoint_writer *checkpoint_writer_create(const char *dir, int keep,
                                                   const struct run_home *home)
{
    struct checkpoint_writer *s = xcalloc(1, sizeof *s);
    snprintf(s->dir, sizeof s->dir, "%s", dir);
    s->keep = keep;
    s->home = home;
    s->builder = checkpoint_create();
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    limits_create_thread(&s->thread, checkpoint_writer_main, s);
    return s;
}

void checkpoint_writer_free(struct checkpoint_writer *s)
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
    checkpoint_free(s->builder);
    free(s);
}

void checkpoint_writer_tell(struct checkpoint_writer *s,
                            void (*written)(void *ctx, const char *path, uint64_t version),
                            void *ctx)
{
    pthread_mutex_lock(&s->lock); /* the writer's thread looks after it was woken */
    s->written = written;
    s->written_ctx = ctx;
    pthread_mutex_unlock(&s->lock);
}

struct checkpoint *checkpoint_writer_begin(struct checkpoint_writer *s)
{
    pthread_mutex_lock(&s->lock);
    bool busy = s->busy;
    pthread_mutex_unlock(&s->lock);
    if (busy)
        return NULL;
    checkpoint_reset(s->builder);
    return s->builder;
}

void checkpoint_writer_commit(struct checkpoint_writer *s, uint64_t version, uint64_t milestone)
{
    pthread_mutex_lock(&s->lock);
    s->version = version;
    s->milestone = milestone;
    s->busy = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void checkpoint_writer_wait(struct checkpoint_writer *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->busy)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void checkpoint_writer_look(struct checkpoint_writer *s, struct checkpoint_writer_result *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->result;
    s->result.fresh = false;
    pthread_mutex_unlock(&s->lock);
}
