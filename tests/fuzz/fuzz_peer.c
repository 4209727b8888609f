/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* fuzz_peer.c - an actor that has joined a learner and then says anything (fuzz_frames.h). What the
 * learner accepted is trained on; its ledger balances whatever was said.
 *
 * Another actor has joined too, and says what has bit 7 in its type; type 255 is the end of its
 * connection. One learner hears them all, input after input, in the thread of the target; after
 * each it forgets everything.
 *
 * A HELLO that can be read gets the secret of the incarnation in its header, which no mutation
 * would find: what it says of its account is heard. */
#include <errno.h>
#include <stdlib.h>

#include "common/data/ledger.h"
#include "common/wire/rollout/learner_state.h"
#include "common/wire/rollout/place.h"
#include "session.pb-c.h"
#include "tests/fuzz/fuzz_frames.h"

enum { T = 2, E = 2, OBS = 8, FLOATS = 64 };
static const char env[] = "env.id: fuzz\n", net[] = "policy.net: mlp\n";
static const struct sock_bulk none = {0};

struct player {
    void *socket;
    bool gone; /* its connection has ended */
    struct sock_route route;
    struct frame_head base; /* of what it says */
};
static struct wire_learner *l;
static struct player first, second;
static int trained_on;

const char *fuzz_corpus_lacks(void);

const char *fuzz_corpus_lacks(void)
{
    return trained_on ? NULL : "a trajectory that is trained on";
}

/* Reads all that has come for it; the head of the last frame of that type in *out. */
static bool read_answers(struct player *p, enum frame_type type, struct frame_head *out)
{
    bool found = false;
    zmq_msg_t msg;
    while (sock_recv(p->socket, NULL, &msg) == SOCK_FRAME) {
        struct frame f;
        ONIC_ASSERT(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) == FRAME_FINE);
        if (f.head.type == type) {
            *out = f.head;
            found = true;
        }
        zmq_msg_close(&msg);
    }
    return found;
}

static void let_hear(void)
{
    struct frame_head any;
    wire_learner_turn(l);
    read_answers(&first, FRAME_CREDIT, &any);
    read_answers(&second, FRAME_CREDIT, &any);
}

