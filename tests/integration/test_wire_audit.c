/* SPDX-License-Identifier: MIT */
/* test_wire_audit.c - who joined, left, was put out and was refused at a learner, as its audit file
 * has it afterwards. */
#include <unistd.h>

#include "common/wire/labels/labels.h"
#include "tests/support/audited.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"
#include "tests/support/wire_raw.h"
#include "tests/support/zmtp.h"

static int audit_setup(void **state)
{
    (void)state;
    audited_begin();
    return 0;
}

static int audit_teardown(void **state)
{
    (void)state;
    clock_replace(NULL);
    audited_end();
    return 0;
}

/* Number 4, of whose trajectories one was consumed. */
static struct wire_actor *an_actor_that_plays(struct wire_learner **l)
{
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    *l = NULL;
    assert_ok(wire_learner_create(l, &p, &err));
    pair_publish(*l, 1);
    struct wire_actor *a = pair_join(wire_learner_address(*l), NULL, 4, NULL);
    pair_play(a, 4, 1);
    pair_consume_one(*l, a, 1);
    return a;
}

static void an_actor_comes_and_goes(void **state)
{
    (void)state;
    struct wire_learner *l;
    struct wire_actor *a = an_actor_that_plays(&l);
    assert_audited("joined ", "actor address=\"127.0.0.1\" key=\"\" actor=4 host=\"", "pid=");
    assert_audited("joined ", "actor=4", "it asked for a number");
    assert_ok(wire_actor_leave(a, 5000, &err));
    assert_audited("left ", "address=\"127.0.0.1\"", "actor=4");
    assert_audited("left ", "actor=4", "it said goodbye");
    wire_actor_free(a);
    wire_learner_free(l);
}

static bool nobody_is_there(void *ctx)
{
    struct wire_learner_status s;
    wire_learner_status(ctx, &s);
    return s.actors_connected == 0;
}

static void an_actor_that_was_away_is_lost_and_back(void **state)
{
    (void)state;
    struct wire_learner *l;
    struct wire_actor *a = an_actor_that_plays(&l);
    skewed_clock_set(150000000000); /* longer than an upload may take */
    assert_true(wait_until(nobody_is_there, l, TEST_PATIENCE_MS));
    assert_audited("lost ", "address=\"127.0.0.1\" key=\"\" actor=4",
                   "lost: lease expired after 1");
    pair_play(a, 4, 2);
    pair_consume_one(l, a, 2);
    assert_audited("back ", "actor=4", "it showed the secret of its number");
    wire_actor_free(a);
    wire_learner_free(l);
}

static void a_stranger_that_is_cut_is_named(void **state)
{
    (void)state;
    struct raw r;
    struct wire_learner_params p = pair_learner_params("");
    open_raw_at(&r, &p, "tcp://127.0.0.1:*");
    skewed_clock_set(0);
    int fd = zmtp_connect(zmtp_port(r.address), NULL, 0);
    assert_true(fd >= 0);
    assert_alive(&r); /* so the port has seen who came before */
    skewed_clock_advance(11000000000);
    assert_audited("cut ", "somebody address=\"127.0.0.1\"", "it came and did not join");
    close(fd);
    close_raw(&r);
}

/* One that sends nonsense is put out, and asks for its number again. */
static void an_actor_that_is_put_out_is_named(void **state)
{
    (void)state;
    struct raw r;
    struct wire_learner_params p = pair_learner_params("");
    open_raw_at(&r, &p, "tcp://127.0.0.1:*");
    join(&r);
    struct trajectory_shape shape = pair_shape(0);
    struct trajectory *t = trajectory_create(&shape);
    pair_fill(t, r.id, 1, 1);
    t->action[5] = 3;
    trajectory_seal(t->storage);
    for (uint64_t seq = 1; seq <= 3; seq++)
        send_block(&r, t->storage, seq);
    assert_audited("quarantined ", "address=\"127.0.0.1\" key=\"\" actor=0",
                   "action[5] is 3, must be 0..2");
    struct frame f;
    zmq_msg_t msg;
    uint8_t meta[256], out[512];
    Onic__Wire__Hello h = ONIC__WIRE__HELLO__INIT;
    h.role = WIRE_ROLE_ACTOR;
    h.actor_id = (int32_t)r.id;
    size_t n = onic__wire__hello__pack(&h, meta);
    r.incarnation = 0;
    n = build(out, head(&r, FRAME_HELLO), meta, n, NULL, 0);
    assert_true(await(&r, FRAME_REJECT, &f, &msg)); /* of being put out */
    zmq_msg_close(&msg);
    zmq_send(r.socket, out, n, 0);
    assert_audited("refused ", "address=\"127.0.0.1\"", "actor number 0 sent nonsense");
    trajectory_free(t);
    close_raw(&r);
}

