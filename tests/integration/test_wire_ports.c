/* SPDX-License-Identifier: MIT */
/* test_wire_ports.c - strangers at the ports of weights and labels: nonsense is counted and its
 * connection cut, and nobody keeps a learner out. */
#define _DEFAULT_SOURCE

#include <limits.h>
#include <zmq.h>

#include "annotation.pb-c.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/labels/labels.h"
#include "common/wire/weights/server.h"
#include "tests/support/files.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"
#include "weights.pb-c.h"

enum { NONSENSE = 1000, PATIENCE_MS = 60000, FULL = 64 };

static char cut[] = "a connection was cut";

/* --- what is sent ------------------------------------------------------------------------ */

static void *stranger_to(void *context, const char *address)
{
    int linger = 0;
    void *s = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(s, address), 0);
    return s;
}

/* Of every kind in turn: no frame, several parts, of another plane, a question that cannot be read.
 */
static void send_nonsense(void *socket, int i, enum frame_type question)
{
    uint8_t out[FRAME_HEADER + 16] = {0};
    struct frame_head h = {.type = i % 4 == 2 ? FRAME_TRAJECTORY : question, .meta_len = 16};
    memset(out + FRAME_HEADER, 0xff, 16);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, 16));
    if (i % 4 == 0)
        zmq_send(socket, "nonsense", 8, ZMQ_DONTWAIT);
    else if (i % 4 == 1 && zmq_send(socket, out, sizeof out, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
        zmq_send(socket, out, sizeof out, ZMQ_DONTWAIT);
    else
        zmq_send(socket, out, sizeof out, ZMQ_DONTWAIT);
}

/* --- the labels port --------------------------------------------------------------------- */

static const struct wire_labels_identity self = {.identity = "x", .annotator = "rules"};

struct desk {
    struct wire_labels_server *s;
    struct wire_labels_client *c;
    int labels;
    uint64_t id;
};

/* The server's loop, and its learner's. */
static void desk_turn(struct desk *d)
{
    struct wire_labels_ask q;
    struct label got;
    while (wire_labels_server_recv(d->s, &q)) {
        struct label l = {.id = ++d->id,
                          .state = LABEL_ANSWERED,
                          .value = 1,
                          .question = q.question,
                          .question_len = q.question_len,
                          .source = "rules"};
        wire_labels_server_send(d->s, q.client, &l, 1);
    }
    wire_labels_server_tick(d->s);
    if (d->c)
        wire_labels_client_poll(d->c, 1);
    while (d->c && wire_labels_client_next(d->c, &got))
        d->labels++;
}

static bool is_answered(void *ctx)
{
    struct desk *d = ctx;
    desk_turn(d);
    return d->labels > 0;
}

static bool desk_has_cut(void *ctx)
{
    desk_turn(ctx);
    return log_said(cut);
}

static void nonsense_at_the_labels_port_is_counted_and_cut(void **state)
{
    struct desk d = {0};
    void *context = zmq_ctx_new();
    (void)state;
    assert_ok(wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, NULL, &self, &err));
    assert_ok(wire_labels_client_create(&d.c, wire_labels_server_address(d.s), NULL, NULL, &err));
    wire_labels_client_ask(d.c, "you see a key", 13);
    assert_true(wait_until(is_answered, &d, PATIENCE_MS));
    void *stranger = stranger_to(context, wire_labels_server_address(d.s));
    said_begin(LOG_WARN);
    for (int i = 0; i < 9; i++)
        send_nonsense(stranger, i, FRAME_ANNOT_HELLO);
    for (int64_t end = clock_ms() + 5000; wire_labels_server_bad(d.s) < 9 && clock_ms() < end;)
        desk_turn(&d);
    assert_int_equal(wire_labels_server_bad(d.s), 9);
    assert_false(log_said(cut));
    for (int i = 9; i < NONSENSE; i++)
        send_nonsense(stranger, i, FRAME_ANNOT_HELLO);
    assert_true(wait_until(desk_has_cut, &d, PATIENCE_MS));
    assert_said("a message was thrown away reason=");
    said_end();
    assert_in_range(wire_labels_server_bad(d.s), 10, NONSENSE);
    d.labels = 0;
    wire_labels_client_ask(d.c, "you see a door", 14);
    assert_true(wait_until(is_answered, &d, PATIENCE_MS));
    zmq_close(stranger);
    zmq_ctx_term(context);
    wire_labels_client_free(d.c);
    wire_labels_server_free(d.s);
}

enum { MANY_QUESTIONS = 70000, WITHIN_A_SECOND = 65536 /* ANNOT_RATE_MAX */ };

struct flood {
    struct desk desk;
    int asked, enough; /* labels */
};

