/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_actor.c - a learner that says WELCOME to an actor and then anything (fuzz_frames.h), by its
 * first address or, where bit 7 of byte 1 is set, by that of its weights. Weights that are used are
 * finite numbers, and the actor never plays more than is granted at most.
 *
 * All is in one thread. Sockets are made for each input: libzmq's own thread closes them, and while
 * it tells that to a socket, what that one was sent before may lie unseen for a moment. */
#include <math.h>

#include "common/base/bounds.h"
#include "common/data/trajectory.h"
#include "common/wire/frame/meta.h"
#include "common/wire/rollout/actor_link.h"
#include "session.pb-c.h"
#include "tests/fuzz/fuzz_frames.h"

enum { T = 2, E = 2, OBS = 8, FLOATS = 64, RUN = 77 };
static const struct sock_bulk none = {0};
static const struct trajectory_shape shape = {
    .T = T, .E = E, .obs_bytes = OBS, .actions = {.n = 3}, .state_size = 2, .nstats = 1};

struct script {
    void *socket, *weights;
    struct sock_route route, weights_route;
    struct wire_actor *actor;
    int played;
    bool over;
};

/* What the actor says is read to learn its routes. */
static void listen_to(void *socket, struct sock_route *route)
{
    zmq_msg_t msg;
    while (sock_recv(socket, route, &msg) == SOCK_FRAME)
        zmq_msg_close(&msg);
}

static void let_work(struct script *s)
{
    struct onic_err err = {0};
    uint64_t version;
    int rc = wire_actor_poll(s->actor, 0, &err);
    fuzz_told(rc, &err);
    if (rc)
        s->over = true;
    const float *w = wire_actor_weights(s->actor, &version);
    for (int i = 0; w && i < FLOATS; i++)
        if (!isfinite(w[i]))
            abort();
    if (!s->over && wire_actor_may_start(s->actor)) {
        struct trajectory *t = wire_actor_take(s->actor);
        if (!t || ++s->played > (1 << 16))
            abort();
        trajectory_clear(t);
        wire_actor_put(s->actor, t);
    }
    listen_to(s->socket, &s->route);
    listen_to(s->weights, &s->weights_route);
}

static void *bind_at(void *context, const char *address)
{
    struct sock_options o = {.hwm = 200, .max_msg_bytes = 1 << 24, .option = "fuzz"};
    struct onic_err err = {0};
    char bound[SOCK_ADDRESS_MAX];
    void *socket;
    fuzz_need(sock_bind(&socket, context, address, &o, bound, &err), &err);
    return socket;
}

/* HELLO, WELCOME, READY. */
static void join(struct script *s, const struct frame_head *base)
{
    char weights[64];
    struct onic_err err = {0};
    struct wire_welcome w;
    Onic__Wire__Welcome m = ONIC__WIRE__WELCOME__INIT;
    while (wire_actor_welcome(s->actor, 0, &w, &err) == ONIC_EAGAIN && !s->route.len)
        listen_to(s->socket, &s->route);
    m.weights_address = meta_bytes(fuzz_address(weights, "fuzz-w", false));
    m.window = 2;
    m.incarnation = RUN;
    m.max_policy_lag = 10;
    fuzz_say(s->socket, &s->route, *base, FRAME_WELCOME, &m.base, none, none);
    while (wire_actor_welcome(s->actor, 0, &w, &err) == ONIC_EAGAIN)
        ;
    struct wire_ready r = {
        .shape = shape, .env_text = "env.id: fuzz\n", .net_text = "", .weights_floats = FLOATS};
    fuzz_need(wire_actor_ready(s->actor, &r, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *context = fuzz_context_of_input();
    if (size > FUZZ_INPUT_MAX)
        return 0;
    fuzz_begin_time();
    char address[64], weights[64];
    struct script s = {.socket = bind_at(context, fuzz_address(address, "fuzz-a", true)),
                       .weights = bind_at(context, fuzz_address(weights, "fuzz-w", false))};
    struct wire_actor_params p = {
        .learner = address, .zmq_context = context, .actor_id = 0, .fixed_options = ""};
    struct frame_head base = {.epoch = 3, .incarnation = RUN};
    struct onic_err err = {0};
    struct fuzz_frame f;
    fuzz_need(wire_actor_create(&s.actor, &p, &err), &err);
    join(&s, &base);
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &base, &f); i++) {
        bool second = f.wrong & FUZZ_OTHER_SOCKET;
        if (!second)
            fuzz_send(s.socket, &s.route, &f);
        else if (s.weights_route.len)
            fuzz_send(s.weights, &s.weights_route, &f);
        let_work(&s);
    }
    wire_actor_free(s.actor);
    sock_close(s.socket, 0);
    sock_close(s.weights, 0);
    return 0;
}
