/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_WIRE_PAIR_H
#define ONIC_TESTS_SUPPORT_WIRE_PAIR_H

/* wire_pair.h - a learner link and actor links in one process, for the tests of common/wire.
 *
 * Header only: the test support library does not link common/wire. */

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/data/episode.h"
#include "common/wire/rollout/actor_link.h"
#include "common/wire/rollout/learner_link.h"
#include "session.pb-c.h"
#include "tests/onic_test.h"

enum {
    PAIR_T = 4,
    PAIR_E = 3,
    PAIR_OBS = 16,
    PAIR_STATE = 2,
    PAIR_STATS = 1,
    PAIR_WEIGHTS = 300000
};

static const char pair_env[] = "env.id: corridor\nactions: 3\n";
static const char pair_net[] = "policy.net: grid-small\ncore: lstm\n";

static inline struct trajectory_shape pair_shape(size_t snapshot)
{
    return (struct trajectory_shape){.T = PAIR_T,
                                     .E = PAIR_E,
                                     .obs_bytes = PAIR_OBS,
                                     .actions = {.n = 3},
                                     .state_size = PAIR_STATE,
                                     .nstats = PAIR_STATS,
                                     .snapshot_bytes = snapshot};
}

static inline struct wire_learner_params pair_learner_params(const char *address)
{
    struct wire_learner_params p = {.listen = address,
                                    .weights_listen = "",
                                    .epoch = 1,
                                    .config_text = "env: {id: corridor}\n",
                                    .config_len = 20,
                                    .env_text = pair_env,
                                    .net_text = pair_net,
                                    .weights_floats = PAIR_WEIGHTS,
                                    .shape = pair_shape(0),
                                    .window = 2,
                                    .max_queued = 16,
                                    .inflight_bytes_max = 64 << 20,
                                    .max_policy_lag = 1000};
    memset(p.run_id, 7, sizeof p.run_id);
    return p;
}

static inline void pair_publish(struct wire_learner *l, uint64_t version)
{
    float *w = malloc(PAIR_WEIGHTS * sizeof *w);
    for (int i = 0; i < PAIR_WEIGHTS; i++)
        w[i] = (float)(version * 1000 + (uint64_t)(i % 997));
    wire_learner_publish(l, w, version);
    free(w);
}

/* What an actor of this shape and these descriptions says when it is ready. */
static inline Onic__Wire__Ready pair_ready_message(void)
{
    Onic__Wire__Ready m = ONIC__WIRE__READY__INIT;
    m.steps = PAIR_T;
    m.envs = PAIR_E;
    m.obs_bytes = PAIR_OBS;
    m.actions = 3;
    m.state_size = PAIR_STATE;
    m.nstats = PAIR_STATS;
    m.weights_floats = PAIR_WEIGHTS;
    m.env_bytes = strlen(pair_env);
    m.net_bytes = strlen(pair_net);
    return m;
}