static bool has_enough(void *ctx)
{
    struct flood *x = ctx;
    char text[32];
    while (x->asked < MANY_QUESTIONS && x->asked - x->desk.labels < 2048) {
        int n = snprintf(text, sizeof text, "question %d", x->asked++);
        wire_labels_client_ask(x->desk.c, text, (size_t)n);
    }
    desk_turn(&x->desk);
    return x->desk.labels >= x->enough;
}

/* A part of a message waits a little for more. */
static bool has_enough_later(void *ctx)
{
    skewed_clock_advance(1000000);
    return has_enough(ctx);
}

/* The second does not pass, so the answer to more is that they shall be asked again. */
static void questions_of_a_learner_have_a_rate(void **state)
{
    struct flood x = {.enough = WITHIN_A_SECOND - 1024};
    (void)state;
    assert_ok(
        wire_labels_server_create(&x.desk.s, "tcp://127.0.0.1:*", NULL, false, NULL, &self, &err));
    assert_ok(wire_labels_client_create(&x.desk.c, wire_labels_server_address(x.desk.s), NULL, NULL,
                                        &err));
    wire_labels_client_ask(x.desk.c, "you see a key", 13);
    assert_true(wait_until(is_answered, &x.desk, PATIENCE_MS));
    skewed_clock_stop();
    assert_true(wait_until(has_enough, &x, PATIENCE_MS));
    x.enough = INT_MAX;
    for (int i = 0; i < 500; i++)
        has_enough(&x);
    assert_in_range(x.desk.labels, 1, WITHIN_A_SECOND + 1);
    x.enough = MANY_QUESTIONS + 1;
    skewed_clock_advance(2000000000);
    assert_true(wait_until(has_enough_later, &x, PATIENCE_MS));
    wire_labels_client_free(x.desk.c);
    wire_labels_server_free(x.desk.s);
}

struct crowd {
    struct desk desk;
    struct wire_labels_client *of[FULL];
    int polled;
};

static int crowd_turn(struct crowd *x)
{
    struct wire_labels_client_status st;
    int joined = 0;
    for (int i = 0; i < x->polled; i++) {
        wire_labels_client_poll(x->of[i], 0);
        wire_labels_client_status(x->of[i], &st);
        joined += st.connected;
    }
    desk_turn(&x->desk);
    return joined;
}

/* Where the clock stands still but for this: whoever must ask again does so some day, and nobody is
 * silent because a busy machine was slow. */
static void let_a_little_time_pass(void)
{
    skewed_clock_advance(1000000);
}

static bool all_have_joined(void *ctx)
{
    struct crowd *x = ctx;
    let_a_little_time_pass();
    return crowd_turn(x) == x->polled;
}

/* Then the server knows that they are learners. */
static bool all_are_answered(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    struct label got;
    int answered = 0;
    let_a_little_time_pass();
    crowd_turn(x);
    for (int i = 0; i < x->polled; i++) {
        while (wire_labels_client_next(x->of[i], &got))
            ;
        wire_labels_client_status(x->of[i], &st);
        answered += st.labels_total > 0;
    }
    return answered == x->polled;
}

static bool learner_is_answered(void *ctx)
{
    struct crowd *x = ctx;
    crowd_turn(x);
    return x->desk.labels > 0;
}

static void open_crowd(struct crowd *x, struct wire_keys *server, struct wire_keys *each)
{
    memset(x, 0, sizeof *x);
    assert_ok(wire_labels_server_create(&x->desk.s, "tcp://127.0.0.1:*", NULL, false, server, &self,
                                        &err));
    x->polled = FULL;
    for (int i = 0; i < FULL; i++)
        assert_ok(wire_labels_client_create(&x->of[i], wire_labels_server_address(x->desk.s), NULL,
                                            each, &err));
    assert_true(wait_until(all_have_joined, x, PATIENCE_MS));
}

static void add_learner(struct crowd *x, struct wire_keys *keys)
{
    assert_ok(wire_labels_client_create(&x->desk.c, wire_labels_server_address(x->desk.s), NULL,
                                        keys, &err));
    wire_labels_client_ask(x->desk.c, "you see a key", 13);
}

static void close_crowd(struct crowd *x)
{
    for (int i = 0; i < FULL; i++)
        wire_labels_client_free(x->of[i]);
    wire_labels_client_free(x->desk.c);
    wire_labels_server_free(x->desk.s);
}

/* All places are taken by observers that are there for good. */
static void observers_do_not_keep_a_learner_out(void **state)
{
    static struct crowd x;
    char dir[256], keys[300];
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    for (int keyed = 0; keyed < 2; keyed++) {
        struct wire_keys *k[3] = {0};
        if (keyed) {
            k[0] = keys_of(keys, KEY_REWARD_SERVER);
            k[1] = keys_of(keys, KEY_OBSERVER);
            k[2] = keys_of(keys, KEY_LEARNER);
        }
        open_crowd(&x, k[0], k[1]);
        add_learner(&x, k[2]);
        assert_true(wait_until(learner_is_answered, &x, PATIENCE_MS));
        close_crowd(&x);
        for (int i = 0; i < 3; i++)
            wire_keys_free(k[i]);
    }
    temp_dir_remove(dir);
}

