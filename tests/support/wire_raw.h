/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_WIRE_RAW_H
#define ONIC_TESTS_SUPPORT_WIRE_RAW_H

/* wire_raw.h - a peer that speaks the frame format by hand, against a learner link in the same
 * process: for tests of what a hostile peer can do. Header only, like wire_pair.h. */

#include <zmq.h>

#include "common/data/trajectory_block.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/frame.h"
#include "common/wire/rollout/seal.h"
#include "tests/support/wire_pair.h"

struct raw {
    char dir[256], address[300];
    struct wire_learner *l;
    void *context, *socket;
    uint8_t run_id[16];
    uint64_t incarnation;
    uint32_t id;
};

static inline void connect_raw(struct raw *r)
{
    r->socket = zmq_socket(r->context, ZMQ_DEALER);
    int linger = 0, wait_ms = TEST_PATIENCE_MS;
    zmq_setsockopt(r->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(r->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    assert_int_equal(zmq_connect(r->socket, r->address), 0);
}

/* address NULL: a socket in a folder of its own */
static inline void open_raw_at(struct raw *r, const struct wire_learner_params *params,
                               const char *address)
{
    struct wire_learner_params p = *params;
    memset(r, 0, sizeof *r);
    temp_dir_create(r->dir);
    snprintf(r->address, sizeof r->address, "ipc://%s/t", r->dir);
    p.listen = address ? address : r->address;
    assert_ok(wire_learner_create(&r->l, &p, &err));
    snprintf(r->address, sizeof r->address, "%s", wire_learner_address(r->l));
    pair_publish(r->l, 1);
    memcpy(r->run_id, p.run_id, 16);
    r->context = zmq_ctx_new();
    connect_raw(r);
}

static inline void open_raw_as(struct raw *r, const struct wire_learner_params *params)
{
    open_raw_at(r, params, NULL);
}

static inline void open_raw(struct raw *r)
{
    struct wire_learner_params p = pair_learner_params("");
    open_raw_as(r, &p);
}

static inline void close_raw(struct raw *r)
{
    zmq_close(r->socket);
    zmq_ctx_term(r->context);
    wire_learner_free(r->l);
    temp_dir_remove(r->dir);
}

static inline struct frame_head head(const struct raw *r, enum frame_type type)
{
    struct frame_head h = {
        .type = (uint16_t)type, .actor_id = r->id, .epoch = 1, .incarnation = r->incarnation};
    memcpy(h.run_id, r->run_id, 16);
    return h;
}

static inline size_t build(uint8_t *out, struct frame_head h, const void *meta, size_t meta_len,
                           const void *bulk, size_t bulk_len)
{
    h.meta_len = (uint32_t)meta_len;
    h.bulk_len = (uint32_t)bulk_len;
    if (meta_len)
        memcpy(out + FRAME_HEADER, meta, meta_len);
    if (bulk_len)
        memcpy(out + FRAME_HEADER + meta_len, bulk, bulk_len);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, meta_len + bulk_len));
    return FRAME_HEADER + meta_len + bulk_len;
}

/* Next frame of that type, others are skipped. */
static inline bool await(struct raw *r, enum frame_type type, struct frame *f, zmq_msg_t *msg)
{
    for (;;) {
        zmq_msg_init(msg);
        if (zmq_msg_recv(msg, r->socket, 0) < 0)
            return false;
        assert_int_equal(frame_parse(f, zmq_msg_data(msg), zmq_msg_size(msg)), FRAME_FINE);
        if (f->head.type == type)
            return true;
        zmq_msg_close(msg);
    }
}

/* HELLO, and this READY with these descriptions. */
static inline void say_ready_as(struct raw *r, Onic__Wire__Ready m, const char *env,
                                const char *net)
{
    static uint8_t out[3 << 20];
    static char text[2 << 20];
    uint8_t meta[8192];
    struct frame f;
    zmq_msg_t msg;
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = -1;
    size_t n = onic__wire__hello__pack(&h, meta);
    r->incarnation = 0;
    n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
    assert_true(await(r, FRAME_WELCOME, &f, &msg));
    r->id = f.head.actor_id;
    r->incarnation = f.head.incarnation;
    zmq_msg_close(&msg);
    m.env_bytes = strlen(env);
    m.net_bytes = strlen(net);
    int tn = snprintf(text, sizeof text, "%s%s", env, net);
    n = onic__wire__ready__pack(&m, meta);
    n = build(out, head(r, FRAME_READY), meta, n, text, (size_t)tn);
    zmq_send(r->socket, out, n, 0);
}

/* With this action space; NULL: none is said. */
static inline void say_ready_of(struct raw *r, const char *actions, const char *env,
                                const char *net)
{
    Onic__Wire__Ready m = pair_ready_message();
    if (actions)
        m.action_space = (ProtobufCBinaryData){strlen(actions), (uint8_t *)(uintptr_t)actions};
    say_ready_as(r, m, env, net);
}

static inline void say_ready(struct raw *r, const char *actions)
{
    say_ready_of(r, actions, pair_env, pair_net);
}

static inline void join(struct raw *r)
{
    struct frame f;
    zmq_msg_t msg;
    say_ready(r, NULL);
    assert_true(await(r, FRAME_CREDIT, &f, &msg));
    zmq_msg_close(&msg);
}

/* The next REJECT is of this kind and says so. */
static inline void assert_rejected(struct raw *r, uint32_t code, const char *part)
{
    struct frame f;
    zmq_msg_t msg;
    char text[2000] = {0};
    assert_true(await(r, FRAME_REJECT, &f, &msg));
    Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f.head.meta_len, f.meta);
    assert_non_null(m);
    memcpy(text, m->text.data, m->text.len < sizeof text ? m->text.len : sizeof text - 1);
    if (m->code != code || !strstr(text, part))
        fail_msg("code %u, not %u: \"%s\", not \"%s\"", m->code, code, text, part);
    onic__wire__reject__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
}

static inline uint64_t bad_so_far(struct raw *r)
{
    struct wire_learner_status s;
    wire_learner_status(r->l, &s);
    return s.rx_bad;
}

struct goal {
    struct raw *r;
    uint64_t bad;
};

static inline bool reached(void *ctx)
{
    struct goal *g = ctx;
    return bad_so_far(g->r) >= g->bad;
}

/* An honest actor still gets through. */
static inline void assert_alive(struct raw *r)
{
    struct wire_actor *a = pair_join(r->address, NULL, 100, NULL);
    pair_play(a, 100, 1);
    struct trajectory *t = NULL;
    do {
        t = pair_take(r->l, a, TEST_PATIENCE_MS);
        assert_non_null(t);
        wire_learner_consumed(r->l, t);
        uint32_t from = t->actor_id;
        wire_learner_release(r->l, t);
        if (from == 100)
            break;
    } while (true);
    struct ledger led = pair_ledger(r->l);
    assert_balanced(&led);
    wire_actor_free(a);
}

/* Sends the sealed block b as `seq`. */
static inline void send_block(struct raw *r, struct trajectory_block *b, uint64_t seq)
{
    struct frame_head h = head(r, FRAME_TRAJECTORY);
    h.seq = seq;
    h.meta_len = b->meta_len;
    h.bulk_len = b->bulk_len;
    frame_seal(b->frame, &h, crc32c(0, b->frame + FRAME_HEADER, b->meta_len + b->bulk_len));
    zmq_send(r->socket, b->frame, b->frame_len, 0);
}

#endif /* ONIC_TESTS_SUPPORT_WIRE_RAW_H */
