/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_peer.c - an actor that has joined a learner and then says anything (fuzz_frames.h). What the
 * learner accepted is trained on; its ledger balances whatever was said.
 *
 * A learner takes many such actors, one after the other, for making one takes longer than hearing
 * any of them; the clock is put forward with each, or it would admit 500 a second. What is found
 * may be owed to those before it: then the whole corpus finds it again, not the one input.
 *
 * A HELLO that can be read gets the secret of the incarnation in its header, which no mutation
 * would find: what it says of its account is heard. */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/data/ledger.h"
#include "common/wire/rollout/learner_link.h"
#include "common/wire/rollout/place.h"
#include "session.pb-c.h"
#include "tests/fuzz/fuzz_frames.h"
#include "tests/support/skewed_clock.h"

enum { T = 2, E = 2, OBS = 8, FLOATS = 64, WAIT_MS = 5000, ACTORS_EACH = 2000, NOBODY = 60000 };
enum { CLOCK_STEP_NS = 3000000 };
static const char env[] = "env.id: fuzz\n", net[] = "policy.net: mlp\n";
static const struct sock_bulk none = {0};

/* Waits for a frame of that type; its head in *out. False: none comes, the peer was sent away. */
static bool await(void *socket, enum frame_type type, uint32_t actor, struct frame_head *out)
{
    for (;;) {
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
        zmq_msg_t msg;
        struct frame f;
        if (zmq_poll(&item, 1, WAIT_MS) <= 0)
            return false;
        if (sock_recv(socket, NULL, &msg) != SOCK_FRAME)
            continue;
        bool fine = frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) == FRAME_FINE;
        *out = f.head;
        zmq_msg_close(&msg);
        if (fine && out->type == type && (actor == UINT32_MAX || out->actor_id == actor))
            return true;
    }
}

static struct wire_learner *learner(void *context, const char *address, uint8_t run_id[16])
{
    char weights_address[64];
    struct wire_learner_params p = {
        .listen = address,
        .weights_listen = fuzz_address(weights_address, "fuzz-weights", false),
        .zmq_context = context,
        .epoch = 3,
        .config_text = "",
        .env_text = env,
        .net_text = net,
        .weights_floats = FLOATS,
        .shape =
            {.T = T, .E = 0, .obs_bytes = OBS, .actions = {.n = 3}, .state_size = 2, .nstats = 1},
        .window = 2,
        .max_queued = 8,
        .inflight_bytes_max = 1 << 24,
        .max_policy_lag = 100};
    static const float weights[FLOATS];
    struct wire_learner *l;
    struct onic_err err = {0};
    memcpy(p.run_id, run_id, 16);
    fuzz_need(wire_learner_create(&l, &p, &err), &err);
    wire_learner_publish(l, weights, 1);
    return l;
}

static void join(void *socket, struct frame_head *base)
{
    struct frame_head got;
    Onic__Wire__Hello hello = ONIC__WIRE__HELLO__INIT;
    Onic__Wire__Ready ready = ONIC__WIRE__READY__INIT;
    hello.role = WIRE_ROLE_ACTOR;
    hello.actor_id = -1;
    fuzz_say(socket, NULL, *base, FRAME_HELLO, &hello.base, none, none);
    ONIC_ASSERT(await(socket, FRAME_WELCOME, UINT32_MAX, &got));
    base->actor_id = got.actor_id;
    base->incarnation = got.incarnation;
    ready.steps = T;
    ready.envs = E;
    ready.obs_bytes = OBS;
    ready.actions = 3;
    ready.state_size = 2;
    ready.nstats = 1;
    ready.weights_floats = FLOATS;
    ready.env_bytes = sizeof env - 1;
    ready.net_bytes = sizeof net - 1;
    fuzz_say(socket, NULL, *base, FRAME_READY, &ready.base, (struct sock_bulk){env, sizeof env - 1},
             (struct sock_bulk){net, sizeof net - 1});
    ONIC_ASSERT(await(socket, FRAME_CREDIT, UINT32_MAX, &got));
}

