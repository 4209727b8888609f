/* SPDX-License-Identifier: MIT */
/* test_wire_nonsense.c - what says nothing at the ports of weights and labels is told of and
 * counted, and its connection cut. */
#define _DEFAULT_SOURCE

#include <zmq.h>

#include "annotation.pb-c.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/weights/server.h"
#include "tests/support/audited.h"
#include "tests/support/labels_desk.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"
#include "tests/support/wire_keys.h"
#include "weights.pb-c.h"

enum { NONSENSE = 1000, PATIENCE_MS = 60000 };

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

static bool desk_has_cut(void *ctx)
{
    desk_turn(ctx);
    return log_said(cut);
}

struct told {
    struct desk *d;
    const char *why;
};

static bool desk_has_told(void *ctx)
{
    struct told *t = ctx;
    desk_turn(t->d);
    return log_said((void *)(uintptr_t)t->why);
}

struct answered {
    struct desk *d;
    void *socket;
    struct frame_head head;
};

static bool is_welcomed(void *ctx)
{
    struct answered *a = ctx;
    uint8_t in[1 << 12];
    struct frame f;
    desk_turn(a->d);
    int n = zmq_recv(a->socket, in, sizeof in, ZMQ_DONTWAIT);
    if (n <= 0 || frame_parse(&f, in, (size_t)n) != FRAME_FINE)
        return false;
    a->head = f.head;
    return f.head.type == FRAME_ANNOT_WELCOME;
}

/* Of one caption of five bytes, of which three come. */
static void ask_a_damaged_question(void *socket, struct desk *d)
{
    uint8_t out[FRAME_HEADER + 100];
    uint32_t five = 5;
    Onic__Wire__AnnotHello hello = ONIC__WIRE__ANNOT_HELLO__INIT;
    Onic__Wire__AnnotAsk ask = ONIC__WIRE__ANNOT_ASK__INIT;
    struct frame_head h = {.type = FRAME_ANNOT_HELLO, .actor_id = (uint32_t)FRAME_ID_NONE};
    struct answered a = {d, socket, {0}};
    h.meta_len = (uint32_t)onic__wire__annot_hello__pack(&hello, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len));
    zmq_send(socket, out, FRAME_HEADER + h.meta_len, 0);
    assert_true(wait_until(is_welcomed, &a, PATIENCE_MS));
    ask.n_caption_bytes = 1;
    ask.caption_bytes = &five;
    h = a.head;
    h.type = FRAME_ANNOT_ASK;
    h.meta_len = (uint32_t)onic__wire__annot_ask__pack(&ask, out + FRAME_HEADER);
    h.bulk_len = 3;
    memcpy(out + FRAME_HEADER + h.meta_len, "you", 3);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len + 3));
    zmq_send(socket, out, FRAME_HEADER + h.meta_len + 3, 0);
}

/* A line a second, so a second goes by between two of them. */
static void each_kind_of_nonsense_is_told_at_the_labels_port(void **state)
{
    static const char *const told[] = {
        "reason=\"short\"", "reason=\"multipart\"", "reason=\"a message that nobody sends here\"",
        "reason=\"a HELLO that cannot be read\"", "reason=\"a damaged question\""};
    struct desk d = {0};
    void *context = zmq_ctx_new();
    (void)state;
    assert_ok(
        wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, NULL, &desk_self, &err));
    said_begin(LOG_WARN);
    for (int i = 0; i < 5; i++) {
        skewed_clock_set((i + 1) * 1500000000LL);
        void *stranger = stranger_to(context, wire_labels_server_address(d.s));
        if (i < 4)
            send_nonsense(stranger, i, FRAME_ANNOT_HELLO);
        else
            ask_a_damaged_question(stranger, &d);
        assert_true(wait_until(desk_has_told, &(struct told){&d, told[i]}, PATIENCE_MS));
        zmq_close(stranger); /* one that stays is cut some day */
    }
    said_end();
    zmq_ctx_term(context);
    wire_labels_server_free(d.s);
}

static void nonsense_at_the_labels_port_is_counted_and_cut(void **state)
{
    struct desk d = {0};
    void *context = zmq_ctx_new();
    (void)state;
    audited_begin();
    assert_ok(
        wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, NULL, &desk_self, &err));
    assert_ok(wire_labels_client_create(&d.c, wire_labels_server_address(d.s), NULL, NULL, &err));
    wire_labels_client_ask(d.c, "you see a key", 13);
    assert_true(wait_until(desk_is_answered, &d, PATIENCE_MS));
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
    assert_audited("refused ", "client address=\"127.0.0.1\"", "reason=\"multipart\"");
    audited_end();
    assert_in_range(wire_labels_server_bad(d.s), 10, NONSENSE);
    d.labels = 0;
    wire_labels_client_ask(d.c, "you see a door", 14);
    assert_true(wait_until(desk_is_answered, &d, PATIENCE_MS));
    zmq_close(stranger);
    zmq_ctx_term(context);
    wire_labels_client_free(d.c);
    wire_labels_server_free(d.s);
}

