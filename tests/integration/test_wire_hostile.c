/* SPDX-License-Identifier: MIT */
/* test_wire_hostile.c - a peer that speaks the frame format but not the protocol: every bad frame
 * is counted, none is used. */
#define _DEFAULT_SOURCE
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_raw.h"

static void garbage_truncated_and_multipart_frames_are_counted(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    uint8_t out[4096];
    uint64_t sent = 0;
    struct rng rng = rng_stream(5, "garbage", 0, 0, 0);
    for (int i = 0; i < 200; i++) {
        uint8_t junk[300];
        for (size_t k = 0; k < sizeof junk; k++)
            junk[k] = (uint8_t)rng_u32(&rng);
        zmq_send(r.socket, junk, rng_below(&rng, sizeof junk), 0);
        sent++;
    }
    size_t n = build(out, head(&r, FRAME_HEARTBEAT), NULL, 0, "payload", 7);
    for (size_t cut = 0; cut < n; cut++, sent++)
        zmq_send(r.socket, out, cut, 0);
    for (size_t bit = 0; bit < n * 8; bit += 3, sent++) {
        out[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        zmq_send(r.socket, out, n, 0);
        out[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
    for (int i = 0; i < 50; i++, sent++) {
        zmq_send(r.socket, out, n, ZMQ_SNDMORE);
        zmq_send(r.socket, out, n, ZMQ_SNDMORE);
        zmq_send(r.socket, out, n, 0);
    }
    struct goal g = {&r, sent};
    assert_true(wait_until(reached, &g, TEST_PATIENCE_MS));
    assert_int_equal(bad_so_far(&r), sent);
    assert_alive(&r);
    close_raw(&r);
}

static void is_rejected(struct raw *r, const char *actions, const char *part)
{
    zmq_close(r->socket); /* one that is refused again and again is kept out */
    connect_raw(r);
    say_ready(r, actions);
    assert_rejected(r, WIRE_REJECT_INCOMPATIBLE, part);
}

/* The run's actions are one of 3. */
static void another_action_space_is_told_so(void **state)
{
    (void)state;
    struct raw r;
    char longest[5000] = "multi 1";
    while (strlen(longest) < sizeof longest - 3)
        strcat(longest, ",1");
    open_raw(&r);
    is_rejected(&r, "3 masked", "actions: actor 3 masked, learner 3");
    is_rejected(&r, "multi 3,2,9", "actions: actor multi 3,2,9, learner 3");
    is_rejected(&r, "continuous 0:1,0:1,0:1", "actions: actor continuous 0:1,0:1,0:1, learner 3");
    is_rejected(&r, "multi 3,2", "the READY message cannot be decoded"); /* and `actions` is 3 */
    is_rejected(&r, "continuous 1:0,0:1,0:1", "the READY message cannot be decoded");
    is_rejected(&r, "continuous nan:1,0:1,0:1", "the READY message cannot be decoded");
    is_rejected(&r, longest, "the READY message cannot be decoded");
    assert_alive(&r);
    close_raw(&r);
}

static void another_protocol_version_is_told_so(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    uint8_t out[256];
    size_t n = build(out, head(&r, FRAME_HELLO), NULL, 0, NULL, 0);
    out[4] = FRAME_MAJOR + 1;
    uint32_t crc = crc32c(0, out, 60);
    for (int i = 0; i < 4; i++)
        out[60 + i] = (uint8_t)(crc >> (8 * i));
    zmq_send(r.socket, out, n, 0);
    assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE,
                    "protocol: actor 2.0, learner 1.0; use the same release on both sides");
    close_raw(&r);
}

static void hostile_protobuf_in_every_message_changes_nothing(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    static uint8_t meta[60000];
    static uint8_t out[70000];
    const uint8_t types[] = {FRAME_HELLO, FRAME_READY, FRAME_HEARTBEAT,
                             FRAME_SKIP,  FRAME_BYE,   FRAME_TRAJECTORY};
    struct rng rng = rng_stream(9, "protobuf", 0, 0, 0);
    for (size_t k = 0; k < sizeof types; k++) {
        for (int pattern = 0; pattern < 12; pattern++) {
            size_t len = 20000 + rng_below(&rng, 30000);
            for (size_t i = 0; i < len; i++)
                meta[i] =
                    pattern == 0   ? (uint8_t)(i % 2 ? 0 : 0x3a) /* empty sub-messages, field 7 */
                    : pattern == 1 ? (uint8_t)(i % 2 ? 0 : 0x0a) /* empty strings, field 1 */
                    : pattern == 2 ? (uint8_t)(i % 2 ? 0 : 0x78) /* unknown scalars, field 15 */
                    : pattern == 3 ? 0xff                        /* endless varint */
                                   : (uint8_t)rng_u32(&rng);
            size_t n = build(out, head(&r, types[k]), meta, len, NULL, 0);
            zmq_send(r.socket, out, n, 0);
        }
    }
    assert_alive(&r);
    close_raw(&r);
}

/* What is said to a new process that wants this number; -1: any. It has a connection of its own:
 * one that said nothing while the clock went on a minute may be cut. */
static enum frame_type answer_to_hello(struct raw *r, int wanted)
{
    uint8_t meta[512], out[1024];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    struct frame f;
    zmq_msg_t msg;
    zmq_close(r->socket);
    connect_raw(r);
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = wanted;
    r->incarnation = 0;
    size_t n = onic__wire__hello__pack(&h, meta);
    n = build(out, head(r, FRAME_HELLO), meta, n, NULL, 0);
    zmq_send(r->socket, out, n, 0);
    zmq_msg_init(&msg);
    assert_true(zmq_msg_recv(&msg, r->socket, 0) >= 0);
    assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
    r->id = f.head.actor_id;
    enum frame_type type = f.head.type;
    zmq_msg_close(&msg);
    return type;
}

static void three_invalid_trajectories_in_a_row_end_the_session(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    join(&r);
    struct trajectory_shape shape = pair_shape(0);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    t->action[5] = 3;
    trajectory_seal(t->storage);
    for (uint64_t seq = 1; seq <= 3; seq++)
        send_block(&r, t->storage, seq);
    assert_rejected(&r, WIRE_REJECT_REVOKED,
                    "actor 0 (host , pid 0) sent nonsense too often, last: action[5] is 3, must "
                    "be 0..2");
    uint8_t out[256];
    size_t n = build(out, head(&r, FRAME_HEARTBEAT), NULL, 0, NULL, 0);
    zmq_send(r.socket, out, n, 0);
    assert_rejected(&r, WIRE_REJECT_FENCED, "the learner has ended this session of actor 0");
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 3);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_INVALID], 3);
    trajectory_free(t);
    uint32_t id = r.id;
    assert_int_equal(answer_to_hello(&r, (int)id), FRAME_REJECT); /* in quarantine */
    assert_alive(&r);
    skewed_clock_set(55000000000);
    assert_int_equal(answer_to_hello(&r, (int)id), FRAME_REJECT);
    skewed_clock_set(61000000000);
    assert_int_equal(answer_to_hello(&r, (int)id), FRAME_WELCOME);
    close_raw(&r);
    clock_replace(NULL);
}

