/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_WIRE_CLAIMS_H
#define ONIC_TESTS_SUPPORT_WIRE_CLAIMS_H

/* wire_claims.h - an actor by hand that joins, leaves and comes back, and what it says of itself
 * then. */

#include "tests/support/wire_raw.h"

/* Of who has said HELLO, to this life of the learner. */
static inline void say_ready_in(struct raw *r, uint32_t epoch, uint32_t envs)
{
    uint8_t meta[512], out[4096];
    char text[200];
    struct frame_head h = head(r, FRAME_READY);
    Onic__Wire__Ready m = pair_ready_message();
    m.envs = envs;
    int bulk = snprintf(text, sizeof text, "%s%s", pair_env, pair_net);
    size_t n = onic__wire__ready__pack(&m, meta);
    h.epoch = epoch;
    n = build(out, h, meta, n, text, (size_t)bulk);
    zmq_send(r->socket, out, n, 0);
}

static inline void say_ready_with(struct raw *r, uint32_t envs)
{
    say_ready_in(r, 1, envs);
}

static inline void is_granted(struct raw *r)
{
    struct frame f;
    zmq_msg_t msg;
    assert_true(await(r, FRAME_CREDIT, &f, &msg));
    zmq_msg_close(&msg);
}

/* As production has it: actors of one run may have different numbers of environments. */
static inline void open_for_any_envs(struct raw *r)
{
    struct wire_learner_params p = pair_learner_params("");
    p.shape.E = 0;
    open_raw_as(r, &p);
}

static inline void hello_as(struct raw *r, int wanted)
{
    uint8_t meta[512], out[1024];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = wanted;
    r->id = (uint32_t)FRAME_ID_NONE;
    r->incarnation = 0;
    size_t n = onic__wire__hello__pack(&h, meta);
    n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
}

/* The secret that came with it, if wanted. */
static inline void is_welcomed(struct raw *r, uint8_t secret[16])
{
    struct frame f;
    zmq_msg_t msg;
    assert_true(await(r, FRAME_WELCOME, &f, &msg));
    Onic__Wire__Welcome *m = onic__wire__welcome__unpack(NULL, f.head.meta_len, f.meta);
    r->id = m->actor_id;
    r->incarnation = m->incarnation;
    assert_int_equal(m->secret.len, 16);
    if (secret)
        memcpy(secret, m->secret.data, 16);
    onic__wire__welcome__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
}

static inline void reconnect(struct raw *r)
{
    zmq_close(r->socket);
    connect_raw(r);
}

static inline void say_bye(struct raw *r, uint64_t env_steps, uint64_t cpu_ms)
{
    uint8_t meta[100], out[1000];
    struct frame f;
    zmq_msg_t msg;
    Onic__Wire__Bye m = ONIC__WIRE__BYE__INIT;
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    own.env_steps = env_steps;
    own.cpu_ms = cpu_ms;
    m.own = &own;
    size_t n = onic__wire__bye__pack(&m, meta);
    n = build(out, head(r, FRAME_BYE), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
    assert_true(await(r, FRAME_BYE_ACK, &f, &msg));
    zmq_msg_close(&msg);
}

struct account {
    uint64_t produced, acked, steps_each;
};

static inline void come_back_with(struct raw *r, uint8_t secret[16], const struct account *a,
                                  uint64_t env_steps, uint64_t cpu_ms)
{
    uint8_t meta[512], out[1024];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    own.incarnation = r->incarnation;
    own.produced = a->produced;
    own.acked = a->acked;
    own.steps_each = a->steps_each;
    own.env_steps = env_steps;
    own.cpu_ms = cpu_ms;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = (int)r->id;
    h.own = &own;
    h.held = r->incarnation;
    h.secret = (ProtobufCBinaryData){16, secret};
    size_t n = onic__wire__hello__pack(&h, meta);
    n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
}

static inline void come_back(struct raw *r, uint8_t secret[16], const struct account *a)
{
    come_back_with(r, secret, a, 0, 0);
}

/* A run that takes any number of environments, and actor 3 in it, which has not said READY. */
static inline void open_with_actor_3(struct raw *r, uint8_t secret[16])
{
    open_for_any_envs(r);
    hello_as(r, 3);
    is_welcomed(r, secret);
}

#endif /* ONIC_TESTS_SUPPORT_WIRE_CLAIMS_H */
