/* SPDX-License-Identifier: MIT */
/* gym_pool.c - see gym_pool.h. */
#include "actor/envs/gym/gym_pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { POOL_MAX = 256 };

static struct {
    pthread_mutex_t lock;
    int count;
    struct {
        struct gym_worker *worker;
        pthread_t thread;
        int group;
    } member[POOL_MAX];
} gym_pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool same_order(const struct gym_order *a, const struct gym_order *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* both zeroed before they were filled */
}

static int pool_add(struct gym_worker **out, const struct gym_order *order, int group,
                    struct onic_err *err)
{
    if (gym_pool.count == POOL_MAX)
        return err_set(err, ONIC_ECONFIG,
                       "more than %d Python processes: lower gym.workers or env.count", POOL_MAX);
    int rc = gym_worker_create(out, order, err);
    if (rc)
        return rc;
    gym_pool.member[gym_pool.count].worker = *out;
    gym_pool.member[gym_pool.count].thread = pthread_self();
    gym_pool.member[gym_pool.count++].group = group;
    return ONIC_OK;
}

int gym_pool_join(struct gym_worker **out, int *row, const struct gym_order *order, int group,
                  struct onic_err *err)
{
    int rc = ONIC_OK;
    *row = -1;
    pthread_mutex_lock(&gym_pool.lock);
    for (int i = 0; i < gym_pool.count && *row < 0; i++) {
        *out = gym_pool.member[i].worker;
        if (gym_pool.member[i].group == group &&
            pthread_equal(gym_pool.member[i].thread, pthread_self()) &&
            same_order(gym_worker_order(*out), order))
            *row = gym_take_row(*out);
    }
    if (*row < 0)
        rc = pool_add(out, order, group, err);
    if (!rc && *row < 0)
        *row = gym_take_row(*out);
    pthread_mutex_unlock(&gym_pool.lock);
    return rc;
}

void gym_pool_leave(struct gym_worker *w, int row)
{
    pthread_mutex_lock(&gym_pool.lock);
    gym_leave_row(w, row);
    bool last = gym_rows_taken(w) == 0;
    for (int i = 0; last && i < gym_pool.count; i++)
        if (gym_pool.member[i].worker == w)
            gym_pool.member[i--] = gym_pool.member[--gym_pool.count];
    pthread_mutex_unlock(&gym_pool.lock);
    if (last)
        gym_worker_free(w);
}

void gym_pool_flush(void)
{
    pthread_mutex_lock(&gym_pool.lock);
    for (int i = 0; i < gym_pool.count; i++)
        if (pthread_equal(gym_pool.member[i].thread, pthread_self()))
            gym_flush(gym_pool.member[i].worker);
    pthread_mutex_unlock(&gym_pool.lock);
}