/* Joins up to the point where environments are built. */
static inline struct wire_actor *pair_be_welcomed(const struct wire_actor_params *p)
{
    struct wire_actor *a = NULL;
    struct wire_welcome w;
    struct onic_err err = {0};
    assert_int_equal(wire_actor_create(&a, p, &err), ONIC_OK);
    int64_t end = clock_ms() + TEST_PATIENCE_MS;
    int rc;
    while ((rc = wire_actor_welcome(a, 50, &w, &err)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    if (rc)
        print_error("welcome: %s\n", err.msg);
    assert_int_equal(rc, ONIC_OK);
    return a;
}

static inline void pair_be_ready(struct wire_actor *a, struct trajectory_shape shape)
{
    struct wire_ready r = {
        .shape = shape, .env_text = pair_env, .net_text = pair_net, .weights_floats = PAIR_WEIGHTS};
    assert_ok(wire_actor_ready(a, &r, &err));
}

/* Joins up to the point where READY is sent. */
static inline struct wire_actor *pair_join_as(const char *address, void *context, int id,
                                              const char *state_dir, struct trajectory_shape shape)
{
    struct wire_actor_params p = {.learner = address,
                                  .zmq_context = context,
                                  .actor_id = id,
                                  .state_dir = state_dir,
                                  .fixed_options = ""};
    struct wire_actor *a = pair_be_welcomed(&p);
    pair_be_ready(a, shape);
    return a;
}

static inline struct wire_actor *pair_join(const char *address, void *context, int id,
                                           const char *state_dir)
{
    return pair_join_as(address, context, id, state_dir, pair_shape(0));
}

/* The episodes that its flags say have ended. */
static inline void pair_list_episodes(struct trajectory *t)
{
    t->nepisodes = 0;
    for (int i = 0; i < t->shape.T * t->shape.E; i++) {
        float row[TRAJECTORY_EPISODE_HEAD + PAIR_STATS] = {1.5f, 10, 0, 0, 3};
        row[2] = t->flags[i] & STEP_SUCCESS ? 1.0f : 0.0f;
        row[3] = (float)(i % t->shape.E);
        if (t->flags[i] & STEP_ENDED)
            trajectory_episode(t, row, t->obs + t->shape.obs_bytes);
    }
}

/* Everything a rollout writes, derived from (actor, number of the trajectory). */
static inline void pair_fill(struct trajectory *t, uint32_t actor, uint64_t n, uint64_t version)
{
    trajectory_clear(t);
    int te = t->shape.T * t->shape.E;
    t->weights_version = version;
    for (size_t i = 0; i < (size_t)(t->shape.T + 1) * (size_t)t->shape.E * t->shape.obs_bytes; i++)
        t->obs[i] = (uint8_t)(actor * 31 + n * 7 + i);
    for (int i = 0; i < te; i++) {
        t->action[i] = (int16_t)((n + (uint64_t)i) % 3);
        t->logp[i] = -1.0f - (float)i;
        t->reward[i] = (float)n;
        t->value[2 * i] = (float)actor;
        t->value[2 * i + 1] = 0.5f;
        t->final_value[2 * i] = t->final_value[2 * i + 1] = 0;
        t->flags[i] = 0;
        char text[64];
        int len = snprintf(text, sizeof text, "you see %d", (int)(n + (uint64_t)i) % 5);
        t->caption[i] = i % 2 ? trajectory_caption(t, text, (size_t)len) : 0;
        t->caption_count[i] = i % 2 ? 1 : 0;
    }
    for (int i = 0; i < te + t->shape.E; i++)
        t->obs_caption[i] = 0;
    for (int e = 0; e < t->shape.E; e++) {
        t->episode_id[e] = episode_id((int)actor, e, n);
        t->episode_seed[e] = actor;
        t->first_step[e] = (uint32_t)e;
    }
    for (int i = 0; i < t->shape.E * t->shape.state_size; i++)
        t->state0[i] = (float)i;
    if (t->snapshot)
        memset(t->snapshot, (int)(n & 0xff), (size_t)t->shape.E * t->shape.snapshot_bytes);
    t->flags[te - 1] = STEP_TERMINATED | STEP_SUCCESS;
    pair_list_episodes(t);
}

/* Polls until a rollout may start; the poll's code, or ONIC_ETIMEDOUT. */
static inline int pair_wait_start(struct wire_actor *a, int timeout_ms, struct onic_err *err)
{
    int64_t end = clock_ms() + timeout_ms;
    while (clock_ms() < end) {
        int rc = wire_actor_poll(a, 10, err);
        if (rc)
            return rc;
        if (wire_actor_may_start(a))
            return ONIC_OK;
    }
    return ONIC_ETIMEDOUT;
}

/* Plays one trajectory with number n. */
static inline void pair_play(struct wire_actor *a, uint32_t actor, uint64_t n)
{
    struct onic_err err = {0};
    uint64_t version = 0;
    int rc = pair_wait_start(a, TEST_PATIENCE_MS, &err);
    if (rc)
        print_error("start: %d %s\n", rc, err.msg);
    assert_int_equal(rc, ONIC_OK);
    assert_non_null(wire_actor_weights(a, &version));
    struct trajectory *t = wire_actor_take(a);
    assert_non_null(t);
    pair_fill(t, actor, n, version);
    wire_actor_put(a, t);
}

/* Takes one trajectory while letting the actor work; NULL after timeout_ms. */
static inline struct trajectory *pair_take(struct wire_learner *l, struct wire_actor *a,
                                           int timeout_ms)
{
    int64_t end = clock_ms() + timeout_ms;
    struct trajectory *t = NULL;
    struct onic_err err = {0};
    while (clock_ms() < end) {
        if (a)
            wire_actor_poll(a, 0, &err);
        if (wire_learner_take(l, &t, 5) == ONIC_OK)
            return t;
    }
    return NULL;
}

static inline struct ledger pair_ledger(struct wire_learner *l)
{
    struct ledger out;
    wire_learner_ledger(l, &out);
    return out;
}

static inline void assert_balanced(const struct ledger *l)
{
    if (!ledger_balanced(l)) {
        struct buf b;
        buf_init(&b, 4096);
        ledger_line(l, &b);
        print_error("%s\n", b.data);
        buf_release(&b);
        fail();
    }
}

/* A folder with an address in it, and what a test does there again and again. */
struct pair_place {
    char dir[256], address[300], state[300];
};

static inline struct pair_place pair_place_open(void)
{
    struct pair_place p;
    temp_dir_create(p.dir);
    snprintf(p.address, sizeof p.address, "ipc://%s/t", p.dir);
    snprintf(p.state, sizeof p.state, "%s/state", p.dir);
    return p;
}

static inline struct wire_learner *pair_learner_at(const struct pair_place *p, uint32_t epoch)
{
    struct wire_learner *l = NULL;
    struct wire_learner_params lp = pair_learner_params(p->address);
    lp.epoch = epoch;
    assert_ok(wire_learner_create(&l, &lp, &err));
    return l;
}

static inline void pair_consume_one(struct wire_learner *l, struct wire_actor *a, uint64_t seq)
{
    struct trajectory *t = pair_take(l, a, TEST_PATIENCE_MS);
    assert_non_null(t);
    assert_int_equal(t->seq, seq);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
}

#endif /* ONIC_TESTS_SUPPORT_WIRE_PAIR_H */
