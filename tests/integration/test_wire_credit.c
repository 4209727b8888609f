/* SPDX-License-Identifier: MIT */
/* test_wire_credit.c - what an actor may send and which learner life it believes: a real
 * learner against a scripted actor. The other side: test_wire_grants.c. */
#include <poll.h>
#include <unistd.h>
#include <zmq.h>

#include "common/data/trajectory_block.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/meta.h"
#include "common/wire/frame/sock.h"
#include "common/wire/rollout/seal.h"
#include "common/wire/weights/server.h"
#include "session.pb-c.h"
#include "tests/support/wire_script.h"

static const struct sock_bulk nothing = {0};

/* --- a real learner, a scripted actor -------------------------------------------------------- */

struct peer_script {
    struct pair_place place;
    struct wire_learner *learner;
    void *context, *socket;
    struct frame_head head; /* of what it says */
    uint8_t secret[16];     /* of its place */
    struct trajectory *t;
};

static void say(struct peer_script *s, enum frame_type type, const ProtobufCMessage *meta,
                struct sock_bulk a, struct sock_bulk b)
{
    zmq_msg_t msg;
    s->head.type = (uint16_t)type;
    sock_build(&msg, &s->head, meta, a, b);
    script_put_frame(s->socket, &msg);
}

static Onic__Wire__Credit next_credit(struct peer_script *s)
{
    struct frame f;
    zmq_msg_t msg;
    script_next_frame(s->socket, FRAME_CREDIT, &f, &msg, NULL);
    Onic__Wire__Credit *m = onic__wire__credit__unpack(NULL, f.head.meta_len, f.meta), out = *m;
    onic__wire__credit__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
    return out;
}

static void say_ready(struct peer_script *s)
{
    Onic__Wire__Ready m = pair_ready_message();
    say(s, FRAME_READY, &m.base, (struct sock_bulk){pair_env, m.env_bytes},
        (struct sock_bulk){pair_net, m.net_bytes});
}

static void open_peer(struct peer_script *s, int window)
{
    memset(s, 0, sizeof *s);
    s->place = pair_place_open();
    struct wire_learner_params p = pair_learner_params(s->place.address);
    p.epoch = SCRIPT_EPOCH;
    p.window = window;
    assert_ok(wire_learner_create(&s->learner, &p, &err));
    pair_publish(s->learner, 1);
    s->context = zmq_ctx_new();
    struct sock_options o = {.hwm = 64, .max_msg_bytes = 1 << 24, .option = "test"};
    assert_ok(sock_connect(&s->socket, s->context, s->place.address, &o, &err));
    memcpy(s->head.run_id, p.run_id, 16);
    s->head.epoch = SCRIPT_EPOCH;
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = -1;
    say(s, FRAME_HELLO, &h.base, nothing, nothing);
    struct frame f;
    zmq_msg_t msg;
    script_next_frame(s->socket, FRAME_WELCOME, &f, &msg, NULL);
    s->head.actor_id = f.head.actor_id;
    s->head.incarnation = f.head.incarnation;
    Onic__Wire__Welcome *w = onic__wire__welcome__unpack(NULL, f.head.meta_len, f.meta);
    assert_int_equal(w->secret.len, sizeof s->secret);
    memcpy(s->secret, w->secret.data, sizeof s->secret);
    onic__wire__welcome__free_unpacked(w, NULL);
    zmq_msg_close(&msg);
    say_ready(s);
    struct trajectory_shape shape = pair_shape(0);
    s->t = trajectory_create(&shape);
    pair_fill(s->t, s->head.actor_id, 1, 1);
    trajectory_seal(s->t->storage);
}

static void close_peer(struct peer_script *s)
{
    sock_close(s->socket, 0);
    zmq_ctx_term(s->context);
    trajectory_free(s->t);
    wire_learner_free(s->learner);
    temp_dir_remove(s->place.dir);
}

static void play_as(struct peer_script *s, uint64_t seq)
{
    const struct trajectory_block *b = s->t->storage;
    struct frame_head h = s->head;
    zmq_msg_t msg;
    h.type = FRAME_TRAJECTORY;
    h.seq = seq;
    h.meta_len = b->meta_len;
    h.bulk_len = b->bulk_len;
    assert_int_equal(zmq_msg_init_size(&msg, b->frame_len), 0);
    uint8_t *out = zmq_msg_data(&msg);
    memcpy(out, b->frame, b->frame_len);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, b->frame_len - FRAME_HEADER));
    script_put_frame(s->socket, &msg);
}

