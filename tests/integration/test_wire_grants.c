/* SPDX-License-Identifier: MIT */
/* test_wire_grants.c - what an actor sends and which learner life it believes: a real actor against
 * a scripted learner. The other side: test_wire_credit.c. */
#include "common/wire/frame/meta.h"
#include "common/wire/weights/server.h"
#include "session.pb-c.h"
#include "tests/support/said.h"
#include "tests/support/wire_script.h"

static const struct sock_bulk nothing = {0};

struct learner_script {
    struct pair_place place;
    void *context, *socket;
    struct sock_route route;
    struct frame_head head;
    struct wire_weights_server *weights;
    struct wire_actor *actor;
    uint64_t max_policy_lag;
};

static void tell(struct learner_script *s, enum frame_type type, const ProtobufCMessage *meta)
{
    zmq_msg_t msg;
    s->head.type = (uint16_t)type;
    sock_build(&msg, &s->head, meta, nothing, nothing);
    assert_int_equal(sock_send(s->socket, &s->route, &msg), SOCK_SENT);
}

static void grant(struct learner_script *s, uint64_t ack, uint64_t until, uint64_t version,
                  bool go_back)
{
    Onic__Wire__Credit m = ONIC__WIRE__CREDIT__INIT;
    m.ack = ack;
    m.credit_until = until;
    m.weights_version = version + 1;
    m.go_back = go_back;
    tell(s, FRAME_CREDIT, &m.base);
}

static void open_weights(struct learner_script *s, char address[400])
{
    snprintf(address, 400, "ipc://%s/w", s->place.dir);
    struct wire_weights_server_params p = {.context = s->context,
                                           .address = address,
                                           .epoch = SCRIPT_EPOCH,
                                           .floats = PAIR_WEIGHTS,
                                           .hwm = 16};
    memcpy(p.run_id, s->head.run_id, 16);
    assert_ok(wire_weights_server_open(&s->weights, &p, &err));
    wire_weights_server_start(s->weights);
    float *w = calloc(PAIR_WEIGHTS, sizeof *w);
    wire_weights_server_publish(s->weights, w, 1);
    free(w);
}

/* Polls the actor until the learner has that frame. */
static void heard(struct learner_script *s, enum frame_type type, struct frame_head *out)
{
    int64_t end = clock_ms() + SCRIPT_WAIT_MS;
    struct frame f;
    zmq_msg_t msg;
    struct onic_err err = {0};
    while (clock_ms() < end) {
        wire_actor_poll(s->actor, 5, &err);
        if (sock_recv(s->socket, &s->route, &msg) != SOCK_FRAME)
            continue;
        assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
        *out = f.head;
        zmq_msg_close(&msg);
        if (out->type == type)
            return;
    }
    fail_msg("the actor sends no frame of type %d", (int)type);
}

static void open_learner(struct learner_script *s, uint64_t max_policy_lag)
{
    char weights[400], bound[SOCK_ADDRESS_MAX];
    memset(s, 0, sizeof *s);
    s->place = pair_place_open();
    s->context = zmq_ctx_new();
    memcpy(s->head.run_id, s->place.dir + strlen(s->place.dir) - 6, 6);
    s->head.epoch = SCRIPT_EPOCH;
    struct sock_options o = {.hwm = 64, .max_msg_bytes = 1 << 24, .option = "test"};
    assert_ok(sock_bind(&s->socket, s->context, s->place.address, &o, bound, &err));
    open_weights(s, weights);
    struct wire_actor_params p = {.learner = s->place.address, .actor_id = 0, .fixed_options = ""};
    assert_ok(wire_actor_create(&s->actor, &p, &err));
    struct wire_welcome w;
    struct onic_err err = {0};
    struct frame f;
    zmq_msg_t msg;
    assert_int_equal(wire_actor_welcome(s->actor, 50, &w, &err), ONIC_EAGAIN);
    script_next_frame(s->socket, FRAME_HELLO, &f, &msg, &s->route);
    zmq_msg_close(&msg);
    s->head.actor_id = 0;
    s->head.incarnation = 77;
    Onic__Wire__Welcome m = ONIC__WIRE__WELCOME__INIT;
    m.weights_address = meta_bytes(weights);
    m.window = 4;
    m.incarnation = 77;
    m.max_policy_lag = max_policy_lag;
    tell(s, FRAME_WELCOME, &m.base);
    int64_t end = clock_ms() + SCRIPT_WAIT_MS;
    int rc;
    while ((rc = wire_actor_welcome(s->actor, 50, &w, &err)) == ONIC_EAGAIN && clock_ms() < end)
        ;
    assert_int_equal(rc, ONIC_OK);
    struct wire_ready r = {.shape = pair_shape(0),
                           .env_text = pair_env,
                           .net_text = pair_net,
                           .weights_floats = PAIR_WEIGHTS};
    struct frame_head h;
    assert_int_equal(wire_actor_ready(s->actor, &r, &err), ONIC_OK);
    heard(s, FRAME_READY, &h);
}

static void close_learner(struct learner_script *s)
{
    wire_actor_free(s->actor);
    sock_close(s->socket, 0);
    wire_weights_server_stop(s->weights);
    zmq_ctx_term(s->context);
    wire_weights_server_free(s->weights);
    temp_dir_remove(s->place.dir);
}

/* A connection keeps its order: once this trajectory comes, the actor has read all that was said
 * before the credit for it. */