static bool ten_are_counted(void *ctx)
{
    struct desk *d = ctx;
    desk_turn(d);
    return wire_labels_server_bad(d->s) >= 10;
}

/* Who has a key is not told that it is in no list, and is no less cut. */
static void several_parts_of_one_with_a_key_are_counted(void **state)
{
    char dir[256], keys[300];
    uint8_t part[8] = {0};
    struct desk d = {0};
    void *context = zmq_ctx_new(), *s = NULL;
    (void)state;
    temp_dir_create(dir);
    keys_make(keys, dir, "keys", KEYS_ALL, "");
    struct wire_keys *server = keys_of(keys, KEY_REWARD_SERVER),
                     *learner = keys_of(keys, KEY_LEARNER);
    const struct sock_options o = {
        .hwm = 16, .max_msg_bytes = 1 << 20, .keys = learner, .peer = KEY_REWARD_SERVER};
    audited_begin();
    assert_ok(wire_labels_server_create(&d.s, "tcp://127.0.0.1:*", NULL, false, server, &desk_self,
                                        &err));
    assert_ok(sock_connect(&s, context, wire_labels_server_address(d.s), &o, &err));
    said_begin(LOG_WARN);
    zmq_pollitem_t out = {.socket = s, .events = ZMQ_POLLOUT};
    assert_int_equal(zmq_poll(&out, 1, PATIENCE_MS), 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(zmq_send(s, part, sizeof part, ZMQ_SNDMORE), sizeof part);
        assert_int_equal(zmq_send(s, part, sizeof part, 0), sizeof part);
    }
    assert_true(wait_until(ten_are_counted, &d, PATIENCE_MS));
    assert_said("a message was thrown away reason=\"multipart\"");
    said_end();
    assert_null(strstr(said_text, "off the list"));
    assert_audited("refused ", "learner address=\"127.0.0.1\"", wire_keys_public(learner));
    audited_end();
    sock_close(s, 0);
    zmq_ctx_term(context);
    wire_labels_server_free(d.s);
    wire_keys_free(server);
    wire_keys_free(learner);
    temp_dir_remove(dir);
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

static void ask_for_chunk_99(void *socket)
{
    uint8_t out[FRAME_HEADER + 64];
    Onic__Wire__WeightsGet m = ONIC__WIRE__WEIGHTS_GET__INIT;
    struct frame_head h = {.type = FRAME_WEIGHTS_GET, .actor_id = (uint32_t)FRAME_ID_NONE};
    m.chunk = 99;
    h.meta_len = (uint32_t)onic__wire__weights_get__pack(&m, out + FRAME_HEADER);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len));
    zmq_send(socket, out, FRAME_HEADER + h.meta_len, 0);
}

static void each_kind_of_nonsense_is_told_at_the_weights_port(void **state)
{
    static const char *const told[] = {"reason=\"short\"", "reason=\"multipart\"",
                                       "reason=\"a message that nobody sends here\"",
                                       "reason=\"a question that cannot be read\"",
                                       "reason=\"a question for a chunk that there is not\""};
    void *context = zmq_ctx_new();
    struct wire_weights_server_params p = {
        .context = context, .address = "tcp://127.0.0.1:*", .floats = 100, .hwm = 32};
    struct wire_weights_server *s;
    (void)state;
    assert_ok(wire_weights_server_open(&s, &p, &err));
    wire_weights_server_start(s);
    said_begin(LOG_WARN);
    for (int i = 0; i < 5; i++) {
        skewed_clock_set((i + 1) * 1500000000LL);
        void *stranger = stranger_to(context, wire_weights_server_address(s));
        if (i < 4)
            send_nonsense(stranger, i, FRAME_WEIGHTS_GET);
        else
            ask_for_chunk_99(stranger);
        assert_said(told[i]);
        zmq_close(stranger);
    }
    said_end();
    wire_weights_server_stop(s);
    zmq_ctx_term(context);
    wire_weights_server_free(s);
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
        cmocka_unit_test_teardown(each_kind_of_nonsense_is_told_at_the_labels_port,
                                  skewed_clock_end),
        cmocka_unit_test(nonsense_at_the_labels_port_is_counted_and_cut),
        cmocka_unit_test(several_parts_of_one_with_a_key_are_counted),
        cmocka_unit_test_teardown(each_kind_of_nonsense_is_told_at_the_weights_port,
                                  skewed_clock_end),
        cmocka_unit_test(nonsense_at_the_weights_port_is_counted_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