static struct wire_learner_status status_of(struct peer_script *s)
{
    struct wire_learner_status out;
    wire_learner_status(s->learner, &out);
    return out;
}

static void an_actor_is_granted_the_window_and_no_more(void **state)
{
    (void)state;
    for (int window = 1; window <= 3; window++) {
        struct peer_script s;
        open_peer(&s, window);
        Onic__Wire__Credit c = next_credit(&s);
        assert_true(c.go_back);
        assert_int_equal(c.ack, 0);
        assert_int_equal(c.credit_until, window);
        for (uint64_t seq = 1; seq <= 4; seq++) {
            play_as(&s, seq);
            do { /* what was true before may be said once more */
                c = next_credit(&s);
                assert_int_equal(c.credit_until, c.ack + (uint64_t)window);
            } while (c.ack < seq);
            assert_int_equal(c.ack, seq);
        }
        close_peer(&s);
    }
}

/* With room for one trajectory there is credit for one; the next one waits, although its number is
 * the right one. */
static void what_was_not_granted_is_not_taken(void **state)
{
    (void)state;
    struct peer_script s;
    open_peer(&s, 1);
    assert_int_equal(next_credit(&s).credit_until, 1);
    for (uint64_t seq = 1; seq <= 16; seq++) { /* pair_learner_params: 16 may be queued */
        play_as(&s, seq);
        next_credit(&s);
    }
    assert_int_equal(status_of(&s).queued, 16);
    play_as(&s, 17);
    Onic__Wire__Credit c = next_credit(&s);
    assert_int_equal(c.ack, 16);
    assert_int_equal(c.credit_until, 16);
    assert_int_equal(status_of(&s).queued, 16);
    assert_int_equal(status_of(&s).out_of_order, 1);
    close_peer(&s);
}

static void skip_from(struct peer_script *s, uint64_t from, uint64_t to, uint32_t reason)
{
    Onic__Wire__Skip m = ONIC__WIRE__SKIP__INIT;
    m.from = from;
    m.to = to;
    m.reason = reason;
    say(s, FRAME_SKIP, &m.base, nothing, nothing);
}

/* Rule R5: holes come of explicit words alone, and those are counted. */
static void what_an_actor_skips_is_booked_and_the_next_one_taken(void **state)
{
    (void)state;
    struct peer_script s;
    open_peer(&s, 4);
    next_credit(&s);
    play_as(&s, 1);
    assert_int_equal(next_credit(&s).ack, 1);
    skip_from(&s, 2, 3, LEDGER_DROP_STALE_ACTOR);
    Onic__Wire__Credit c = next_credit(&s);
    assert_int_equal(c.ack, 3);
    assert_int_equal(c.credit_until, 7);
    assert_false(c.go_back);
    play_as(&s, 4);
    assert_int_equal(next_credit(&s).ack, 4);
    assert_int_equal(status_of(&s).queued, 2);
    struct ledger led = pair_ledger(s.learner);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_STALE_ACTOR], 2);
    close_peer(&s);
}

/* Said twice, of what is settled, of what was not granted, with a hole before it, or without a
 * reason that there is: nothing is booked, and the number that comes next is still taken. */
static void a_skip_that_cannot_be_is_not_booked(void **state)
{
    (void)state;
    struct peer_script s;
    open_peer(&s, 2);
    next_credit(&s);
    play_as(&s, 1);
    assert_int_equal(next_credit(&s).ack, 1);
    static const uint64_t wrong[][2] = {{1, 1}, {0, 0}, {2, 4}, {2, UINT64_MAX},
                                        {3, 3}, {3, 2}, {2, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        skip_from(&s, wrong[i][0], wrong[i][1], LEDGER_DROP_STALE_ACTOR);
        Onic__Wire__Credit c = next_credit(&s);
        assert_int_equal(c.ack, 1);
        assert_int_equal(c.go_back, wrong[i][0] > 2);
    }
    skip_from(&s, 2, 2, LEDGER_DROPS);
    play_as(&s, 2);
    assert_int_equal(next_credit(&s).ack, 2);
    assert_int_equal(status_of(&s).queued, 2);
    struct ledger led = pair_ledger(s.learner);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_STALE_ACTOR], 0);
    close_peer(&s);
}