/* Finite, and still nothing that the policy of this run can have said. */
static void values_beyond_those_of_the_policy_are_not_trained_on(void **state)
{
    struct wire_learner_params p = pair_learner_params("");
    struct trajectory_shape shape = pair_shape(0);
    struct frame f;
    zmq_msg_t msg;
    struct raw r;
    (void)state;
    p.value_most = 200;
    open_raw_as(&r, &p);
    join(&r);
    struct trajectory *t = trajectory_create(&shape);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        pair_fill(t, r.id, seq, 1);
        t->value[3] = seq == 2 ? 201.0f : 199.0f;
        t->flags[4] = STEP_TRUNCATED;
        t->final_value[8] = seq == 3 ? -1.5e3f : -199.0f;
        pair_list_episodes(t);
        trajectory_seal(t->storage);
        send_block(&r, t->storage, seq);
        assert_true(await(&r, FRAME_CREDIT, &f, &msg));
        zmq_msg_close(&msg);
    }
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.dropped[LEDGER_DROP_INVALID], 2);
    struct wire_learner_status s;
    wire_learner_status(r.l, &s);
    assert_int_equal(s.queued, 2);
    trajectory_free(t);
    close_raw(&r);
}

/* Who asks for any number gets another than one in quarantine. */
static void a_number_in_quarantine_is_given_to_nobody(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    join(&r);
    uint32_t id = r.id;
    for (int i = 0; i < 10; i++) /* bad frames in a minute */
        zmq_send(r.socket, "nonsense", 8, 0);
    assert_true(wait_until(reached, &(struct goal){&r, 10}, TEST_PATIENCE_MS));
    r.incarnation = 0;
    assert_int_equal(answer_to_hello(&r, -1), FRAME_WELCOME);
    assert_int_not_equal(r.id, id);
    close_raw(&r);
}