static bool learner_has_no_room(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    let_a_little_time_pass();
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return strstr(st.waiting_for, "serves 64 learners already") != NULL;
}

/* Time passes: the dead one is silent, the others are heard. */
static bool learner_is_answered_in_time(void *ctx)
{
    skewed_clock_advance(20000000);
    return learner_is_answered(ctx);
}

/* All places are learners'; the one that was killed a moment ago still has one. */
static void a_learner_gets_the_place_that_it_had(void **state)
{
    static struct crowd x;
    (void)state;
    skewed_clock_stop(); /* a learner of which nothing is heard for 3 s may lose its place */
    open_crowd(&x, NULL, NULL);
    for (int i = 0; i < FULL; i++)
        wire_labels_client_ask(x.of[i], "you see a door", 14);
    assert_true(wait_until(all_are_answered, &x, PATIENCE_MS));
    add_learner(&x, NULL);
    assert_true(wait_until(learner_has_no_room, &x, PATIENCE_MS));
    x.polled--; /* dead */
    assert_true(wait_until(learner_is_answered_in_time, &x, PATIENCE_MS));
    close_crowd(&x);
}

/* --- who is gone has no place ------------------------------------------------------------ */

/* All places may be taken by those who are gone; observers take nobody's. */
static void open_place(struct crowd *x, struct wire_keys *k[2], char dir[256])
{
    char keys[300];
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    k[0] = keys_of(keys, KEY_REWARD_SERVER);
    k[1] = keys_of(keys, KEY_OBSERVER);
    memset(x, 0, sizeof *x);
    skewed_clock_stop(); /* who is silent for 10 s has lost its place anyway */
    assert_ok(
        wire_labels_server_create(&x->desk.s, "tcp://127.0.0.1:*", NULL, false, k[0], &self, &err));
}

static void close_place(struct crowd *x, struct wire_keys *k[2], const char *dir)
{
    close_crowd(x);
    wire_keys_free(k[0]);
    wire_keys_free(k[1]);
    temp_dir_remove(dir);
}

static void say_hello_and_go(const char *address, struct wire_keys *keys)
{
    void *context = zmq_ctx_new(), *s = NULL;
    const struct sock_options o = {
        .hwm = 16, .max_msg_bytes = 1 << 20, .keys = keys, .peer = KEY_REWARD_SERVER};
    uint8_t out[FRAME_HEADER + 64];
    Onic__Wire__AnnotHello m = ONIC__WIRE__ANNOT_HELLO__INIT;
    struct frame_head h = {.type = FRAME_ANNOT_HELLO, .actor_id = (uint32_t)FRAME_ID_NONE};
    int at_once = 0;
    h.meta_len = (uint32_t)onic__wire__annot_hello__pack(&m, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len));
    assert_ok(sock_connect(&s, context, address, &o, &err));
    zmq_setsockopt(s, ZMQ_IMMEDIATE, &at_once, sizeof at_once);
    assert_int_equal(zmq_send(s, out, FRAME_HEADER + h.meta_len, 0), FRAME_HEADER + h.meta_len);
    sock_close(s, PATIENCE_MS); /* until it is sent */
    zmq_ctx_term(context);
}

static bool newcomer_is_answered(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    let_a_little_time_pass();
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return st.connected || strstr(st.waiting_for, "serves 64 learners already");
}

static bool newcomer_has_a_place(struct crowd *x)
{
    struct wire_labels_client_status st;
    assert_true(wait_until(newcomer_is_answered, x, PATIENCE_MS));
    wire_labels_client_status(x->desk.c, &st);
    return st.connected;
}

static void who_is_gone_when_it_is_heard_gets_no_place(void **state)
{
    static struct crowd x;
    struct wire_keys *k[2];
    char dir[256];
    (void)state;
    open_place(&x, k, dir);
    int files = files_open();
    for (int i = 0; i < FULL; i++)
        say_hello_and_go(wire_labels_server_address(x.desk.s), k[1]);
    assert_true(wait_until(files_are_closed, &files, PATIENCE_MS));
    add_learner(&x, k[1]);
    assert_true(newcomer_has_a_place(&x));
    close_place(&x, k, dir);
}

static bool newcomer_gets_a_place(void *ctx)
{
    struct crowd *x = ctx;
    struct wire_labels_client_status st;
    skewed_clock_advance(500000); /* so that there are many turns before all have been silent */
    crowd_turn(x);
    wire_labels_client_status(x->desk.c, &st);
    return st.connected;
}

