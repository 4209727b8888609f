/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_peer.c - an actor that has joined a learner and then says anything (fuzz_frames.h). What the
 * learner accepted is trained on; its ledger balances whatever was said. */
#include "common/base/log.h"
#include "common/data/ledger.h"
#include "common/wire/rollout/learner_link.h"
#include "session.pb-c.h"
#include "tests/fuzz/fuzz_frames.h"

enum { T = 2, E = 2, OBS = 8, FLOATS = 64, WAIT_MS = 5000 };
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
            {.T = T, .E = E, .obs_bytes = OBS, .actions = {.n = 3}, .state_size = 2, .nstats = 1},
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *context;
    uint8_t run_id[16] = "fuzz";
    char address[64];
    if (size > FUZZ_INPUT_MAX)
        return 0;
    if (!context) {
        context = zmq_ctx_new();
        log_set_level(LOG_ERROR);
    }
    fuzz_address(address, "fuzz", true);
    struct wire_learner *l = learner(context, address, run_id);
    struct frame_head base = {.epoch = 3}, got;
    struct sock_options o = {.hwm = 200, .max_msg_bytes = 1 << 24, .option = "fuzz"};
    struct onic_err err = {0};
    void *socket;
    memcpy(base.run_id, run_id, 16);
    fuzz_need(sock_connect(&socket, context, address, &o, &err), &err);
    join(socket, &base);
    struct fuzz_frame f;
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &base, &f); i++)
        fuzz_send(socket, NULL, &f);
    /* nobody has this number: the answer comes when all before it was read */
    struct frame_head last = base;
    last.actor_id = 9999;
    fuzz_say(socket, NULL, last, FRAME_HEARTBEAT, NULL, none, none);
    if (!await(socket, FRAME_HELLO_REQUIRED, 9999, &got))
        abort();
    settle(l);
    sock_close(socket, 0);
    wire_learner_free(l);
    return 0;
}