static void sequence_numbers_are_taken_in_order_and_once(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    join(&r);
    struct trajectory_shape shape = pair_shape(0);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    trajectory_seal(t->storage);
    struct frame f;
    zmq_msg_t msg;
    const uint64_t order[] = {2, 1, 1, 3, 2};
    const uint64_t acks[] = {0, 1, 1, 1, 2};
    const bool back[] = {true, false, false, true, false};
    for (int i = 0; i < 5; i++) {
        send_block(&r, t->storage, order[i]);
        assert_true(await(&r, FRAME_CREDIT, &f, &msg));
        Onic__Wire__Credit *c = onic__wire__credit__unpack(NULL, f.head.meta_len, f.meta);
        assert_int_equal(c->ack, acks[i]);
        assert_int_equal(c->go_back, back[i]);
        onic__wire__credit__free_unpacked(c, NULL);
        zmq_msg_close(&msg);
    }
    struct wire_learner_status s;
    wire_learner_status(r.l, &s);
    assert_int_equal(s.duplicates, 1);
    assert_int_equal(s.out_of_order, 2);
    assert_int_equal(s.queued, 2);
    trajectory_free(t);
    close_raw(&r);
}

static void data_of_another_epoch_or_incarnation_is_not_used(void **state)
{
    (void)state;
    struct raw r;
    open_raw(&r);
    join(&r);
    struct trajectory_shape shape = pair_shape(0);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    trajectory_seal(t->storage);
    struct frame f;
    zmq_msg_t msg;
    uint64_t right = r.incarnation;
    r.incarnation = right + 1;
    send_block(&r, t->storage, 1);
    assert_true(await(&r, FRAME_HELLO_REQUIRED, &f, &msg));
    zmq_msg_close(&msg);
    r.incarnation = right - 1;
    send_block(&r, t->storage, 1);
    assert_rejected(&r, WIRE_REJECT_FENCED,
                    "actor 0 is now another process (host , pid 0); this one ends");
    r.incarnation = right;
    r.run_id[0] ^= 1;
    send_block(&r, t->storage, 1);
    assert_true(await(&r, FRAME_HELLO_REQUIRED, &f, &msg));
    zmq_msg_close(&msg);
    struct wire_learner_status s;
    wire_learner_status(r.l, &s);
    assert_int_equal(s.queued, 0);
    assert_int_equal(s.old_epoch, 2);
    assert_int_equal(s.fenced, 1);
    trajectory_free(t);
    close_raw(&r);
}

/* A mebibyte of lines that are all different would be compared line by line with the lock held, and
 * where the learner knows no environment yet, be copied into a buffer of 64 KiB. */
static void a_large_description_is_refused_at_once(void **state)
{
    static char large[1 << 20];
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct raw r;
        struct wire_learner_params p = pair_learner_params("");
        p.env_text = known ? pair_env : "";
        open_raw_as(&r, &p);
        size_t n = 0;
        for (int i = 0; n + 16 < sizeof large; i++)
            n += (size_t)snprintf(large + n, sizeof large - n, "%d\n", i);
        say_ready_of(&r, NULL, large, pair_net);
        assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE, "the READY message cannot be decoded");
        say_ready_of(&r, NULL, pair_env, large);
        assert_rejected(&r, WIRE_REJECT_INCOMPATIBLE, "the READY message cannot be decoded");
        assert_alive(&r);
        close_raw(&r);
    }
}

/* A claim that cannot be true does not enter the ledger, where it would balance. */
static void more_than_was_granted_is_not_believed(void **state)
{
    static const uint64_t claims[] = {1ull << 60, UINT64_MAX, BOUND_WINDOW + 1};
    static const enum frame_type types[] = {FRAME_HEARTBEAT, FRAME_BYE};
    struct raw r;
    uint64_t bad = 0;
    (void)state;
    open_raw(&r);
    join(&r);
    said_begin(LOG_WARN);
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
        for (int k = 0; k < 2; k++) {
            uint8_t meta[512], out[4096];
            Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
            Onic__Wire__Bye bye = ONIC__WIRE__BYE__INIT;
            Onic__Wire__Heartbeat beat = ONIC__WIRE__HEARTBEAT__INIT;
            own.incarnation = r.incarnation;
            own.produced = claims[i];
            bye.own = beat.own = &own;
            size_t n = types[k] == FRAME_BYE ? onic__wire__bye__pack(&bye, meta)
                                             : onic__wire__heartbeat__pack(&beat, meta);
            n = build(out, head(&r, types[k]), meta, n, NULL, 0);
            zmq_send(r.socket, out, n, 0);
            assert_true(wait_until(reached, &(struct goal){&r, ++bad}, TEST_PATIENCE_MS));
        }
    said_end();
    assert_said("an actor claims more trajectories than it was granted; it is not believed actor=0 "
                "claimed=1.15292e+18 settled=0");
    struct ledger led = pair_ledger(r.l);
    assert_balanced(&led);
    assert_int_equal(led.trajectories.produced, 0);
    assert_alive(&r);
    close_raw(&r);
}