/* A key that is in no list, and one that may look and not ask. */
static void keys_that_are_refused_are_named(void **state)
{
    (void)state;
    char keys[300], theirs[300];
    keys_make(keys, audited_dir, "keys", KEYS_ALL, "");
    keys_make(theirs, audited_dir, "stranger", 1u << KEY_ACTOR, "");
    struct wire_keys *own = keys_of(keys, KEY_LEARNER), *stranger;
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    p.keys = own;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    const char *server = wire_keys_public(own);
    keys_let_in(theirs, KEY_LEARNER, &server, 1);
    stranger = keys_of(theirs, KEY_ACTOR);
    struct wire_actor *a = NULL;
    struct wire_actor_params ap = {
        .learner = wire_learner_address(l), .actor_id = -1, .keys = stranger};
    struct wire_welcome w;
    struct onic_err e = {0};
    char want[200];
    assert_ok(wire_actor_create(&a, &ap, &err));
    int rc = ONIC_EAGAIN;
    said_begin(LOG_WARN);
    for (int64_t end = clock_ms() + TEST_PATIENCE_MS; rc == ONIC_EAGAIN && clock_ms() < end;)
        rc = wire_actor_welcome(a, 50, &w, &e);
    said_end();
    assert_int_equal(rc, ONIC_EAUTH);
    assert_audited("key_refused ", "address=\"127.0.0.1\"", wire_keys_public(stranger));
    assert_audited("key_refused ", wire_keys_public(stranger),
                   "its key is in no list of those who may come here");
    snprintf(
        want, sizeof want,
        "a connection was refused: its key is in no list of those who may come here key=\"%s\" "
        "from=\"127.0.0.1\" list=\"",
        wire_keys_public(stranger));
    assert_said(want);
    wire_actor_free(a);
    wire_learner_free(l);
    wire_keys_free(stranger);
    wire_keys_free(own);
}

/* An actor that knows another key of its learner than that of who answers. */
static void who_expects_another_key_is_told_of(void **state)
{
    static char another[] = "a connection was refused: it expects another key here; the public key "
                            "of this program must be in the list of whoever connects "
                            "(security.keys)";
    (void)state;
    char keys[300], theirs[300];
    keys_make(keys, audited_dir, "keys", KEYS_ALL, "");
    keys_make(theirs, audited_dir, "theirs", KEYS_ALL, "");
    struct wire_keys *own = keys_of(keys, KEY_LEARNER), *other = keys_of(theirs, KEY_ACTOR);
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    p.keys = own;
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    struct wire_actor *a = NULL;
    struct wire_actor_params ap = {
        .learner = wire_learner_address(l), .actor_id = -1, .keys = other};
    struct wire_welcome w;
    struct onic_err e = {0};
    said_begin(LOG_WARN);
    assert_ok(wire_actor_create(&a, &ap, &err));
    for (int64_t end = clock_ms() + TEST_PATIENCE_MS; !log_said(another) && clock_ms() < end;)
        assert_int_equal(wire_actor_welcome(a, 50, &w, &e), ONIC_EAGAIN);
    said_end();
    assert_said(another);
    assert_audited("key_refused ", "somebody", "it expects another key here");
    wire_actor_free(a);
    wire_learner_free(l);
    wire_keys_free(other);
    wire_keys_free(own);
}

/* A reward server's clients. */
static void a_learner_of_a_reward_server_comes(void **state)
{
    (void)state;
    char keys[300];
    keys_make(keys, audited_dir, "labels", KEYS_ALL, "");
    struct wire_keys *own = keys_of(keys, KEY_REWARD_SERVER), *learner = keys_of(keys, KEY_LEARNER);
    struct wire_labels_identity self = {.kinds = 1};
    struct wire_labels_server *s = NULL;
    struct wire_labels_client *c = NULL;
    struct wire_labels_client_status status = {0};
    assert_ok(wire_labels_server_create(&s, "tcp://127.0.0.1:*", NULL, false, own, &self, &err));
    assert_ok(wire_labels_client_create(&c, wire_labels_server_address(s), NULL, learner, &err));
    for (int64_t end = clock_ms() + 30000; !status.connected && clock_ms() < end;) {
        struct wire_labels_ask ask;
        while (wire_labels_server_recv(s, &ask))
            ;
        wire_labels_client_poll(c, 10);
        wire_labels_client_status(c, &status);
    }
    assert_audited("joined ", "learner address=\"127.0.0.1\"", wire_keys_public(learner));
    assert_audited("joined ", wire_keys_public(learner), "it said hello");
    wire_labels_client_free(c);
    wire_labels_server_free(s);
    wire_keys_free(learner);
    wire_keys_free(own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, audit_setup, audit_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_actor_comes_and_goes),
        TEST(an_actor_that_was_away_is_lost_and_back),
        TEST(a_stranger_that_is_cut_is_named),
        TEST(an_actor_that_is_put_out_is_named),
        TEST(keys_that_are_refused_are_named),
        TEST(who_expects_another_key_is_told_of),
        TEST(a_learner_of_a_reward_server_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