/* Who is silent and there keeps its place for 10 s; who is gone, for 3 s. */
static void who_has_gone_keeps_no_place(void **state)
{
    static struct crowd x;
    struct wire_keys *k[2];
    char dir[256];
    (void)state;
    open_place(&x, k, dir);
    int files = files_open();
    for (int i = 0; i < FULL; i++)
        assert_ok(wire_labels_client_create(&x.of[i], wire_labels_server_address(x.desk.s), NULL,
                                            k[1], &err));
    x.polled = FULL;
    assert_true(wait_until(all_have_joined, &x, PATIENCE_MS));
    x.polled = 0;
    skewed_clock_advance(4000000000);
    add_learner(&x, k[1]);
    assert_false(newcomer_has_a_place(&x));
    wire_labels_client_free(x.desk.c);
    x.desk.c = NULL;
    for (int i = 0; i < FULL; i++) {
        wire_labels_client_free(x.of[i]);
        x.of[i] = NULL;
    }
    assert_true(wait_until(files_are_closed, &files, PATIENCE_MS));
    int64_t gone_ms = clock_ms();
    skewed_clock_advance(600000000); /* they are looked at twice a second */
    add_learner(&x, k[1]);
    assert_true(wait_until(newcomer_gets_a_place, &x, PATIENCE_MS));
    assert_true(clock_ms() - gone_ms < 4000); /* at 10 s of silence all lose it: 6 s from here */
    close_place(&x, k, dir);
}

/* --- the weights port -------------------------------------------------------------------- */

static void ask_for_the_manifest(void *socket)
{
    uint8_t out[FRAME_HEADER + 64];
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    struct frame_head h = {.type = FRAME_WEIGHTS_GET, .actor_id = (uint32_t)FRAME_ID_NONE};
    m.manifest = true;
    h.meta_len = (uint32_t)onic__wire__weights_get__pack(&m, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len));
    zmq_send(socket, out, FRAME_HEADER + h.meta_len, 0);
}

static bool is_told(void *socket)
{
    uint8_t in[1 << 16];
    struct frame f;
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, 5000) <= 0)
        return false;
    int n = zmq_recv(socket, in, sizeof in, 0);
    return n > 0 && frame_parse(&f, in, (size_t)n) == FRAME_FINE &&
           f.head.type == FRAME_WEIGHTS_MANIFEST;
}

static bool nine_are_counted(void *ctx)
{
    return wire_weights_server_bad(ctx) == 9;
}

static void nonsense_at_the_weights_port_is_counted_and_cut(void **state)
{
    void *context = zmq_ctx_new();
    struct wire_weights_server_params p = {
        .context = context, .address = "tcp://127.0.0.1:*", .floats = 100, .hwm = 32};
    struct wire_weights_server *s;
    float weights[100] = {0};
    (void)state;
    assert_ok(wire_weights_server_open(&s, &p, &err));
    wire_weights_server_start(s);
    wire_weights_server_publish(s, weights, 1);
    void *honest = stranger_to(context, wire_weights_server_address(s));
    void *stranger = stranger_to(context, wire_weights_server_address(s));
    ask_for_the_manifest(honest);
    assert_true(is_told(honest));
    said_begin(LOG_WARN);
    for (int i = 0; i < 9; i++)
        send_nonsense(stranger, i, FRAME_WEIGHTS_GET);
    assert_true(wait_until(nine_are_counted, s, PATIENCE_MS));
    assert_false(log_said(cut));
    for (int i = 9; i < NONSENSE; i++)
        send_nonsense(stranger, i, FRAME_WEIGHTS_GET);
    assert_said(cut);
    assert_said("a message was thrown away reason=");
    said_end();
    assert_in_range(wire_weights_server_bad(s), 10, NONSENSE);
    assert_true(wire_weights_server_cuts(s) >= 1);
    ask_for_the_manifest(honest);
    assert_true(is_told(honest));
    zmq_close(honest);
    zmq_close(stranger);
    wire_weights_server_stop(s);
    zmq_ctx_term(context);
    wire_weights_server_free(s);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nonsense_at_the_labels_port_is_counted_and_cut),
        cmocka_unit_test_teardown(questions_of_a_learner_have_a_rate, skewed_clock_end),
        cmocka_unit_test(observers_do_not_keep_a_learner_out),
        cmocka_unit_test_teardown(a_learner_gets_the_place_that_it_had, skewed_clock_end),
        cmocka_unit_test_teardown(who_is_gone_when_it_is_heard_gets_no_place, skewed_clock_end),
        cmocka_unit_test_teardown(who_has_gone_keeps_no_place, skewed_clock_end),
        cmocka_unit_test(nonsense_at_the_weights_port_is_counted_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