static size_t garbled(uint8_t *out, const struct raw *r, uint16_t type)
{
    uint8_t meta[32];
    memset(meta, 0xff, sizeof meta); /* a number that does not end */
    return build(out, head(r, (enum frame_type)type), meta, sizeof meta, NULL, 0);
}

/* Whatever it was meant to be; and ten of them end the session, as ten that are no frames do. */
static void what_cannot_be_read_is_counted_and_ends_the_session(void **state)
{
    static const struct {
        uint16_t type;
        const char *told;
    } kinds[] = {{FRAME_HEARTBEAT, "too often, last: a HEARTBEAT that cannot be read"},
                 {FRAME_SKIP, "too often, last: a SKIP that cannot be"},
                 {FRAME_BYE, "too often, last: a BYE that cannot be read"},
                 {FRAME_HELLO, "too often, last: a HELLO that cannot be read"},
                 {FRAME_WELCOME, "too often, last: a message that no actor sends"},
                 {50, "too often, last: a message that no actor sends"},
                 {FRAME_READY, "the READY message cannot be decoded"}};
    uint8_t out[4096];
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct raw r;
        bool at_once = kinds[k].type == FRAME_READY; /* who says READY waits for an answer */
        open_raw(&r);
        join(&r);
        for (uint64_t n = 1; n <= (at_once ? 1 : 10); n++) {
            zmq_send(r.socket, out, garbled(out, &r, kinds[k].type), 0);
            assert_true(wait_until(reached, &(struct goal){&r, n}, TEST_PATIENCE_MS));
        }
        assert_rejected(&r, at_once ? WIRE_REJECT_INCOMPATIBLE : WIRE_REJECT_REVOKED,
                        kinds[k].told);
        assert_int_equal(bad_so_far(&r), at_once ? 1 : 10);
        close_raw(&r);
    }
}

/* Numbers that cannot be skipped are neither settled nor overlooked. */
static void a_skip_beyond_what_was_granted_is_a_bad_message(void **state)
{
    uint8_t meta[64], out[256];
    struct raw r;
    (void)state;
    open_raw(&r);
    join(&r);
    Onic__Wire__Skip far = ONIC__WIRE__SKIP__INIT, strange = ONIC__WIRE__SKIP__INIT;
    far.from = strange.from = strange.to = 1;
    far.to = BOUND_WINDOW + 1;
    strange.reason = LEDGER_DROPS;
    const Onic__Wire__Skip *wrong[] = {&far, &strange};
    for (int i = 0; i < 2; i++) {
        size_t n = onic__wire__skip__pack(wrong[i], meta);
        n = build(out, head(&r, FRAME_SKIP), meta, n, NULL, 0);
        zmq_send(r.socket, out, n, 0);
        assert_true(wait_until(reached, &(struct goal){&r, (uint64_t)i + 1}, TEST_PATIENCE_MS));
    }
    struct ledger led = pair_ledger(r.l);
    assert_int_equal(led.trajectories.produced, 0);
    assert_alive(&r);
    close_raw(&r);
}

/* Whoever runs the learner reads who sends what. */
static void what_is_thrown_away_is_said(void **state)
{
    struct trajectory_shape shape = pair_shape(0);
    struct raw r;
    (void)state;
    said_begin(LOG_WARN);
    open_raw(&r);
    zmq_send(r.socket, "nonsense", 8, 0);
    assert_said("a message was thrown away reason=\"short\"");
    close_raw(&r);
    open_raw(&r);
    join(&r);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    t->logp[2] = NAN;
    trajectory_seal(t->storage);
    send_block(&r, t->storage, 1);
    assert_said("an invalid trajectory was dropped actor=0 field=\"logp\" why=\"logp[2] is ");
    trajectory_free(t);
    close_raw(&r);
    open_raw(&r);
    say_ready(&r, "3 masked");
    assert_said(
        "an actor does not fit to this run actor=0 host=\"\" differs=\"actions: actor 3 masked");
    said_end();
    close_raw(&r);
}