static void make_learner(const uint8_t run_id[16])
{
    struct wire_learner_params p = {
        .listen = "inproc://fuzz-learner",
        .weights_listen = "inproc://fuzz-weights",
        .zmq_context = fuzz_context(),
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
    struct onic_err err = {0};
    memcpy(p.run_id, run_id, 16);
    fuzz_need(wire_learner_open(&l, &p, &err), &err);
    wire_learner_publish(l, weights, 1);
}

static void make_player(struct player *p)
{
    struct sock_options o = {.hwm = 200, .max_msg_bytes = 1 << 24, .option = "fuzz"};
    struct onic_err err = {0};
    fuzz_need(sock_connect(&p->socket, fuzz_context(), wire_learner_address(l), &o, &err), &err);
}

/* Of this thread alone, and when it returns the learner's socket knows it. (A socket that is closed
 * is left to a thread of libzmq.) */
static void hang_up(struct player *p)
{
    int events;
    size_t size = sizeof events;
    ONIC_ASSERT(zmq_disconnect(p->socket, wire_learner_address(l)) == 0);
    p->gone = true;
    for (int i = 0; i < 3; i++) {
        zmq_getsockopt(l->socket, ZMQ_EVENTS, &events, &size);
        zmq_getsockopt(p->socket, ZMQ_EVENTS, &events, &size);
    }
    ONIC_ASSERT(zmq_send(l->socket, p->route.bytes, p->route.len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 &&
                zmq_errno() == EHOSTUNREACH);
}

static void come_back(struct player *p)
{
    if (p->gone)
        ONIC_ASSERT(zmq_connect(p->socket, wire_learner_address(l)) == 0);
    p->gone = false;
}

static void join(struct player *p, const uint8_t run_id[16])
{
    struct frame_head got;
    Onic__Wire__Hello hello = ONIC__WIRE__HELLO__INIT;
    Onic__Wire__Ready ready = ONIC__WIRE__READY__INIT;
    hello.role = WIRE_ROLE_ACTOR;
    hello.actor_id = -1;
    p->base = (struct frame_head){.epoch = 3};
    memcpy(p->base.run_id, run_id, 16);
    fuzz_say(p->socket, NULL, p->base, FRAME_HELLO, &hello.base, none, none);
    wire_learner_turn(l);
    ONIC_ASSERT(read_answers(p, FRAME_WELCOME, &got));
    p->base.actor_id = got.actor_id;
    p->base.incarnation = got.incarnation;
    p->route = peer_find(l, got.actor_id)->route;
    ready.steps = T;
    ready.envs = E;
    ready.obs_bytes = OBS;
    ready.actions = 3;
    ready.state_size = 2;
    ready.nstats = 1;
    ready.weights_floats = FLOATS;
    ready.env_bytes = sizeof env - 1;
    ready.net_bytes = sizeof net - 1;
    fuzz_say(p->socket, NULL, p->base, FRAME_READY, &ready.base,
             (struct sock_bulk){env, sizeof env - 1}, (struct sock_bulk){net, sizeof net - 1});
    wire_learner_turn(l);
    ONIC_ASSERT(read_answers(p, FRAME_CREDIT, &got));
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

/* What is granted and not used yet: no more than a window each, nothing of whoever is gone, and as
 * much as is booked against the limit, or some of that would be nobody's for ever. */
static void check_credit(void)
{
    size_t bytes = 0;
    uint64_t load = 0;
    for (int i = 0; i < l->npeers; i++) {
        const struct peer *p = l->peers[i];
        uint64_t n = p->credit_until - p->settled_seq;
        if (n > (uint64_t)l->p.window || (n && !peer_alive(p)))
            abort();
        bytes += (size_t)n * p->frame_bytes;
        load += n * load_of(l, p->steps_each);
    }
    if (bytes != l->credit_bytes || load != l->credit_load || bytes > l->p.inflight_bytes_max)
        abort();
}

/* What a trajectory was read into is as large as the largest so far. */
static void forget_pool(void)
{
    while (l->pool) {
        struct received *r = l->pool;
        l->pool = r->next;
        received_release(r);
        free(r);
    }
}

static void settle(void)
{
    struct trajectory *t;
    struct ledger led;
    while (wire_learner_take(l, &t, 0) == ONIC_OK) {
        wire_learner_consumed(l, t);
        trained_on++;
        wire_learner_release(l, t);
    }
    wire_learner_ledger(l, &led);
    if (!ledger_balanced(&led))
        abort();
    forget_pool();
}

static void leave(const struct player *p)
{
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    Onic__Wire__Bye bye = ONIC__WIRE__BYE__INIT;
    bye.own = &own;
    fuzz_say(p->socket, NULL, p->base, FRAME_BYE, &bye.base, none, none);
    let_hear();
}

static void act(struct fuzz_frame *f)
{
    bool other = f->head.type & 128, ends = f->head.type == 255;
    fuzz_let_time_pass(f);
    if (other) { /* what is wrong is wrong for it */
        f->head.actor_id += second.base.actor_id - first.base.actor_id;
        f->head.incarnation += second.base.incarnation - first.base.incarnation;
        f->head.type &= 127;
    }
    if (other && second.gone)
        return;
    if (ends)
        hang_up(&second);
    else
        say(other ? second.socket : first.socket, f);
    let_hear();
    check_credit();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t run_id[16] = "fuzz";
    struct fuzz_frame f;
    if (size > FUZZ_INPUT_MAX)
        return 0;
    if (!l) {
        make_learner(run_id);
        make_player(&first);
        make_player(&second);
    }
    fuzz_begin_time();
    join(&first, run_id);
    join(&second, run_id);
    for (int i = 0; i < FUZZ_FRAMES_MAX && fuzz_next(&data, &size, &first.base, &f); i++)
        act(&f);
    settle();
    check_credit();
    leave(&first);
    settle();
    check_credit();
    books_forget(l);
    come_back(&second); /* now, so that the next input has nothing more to do */
    return 0;
}