/* As whoever was given that incarnation says it; NULL: it is no HELLO. */
static Onic__Wire__Hello *proved(const struct fuzz_frame *f, uint8_t secret[PLACE_SECRET_BYTES])
{
    static const uint8_t key[PLACE_KEY_BYTES];
    Onic__Wire__Hello *m = f->head.type == FRAME_HELLO
                               ? onic__wire__hello__unpack(NULL, f->head.meta_len, f->meta)
                               : NULL;
    struct place of = {.actor_id = f->head.actor_id, .incarnation = f->head.incarnation};
    if (!m)
        return NULL;
    memcpy(of.run_id, f->head.run_id, sizeof of.run_id);
    place_secret(key, &of, secret);
    free(m->secret.data);
    m->secret = (ProtobufCBinaryData){PLACE_SECRET_BYTES, secret};
    m->held = f->head.incarnation;
    if (m->own)
        m->own->incarnation = f->head.incarnation;
    return m;
}

static void say(void *socket, const struct fuzz_frame *f)
{
    uint8_t secret[PLACE_SECRET_BYTES];
    Onic__Wire__Hello *m = proved(f, secret);
    if (!m) {
        fuzz_send(socket, NULL, f);
        return;
    }
    fuzz_say(socket, NULL, f->head, FRAME_HELLO, &m->base, none, none);
    m->secret = (ProtobufCBinaryData){0, NULL};
    onic__wire__hello__free_unpacked(m, NULL);
}

static void settle(struct wire_learner *l)
{
    struct trajectory *t;
    struct ledger led;
    while (wire_learner_take(l, &t, 0) == ONIC_OK) {
        wire_learner_consumed(l, t);
        wire_learner_release(l, t);
    }
    wire_learner_ledger(l, &led);
    if (!ledger_balanced(&led))
        abort();
}

/* Nobody has that number: its answer comes when all before it was read. */
static void wait_until_read(void *socket, const struct frame_head *base)
{
    struct frame_head last = *base, got;
    last.actor_id = NOBODY;
    fuzz_say(socket, NULL, last, FRAME_HEARTBEAT, NULL, none, none);
    if (!await(socket, FRAME_HELLO_REQUIRED, NOBODY, &got))
        abort();
}

/* Its number is free for the next one, unless it has lost it already. */
static void leave(void *socket, const struct frame_head *base)
{
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    Onic__Wire__Bye bye = ONIC__WIRE__BYE__INIT;
    bye.own = &own;
    fuzz_say(socket, NULL, *base, FRAME_BYE, &bye.base, none, none);
    wait_until_read(socket, base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *context;
    static struct wire_learner *l;
    static char address[64];
    static int actors;
    uint8_t run_id[16] = "fuzz";
    if (size > FUZZ_INPUT_MAX)
        return 0;
    if (!context) {
        context = zmq_ctx_new();
        log_set_level(LOG_ERROR);
        skewed_clock_set(0);
    }
    if (actors++ % ACTORS_EACH == 0) {
        wire_learner_free(l);
        l = learner(context, fuzz_address(address, "fuzz", true), run_id);
    }
    struct frame_head base = {.epoch = 3};
    struct sock_options o = {.hwm = 200, .max_msg_bytes = 1 << 24, .option = "fuzz"};
    struct onic_err err = {0};
    void *socket;
    memcpy(base.run_id, run_id, 16);
    fuzz_need(sock_connect(&socket, context, address, &o, &err), &err);
    join(socket, &base);
    struct fuzz_frame f;
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &base, &f); i++)
        say(socket, &f);
    wait_until_read(socket, &base);
    settle(l);
    leave(socket, &base);
    settle(l);
    sock_close(socket, 0);
    skewed_clock_advance(CLOCK_STEP_NS);
    return 0;
}