static void play_and_hear(struct learner_script *s, uint64_t seq)
{
    struct frame_head h;
    pair_play(s->actor, 0, seq);
    heard(s, FRAME_TRAJECTORY, &h);
    assert_int_equal(h.seq, seq);
}

static void an_actor_plays_what_it_was_granted(void **state)
{
    (void)state;
    struct learner_script s;
    open_learner(&s, 1000);
    grant(&s, 0, 2, 1, true);
    play_and_hear(&s, 1);
    assert_true(wire_actor_may_start(s.actor));
    play_and_hear(&s, 2);
    assert_false(wire_actor_may_start(s.actor));
    grant(&s, 2, 3, 1, false);
    play_and_hear(&s, 3);
    assert_false(wire_actor_may_start(s.actor));
    close_learner(&s);
}

static void credit_of_another_life_is_not_believed(void **state)
{
    (void)state;
    struct learner_script s;
    open_learner(&s, 1000);
    grant(&s, 0, 1, 1, true);
    play_and_hear(&s, 1);
    s.head.epoch = SCRIPT_EPOCH - 1;
    grant(&s, 0, 4, 1, false);
    s.head.epoch = SCRIPT_EPOCH;
    s.head.incarnation = 76;
    grant(&s, 0, 4, 1, false);
    s.head.incarnation = 77;
    grant(&s, 0, 2, 1, false);
    play_and_hear(&s, 2);
    assert_false(wire_actor_may_start(s.actor));
    close_learner(&s);
}

static void what_a_learner_threw_away_is_sent_again(void **state)
{
    (void)state;
    struct learner_script s;
    struct frame_head h;
    open_learner(&s, 1000);
    grant(&s, 0, 3, 1, true);
    play_and_hear(&s, 1);
    play_and_hear(&s, 2);
    play_and_hear(&s, 3);
    grant(&s, 0, 3, 1, true);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        heard(&s, FRAME_TRAJECTORY, &h);
        assert_int_equal(h.seq, seq);
    }
    close_learner(&s);
}

static void what_has_become_too_old_is_skipped_and_not_sent(void **state)
{
    (void)state;
    struct learner_script s;
    struct frame_head h;
    open_learner(&s, 3);
    grant(&s, 0, 2, 1, true);
    play_and_hear(&s, 1); /* with weights 1 */
    grant(&s, 0, 2, 4, true);
    heard(&s, FRAME_TRAJECTORY, &h); /* 4 - 1 is allowed */
    grant(&s, 0, 2, 5, true);
    heard(&s, FRAME_SKIP, &h); /* 5 - 1 is not */
    close_learner(&s);
}

/* --- what an actor is told ------------------------------------------------------------------- */

/* How its turns end. */
static int actor_ends(struct learner_script *s, struct onic_err *err)
{
    int rc = ONIC_OK;
    for (int64_t end = clock_ms() + SCRIPT_WAIT_MS; !rc && clock_ms() < end;)
        rc = wire_actor_poll(s->actor, 10, err);
    return rc;
}

static void what_is_no_message_of_a_learner_is_said(void **state)
{
    static char word[] = "a message of the learner was thrown away reason=\"short\"";
    struct learner_script s;
    struct onic_err why = {0};
    zmq_msg_t msg;
    (void)state;
    open_learner(&s, 0);
    said_begin(LOG_WARN);
    zmq_msg_init_size(&msg, 8);
    memset(zmq_msg_data(&msg), 'x', 8);
    assert_int_equal(sock_send(s.socket, &s.route, &msg), SOCK_SENT);
    for (int64_t end = clock_ms() + SCRIPT_WAIT_MS; !log_said(word) && clock_ms() < end;)
        assert_int_equal(wire_actor_poll(s.actor, 10, &why), ONIC_OK);
    said_end();
    assert_said(word);
    close_learner(&s);
}

static void a_refusal_without_a_reason_is_told_with_its_code(void **state)
{
    struct learner_script s;
    struct onic_err why = {0};
    char want[500];
    Onic__Wire__Reject m = ONIC__WIRE__REJECT__INIT;
    (void)state;
    open_learner(&s, 0);
    m.code = WIRE_REJECT_KEY;
    tell(&s, FRAME_REJECT, &m.base);
    assert_int_equal(actor_ends(&s, &why), ONIC_EAUTH);
    snprintf(want, sizeof want, "the learner at %s refuses this actor without a reason (code %d)",
             s.place.address, WIRE_REJECT_KEY);
    assert_string_equal(why.msg, want);
    close_learner(&s);
}

static void an_actor_that_is_asked_to_finish_says_so(void **state)
{
    struct learner_script s;
    struct onic_err why = {0};
    (void)state;
    open_learner(&s, 0);
    tell(&s, FRAME_DRAIN, NULL);
    assert_int_equal(actor_ends(&s, &why), ONIC_ESTOPPED);
    assert_string_equal(why.msg, "the learner asked its actors to finish");
    close_learner(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_plays_what_it_was_granted),
        cmocka_unit_test(credit_of_another_life_is_not_believed),
        cmocka_unit_test(what_a_learner_threw_away_is_sent_again),
        cmocka_unit_test(what_has_become_too_old_is_skipped_and_not_sent),
        cmocka_unit_test(what_is_no_message_of_a_learner_is_said),
        cmocka_unit_test(a_refusal_without_a_reason_is_told_with_its_code),
        cmocka_unit_test(an_actor_that_is_asked_to_finish_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