static void data_of_an_earlier_learner_life_is_not_used(void **state)
{
    (void)state;
    struct peer_script s;
    struct frame f;
    zmq_msg_t msg;
    open_peer(&s, 2);
    next_credit(&s);
    for (uint32_t epoch = SCRIPT_EPOCH - 1; epoch <= SCRIPT_EPOCH + 1; epoch += 2) {
        s.head.epoch = epoch;
        play_as(&s, 1);
        script_next_frame(s.socket, FRAME_HELLO_REQUIRED, &f, &msg, NULL);
        zmq_msg_close(&msg);
    }
    assert_int_equal(status_of(&s).queued, 0);
    assert_int_equal(status_of(&s).old_epoch, 2);
    s.head.epoch = SCRIPT_EPOCH;
    play_as(&s, 1);
    assert_int_equal(next_credit(&s).ack, 1);
    assert_int_equal(status_of(&s).queued, 1);
    close_peer(&s);
}

static void data_from_another_connection_is_not_used(void **state)
{
    (void)state;
    struct peer_script s;
    struct frame f;
    zmq_msg_t msg;
    open_peer(&s, 2);
    next_credit(&s);
    void *own = s.socket;
    struct sock_options o = {.hwm = 64, .max_msg_bytes = 1 << 24, .option = "test"};
    assert_ok(sock_connect(&s.socket, s.context, s.place.address, &o, &err));
    play_as(&s, 1); /* knows number, incarnation, run and epoch of the actor */
    script_next_frame(s.socket, FRAME_HELLO_REQUIRED, &f, &msg, NULL);
    zmq_msg_close(&msg);
    assert_int_equal(status_of(&s).queued, 0);
    sock_close(s.socket, 0);
    s.socket = own;
    close_peer(&s);
}

static void connect_again(struct peer_script *s)
{
    struct sock_options o = {.hwm = 64, .max_msg_bytes = 1 << 24, .option = "test"};
    sock_close(s->socket, 0);
    assert_ok(sock_connect(&s->socket, s->context, s->place.address, &o, &err));
}

/* The learner dies after it was trained on trajectory 2 and before 1, and no acknowledgement has
 * reached the actor. */
static void restart_learner(struct peer_script *s)
{
    struct trajectory *t[2];
    struct buf books;
    buf_init(&books, 1 << 20);
    for (int i = 0; i < 2; i++)
        assert_int_equal(wire_learner_take(s->learner, &t[i], SCRIPT_WAIT_MS), ONIC_OK);
    wire_learner_consumed(s->learner, t[1]);
    wire_learner_save(s->learner, &books);
    for (int i = 0; i < 2; i++)
        wire_learner_release(s->learner, t[i]);
    wire_learner_free(s->learner);
    struct wire_learner_params p = pair_learner_params(s->place.address);
    p.epoch = ++s->head.epoch;
    assert_ok(wire_learner_create(&s->learner, &p, &err));
    assert_ok(wire_learner_load(s->learner, books.data, books.len, &err));
    pair_publish(s->learner, 2);
    buf_release(&books);
    connect_again(s);
}

static void say_hello_again(struct peer_script *s, uint64_t held, uint64_t produced)
{
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = (int32_t)s->head.actor_id;
    own.incarnation = s->head.incarnation;
    own.produced = produced;
    own.steps_each = PAIR_T * PAIR_E;
    h.own = &own;
    h.held = held;
    h.secret = (ProtobufCBinaryData){sizeof s->secret, s->secret};
    say(s, FRAME_HELLO, &h.base, nothing, nothing);
}

static void come_back(struct peer_script *s, uint64_t produced)
{
    struct frame f;
    zmq_msg_t msg;
    say_hello_again(s, s->head.incarnation, produced);
    script_next_frame(s->socket, FRAME_WELCOME, &f, &msg, NULL);
    zmq_msg_close(&msg);
    say_ready(s);
    next_credit(s);
}

static void what_a_restored_learner_was_trained_on_is_not_taken_again(void **state)
{
    (void)state;
    struct peer_script s;
    open_peer(&s, 2);
    next_credit(&s);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        play_as(&s, seq);
        next_credit(&s);
    }
    restart_learner(&s);
    come_back(&s, 2);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        play_as(&s, seq);
        assert_int_equal(next_credit(&s).ack, seq);
    }
    assert_int_equal(status_of(&s).queued, 1);
    assert_int_equal(status_of(&s).duplicates, 1);
    struct trajectory *t;
    assert_int_equal(wire_learner_take(s.learner, &t, SCRIPT_WAIT_MS), ONIC_OK);
    assert_int_equal(t->seq, 1);
    wire_learner_consumed(s.learner, t);
    wire_learner_release(s.learner, t);
    struct ledger led = pair_ledger(s.learner);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 2);
    close_peer(&s);
}