/* A connection that asks for one number after the other gets one. */
static void one_connection_is_one_actor(void **state)
{
    struct raw r;
    struct wire_learner_status s;
    (void)state;
    open_raw(&r);
    join(&r);
    uint64_t mine = r.incarnation;
    uint32_t id = r.id;
    for (int i = 0; i < 60; i++) {
        uint8_t meta[512], out[4096];
        Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
        Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
        h.role = WIRE_ROLE_ACTOR;
        h.actor_id = i % 3 == 0 ? -1 : (int)id + 1 + i;
        h.own = &own;
        r.incarnation = i % 3 == 2 ? mine + 1000 : 0; /* as one that comes back */
        r.id = id + 1 + (uint32_t)i;
        size_t n = onic__wire__hello__pack(&h, meta);
        n = build(out, head(&r, FRAME_HELLO), meta, n, NULL, 0);
        zmq_send(r.socket, out, n, 0);
        assert_rejected(&r, WIRE_REJECT_DUPLICATE,
                        "this connection is actor 0 already; another actor needs a connection of "
                        "its own");
    }
    wire_learner_status(r.l, &s);
    assert_int_equal(s.actors_connected, 1);
    assert_alive(&r);
    close_raw(&r);
}

static bool held_back(void *ctx)
{
    struct raw *r = ctx;
    struct wire_learner_status s;
    wire_learner_status(r->l, &s);
    return s.hello_limited > 0;
}

static void a_flood_of_hellos_is_held_back_and_told_to_come_again(void **state)
{
    (void)state;
    struct raw r;
    uint8_t meta[512], out[1024];
    open_raw(&r);
    for (int i = 0; i < 5000; i++) {
        Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
        h.role = WIRE_ROLE_ACTOR;
        h.actor_id = 0;
        size_t n = onic__wire__hello__pack(&h, meta);
        n = build(out, head(&r, FRAME_HELLO), meta, n, NULL, 0);
        zmq_send(r.socket, out, n, ZMQ_DONTWAIT);
    }
    assert_true(wait_until(held_back, &r, TEST_PATIENCE_MS));
    assert_rejected(&r, WIRE_REJECT_RETRY, "the learner admits 500 actors a second; asking again");
    assert_alive(&r); /* is asked to come again, and comes */
    close_raw(&r);
}

/* A process of its own, because a limit once lowered stays. */
static void too_few_open_files_are_refused_with_the_remedy(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit few = {.rlim_cur = 128, .rlim_max = 128};
        struct onic_err why = {0};
        struct wire_learner *l;
        struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
        setrlimit(RLIMIT_NOFILE, &few);
        int rc = wire_learner_create(&l, &p, &why);
        _exit(rc == ONIC_ECONFIG && strstr(why.msg, "ulimit -n") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_truncated_and_multipart_frames_are_counted),
        cmocka_unit_test(another_protocol_version_is_told_so),
        cmocka_unit_test(another_action_space_is_told_so),
        cmocka_unit_test(hostile_protobuf_in_every_message_changes_nothing),
        cmocka_unit_test(three_invalid_trajectories_in_a_row_end_the_session),
        cmocka_unit_test(values_beyond_those_of_the_policy_are_not_trained_on),
        cmocka_unit_test(a_number_in_quarantine_is_given_to_nobody),
        cmocka_unit_test(sequence_numbers_are_taken_in_order_and_once),
        cmocka_unit_test(data_of_another_epoch_or_incarnation_is_not_used),
        cmocka_unit_test(a_large_description_is_refused_at_once),
        cmocka_unit_test(more_than_was_granted_is_not_believed),
        cmocka_unit_test(what_cannot_be_read_is_counted_and_ends_the_session),
        cmocka_unit_test(a_skip_beyond_what_was_granted_is_a_bad_message),
        cmocka_unit_test(what_is_thrown_away_is_said),
        cmocka_unit_test(one_connection_is_one_actor),
        cmocka_unit_test(a_flood_of_hellos_is_held_back_and_told_to_come_again),
        cmocka_unit_test(too_few_open_files_are_refused_with_the_remedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
