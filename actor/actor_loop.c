/* SPDX-License-Identifier: MIT */
/* actor_loop.c - play and leave; see actor_loop.h. Weights are copied at rollout boundaries only,
 * so a trajectory has one behaviour policy. */
#include "actor/actor_loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "actor/envs/vec_env.h"
#include "actor/rollout.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/wire/keys/keys.h"
#include "common/wire/rollout/actor_link.h"

enum { POLL_INTERVAL_NS = 20000000, LEAVE_MS = 10000 };

/* In both threads, within the lock: a final state is for later. One that is asked to finish is
 * waited for while it is heard. */
void actor_keep_place(void *actor)
{
    struct actor *a = actor;
    if (!a->wire_rc || a->wire_rc == ONIC_ESTOPPED)
        a->wire_rc = wire_actor_poll(a->wire, 0, &a->wire_err);
}

/* Between the steps of a trajectory, and in a step that waits. */
static void actor_poll_sometimes(struct actor *a)
{
    int64_t now = clock_ns();
    if (now - a->last_poll_ns < POLL_INTERVAL_NS)
        return;
    a->last_poll_ns = now;
    actor_keep_place(a);
}

static void on_tick(void *ctx, uint64_t env_steps)
{
    struct actor *a = ctx;
    watch_progress(a->watch);
    a->steps += env_steps;
    watch_lock(a->watch);
    wire_actor_progress(a->wire, a->steps);
    actor_poll_sometimes(a);
    watch_unlock(a->watch);
}

void actor_lives(void *actor)
{
    struct actor *a = actor;
    watch_extend(a->watch);
    if (!a->wire)
        return;
    watch_lock(a->watch);
    actor_poll_sometimes(a);
    watch_unlock(a->watch);
}

static int play_one(struct actor *a, struct onic_err *err)
{
    uint64_t version;
    const float *weights = wire_actor_weights(a->wire, &version);
    if (version != a->weights_version || a->weights_version == 0) {
        memcpy(a->weights, weights, policy_params(a->policy)->floats * sizeof(float));
        a->weights_version = version;
    }
    if (!a->playing)
        log_info("playing", kv("weights_version", (int64_t)version));
    a->playing = true;
    struct trajectory *t = wire_actor_take(a->wire);
    ONIC_ASSERT(t != NULL);
    a->steps = 0;
    watch_begin(a->watch);
    int rc = rollout_fill(a->rollout, a->weights, a->weights_version, t, on_tick, a, err);
    watch_end(a->watch);
    if (!rc)
        wire_actor_put(a->wire, t);
    return rc;
}

int actor_play(struct actor *a, bool *recycle, struct onic_err *err)
{
    log_info("ready, waiting for weights", kv("env", vec_env_spec(a->envs)->id),
             kv("envs", vec_env_count(a->envs)), kv("net", policy_config(a->policy)->net));
    while (!watch_drain_asked(a->watch)) {
        if (a->wire_rc) {
            *err = a->wire_err;
            return a->wire_rc;
        }
        int rc = wire_actor_poll(a->wire, wire_actor_may_start(a->wire) ? 0 : 50, err);
        if (rc)
            return rc;
        a->last_poll_ns = clock_ns();
        if (!wire_actor_may_start(a->wire))
            continue;
        rc = play_one(a, err);
        if (rc)
            return rc;
        if (vec_env_spec(a->envs)->recycle && rollout_episodes(a->rollout) >= a->recycle_episodes) {
            *recycle = true;
            return ONIC_OK;
        }
    }
    return ONIC_OK;
}

static void log_summary(const struct actor *a)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    log_info("leaving", kv("episodes", (int64_t)rollout_episodes(a->rollout)),
             kv("cpu_s", (double)clock_process_cpu_ns() * 1e-9),
             kv("rss_max_mb", u.ru_maxrss / 1024));
}

int actor_leave(struct actor *a, int rc, struct onic_err *err)
{
    if ((!rc || rc == ONIC_ESTOPPED) && a->wire)
        rc = wire_actor_leave(a->wire, LEAVE_MS, err);
    if (a->rollout) /* it has played */
        log_summary(a);
    rollout_free(a->rollout);
    policy_free(a->policy);
    vec_env_free(a->envs);
    free(a->weights);
    wire_actor_free(a->wire);
    wire_keys_free(a->keys);
    return rc;
}