/* Its acknowledgement is gone with the learner, and it is too old to be sent again. */
static void what_a_restored_learner_was_trained_on_is_not_skipped_too(void **state)
{
    (void)state;
    struct peer_script s;
    open_peer(&s, 2);
    next_credit(&s);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        play_as(&s, seq);
        next_credit(&s);
    }
    restart_learner(&s); /* trained on 2 alone */
    come_back(&s, 2);
    skip_from(&s, 1, 2, LEDGER_DROP_STALE_ACTOR);
    assert_int_equal(next_credit(&s).ack, 2);
    assert_int_equal(status_of(&s).duplicates, 1);
    struct ledger led = pair_ledger(s.learner);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 1);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_STALE_ACTOR], 1);
    close_peer(&s);
}

/* A process that was replaced (by one that shows its secret) and wakes up again. */
static void a_replaced_process_that_comes_back_is_sent_away(void **state)
{
    (void)state;
    struct peer_script s;
    struct frame f;
    zmq_msg_t msg;
    open_peer(&s, 2);
    next_credit(&s);
    uint64_t first = s.head.incarnation;
    connect_again(&s);
    s.head.incarnation = 0;
    bool welcome = false; /* the learner sees by and by that the first connection is gone */
    for (int i = 0; i < 40 && !welcome; i++) {
        say_hello_again(&s, first, 0);
        welcome = script_frame_within(500, s.socket, FRAME_WELCOME, &f, &msg, NULL);
    }
    assert_true(welcome);
    assert_true(f.head.incarnation > first);
    zmq_msg_close(&msg);
    connect_again(&s);
    s.head.incarnation = first;
    say_hello_again(&s, first, 0);
    script_next_frame(s.socket, FRAME_REJECT, &f, &msg, NULL);
    Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f.head.meta_len, f.meta);
    assert_int_equal(m->code, WIRE_REJECT_FENCED);
    onic__wire__reject__free_unpacked(m, NULL);
    zmq_msg_close(&msg);
    assert_int_equal(status_of(&s).fenced, 1);
    close_peer(&s);
}

struct stale {
    struct wire_learner *l;
    struct wire_actor *a;
};

static bool stale_is_dropped(void *ctx)
{
    const struct stale *of = ctx;
    struct onic_err err = {0};
    wire_actor_poll(of->a, 0, &err);
    return pair_ledger(of->l).trajectories.dropped[LEDGER_DROP_STALE] == 1;
}

static void plays_before(const struct stale *of, uint64_t version)
{
    struct trajectory *t = wire_actor_take(of->a);
    assert_non_null(t);
    pair_fill(t, 0, version, 1);
    pair_publish(of->l, version); /* the actor has not heard of it when it sends */
    wire_actor_put(of->a, t);
}

/* train.max_policy_lag is 3 here; the trajectory was played with weights 1. */
static void what_is_too_old_is_not_queued_and_counted(void **state)
{
    (void)state;
    struct pair_place place = pair_place_open();
    struct wire_learner_params p = pair_learner_params(place.address);
    struct wire_learner *l;
    p.max_policy_lag = 3;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    struct wire_actor *a = pair_join(place.address, NULL, 0, NULL);
    struct onic_err err = {0};
    assert_int_equal(pair_wait_start(a, SCRIPT_WAIT_MS, &err), ONIC_OK);
    struct stale of = {l, a};
    struct trajectory *t;
    plays_before(&of, 4); /* 4 - 1 is allowed, 5 - 1 is not */
    pair_consume_one(l, a, 1);
    plays_before(&of, 5);
    assert_true(wait_until(stale_is_dropped, &of, TEST_PATIENCE_MS));
    assert_int_equal(wire_learner_take(l, &t, 0), ONIC_ETIMEDOUT);
    struct ledger led = pair_ledger(l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.consumed, 1);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_STALE], 1);
    wire_actor_free(a);
    wire_learner_free(l);
    temp_dir_remove(place.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_is_granted_the_window_and_no_more),
        cmocka_unit_test(what_was_not_granted_is_not_taken),
        cmocka_unit_test(what_an_actor_skips_is_booked_and_the_next_one_taken),
        cmocka_unit_test(a_skip_that_cannot_be_is_not_booked),
        cmocka_unit_test(data_of_an_earlier_learner_life_is_not_used),
        cmocka_unit_test(data_from_another_connection_is_not_used),
        cmocka_unit_test(what_a_restored_learner_was_trained_on_is_not_taken_again),
        cmocka_unit_test(what_a_restored_learner_was_trained_on_is_not_skipped_too),
        cmocka_unit_test(a_replaced_process_that_comes_back_is_sent_away),
        cmocka_unit_test(what_is_too_old_is_not_queued_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
