/* SPDX-License-Identifier: MIT */
/* test_wire_turns.c - who sends without end keeps nobody else waiting: after so many messages
 * everything else that there is to do has its turn; and what it repeats fills no log. */
#define _DEFAULT_SOURCE

#include <zmq.h>

#include "annotation.pb-c.h"
#include "common/base/clock.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock.h"
#include "common/wire/labels/plane.h"
#include "common/wire/weights/server.h"
#include "tests/support/labels_desk.h"
#include "tests/support/said.h"
#include "weights.pb-c.h"

enum { MANY = 4 * SOCK_MESSAGES_PER_TURN };

static void *socket_of(void *context, int type)
{
    int none = 0, wait_ms = TEST_PATIENCE_MS;
    void *s = zmq_socket(context, type);
    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    return s;
}

static size_t frame_of(uint8_t *out, enum frame_type type, const uint8_t *meta, size_t len)
{
    struct frame_head h = {.type = (uint16_t)type,
                           .actor_id = (uint32_t)FRAME_ID_NONE,
                           .epoch = 1,
                           .meta_len = (uint32_t)len};
    if (len)
        memcpy(out + FRAME_HEADER, meta, len);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, len));
    return FRAME_HEADER + len;
}

/* --- the labels port --------------------------------------------------------------------- */

static void messages_that_ask_nothing_leave_the_labels_port_its_turn(void **state)
{
    uint8_t out[FRAME_HEADER + 16];
    void *context = zmq_ctx_new();
    struct wire_labels_server *s;
    struct wire_labels_ask ask;
    (void)state;
    assert_ok(
        wire_labels_server_create(&s, "inproc://turns", context, false, NULL, &desk_self, &err));
    void *flood = socket_of(context, ZMQ_DEALER);
    assert_int_equal(zmq_connect(flood, "inproc://turns"), 0);
    size_t n = frame_of(out, FRAME_ANNOT_HEARTBEAT, NULL, 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(zmq_send(flood, out, n, 0), (int)n);
    for (int turn = 0; turn < 4; turn++) {
        assert_false(wire_labels_server_recv(s, &ask));
        assert_true(wire_labels_server_waits(s));
    }
    assert_false(wire_labels_server_recv(s, &ask));
    assert_false(wire_labels_server_waits(s));
    zmq_close(flood);
    wire_labels_server_free(s);
    zmq_ctx_term(context);
}

/* --- the weights port -------------------------------------------------------------------- */

static int answers(void *socket)
{
    int n = 0;
    char bytes[1000];
    while (zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
        n++;
    return n;
}

static void questions_without_end_leave_the_weights_port_its_turn(void **state)
{
    uint8_t meta[64], out[FRAME_HEADER + 64];
    void *context = zmq_ctx_new();
    struct wire_weights_server_params p = {
        .context = context, .address = "inproc://turns", .floats = 100, .hwm = 2 * MANY};
    struct wire_weights_server *s;
    float weights[100] = {0};
    Onic__Wire__WeightsGet get = ONIC__WIRE__WEIGHTS_GET__INIT;
    (void)state;
    assert_ok(wire_weights_server_open(&s, &p, &err));
    wire_weights_server_publish(s, weights, 1);
    void *flood = socket_of(context, ZMQ_DEALER);
    assert_int_equal(zmq_connect(flood, "inproc://turns"), 0);
    get.manifest = true;
    size_t n = frame_of(out, FRAME_WEIGHTS_GET, meta, onic__wire__weights_get__pack(&get, meta));
    for (int i = 0; i < MANY; i++)
        assert_int_equal(zmq_send(flood, out, n, 0), (int)n);
    for (int turn = 0; turn < 4; turn++) {
        wire_weights_server_turn(s);
        assert_int_equal(answers(flood), SOCK_MESSAGES_PER_TURN);
    }
    wire_weights_server_turn(s);
    assert_int_equal(answers(flood), 0);
    zmq_close(flood);
    wire_weights_server_stop(s);
    wire_weights_server_free(s);
    zmq_ctx_term(context);
}

/* --- a learner of a reward server --------------------------------------------------------- */

struct server {
    void *context, *socket;
    struct wire_labels_client *c;
    uint8_t route[16];
    int route_len;
};

static bool hello_came(void *ctx)
{
    struct server *s = ctx;
    uint8_t bytes[1000];
    wire_labels_client_poll(s->c, 0);
    s->route_len = zmq_recv(s->socket, s->route, sizeof s->route, ZMQ_DONTWAIT);
    if (s->route_len <= 0)
        return false;
    zmq_recv(s->socket, bytes, sizeof bytes, 0);
    return true;
}

static void open_server(struct server *s)
{
    *s = (struct server){.context = zmq_ctx_new()};
    s->socket = socket_of(s->context, ZMQ_ROUTER);
    assert_int_equal(zmq_bind(s->socket, "inproc://turns"), 0);
    assert_ok(wire_labels_client_create(&s->c, "inproc://turns", s->context, NULL, &err));
    assert_true(wait_until(hello_came, s, TEST_PATIENCE_MS));
}

static void close_server(struct server *s)
{
    wire_labels_client_free(s->c);
    zmq_close(s->socket);
    zmq_ctx_term(s->context);
}

static void say_to_learner(struct server *s, enum frame_type type, const uint8_t *meta, size_t len)
{
    uint8_t out[FRAME_HEADER + 300];
    size_t n = frame_of(out, type, meta, len);
    zmq_send(s->socket, s->route, (size_t)s->route_len, ZMQ_SNDMORE);
    assert_int_equal(zmq_send(s->socket, out, n, 0), (int)n);
}

static void numbers_without_end_leave_a_learner_its_turn(void **state)
{
    uint8_t meta[100];
    struct wire_labels_client_status status;
    struct server s;
    (void)state;
    open_server(&s);
    for (uint64_t i = 1; i <= MANY; i++) {
        Onic__Wire__AnnotNumbers m = ONIC__WIRE__ANNOT_NUMBERS__INIT;
        m.labels_total = i;
        say_to_learner(&s, FRAME_ANNOT_HEARTBEAT, meta, onic__wire__annot_numbers__pack(&m, meta));
    }
    for (uint64_t turn = 1; turn <= 4; turn++) {
        wire_labels_client_poll(s.c, 0);
        wire_labels_client_status(s.c, &status);
        assert_int_equal(status.server_labels_total, turn * SOCK_MESSAGES_PER_TURN);
    }
    close_server(&s);
}

/* Another identity with each WELCOME, and HELLO wanted again after it. */
static void a_server_that_comes_again_and_again_fills_no_log(void **state)
{
    static const char *const lines[] = {"gives labels of another identity",
                                        "the reward server is there"};
    uint8_t meta[200];
    char identity[32];
    struct server s;
    (void)state;
    open_server(&s);
    said_begin(LOG_INFO);
    int64_t begin_ms = clock_ms();
    for (int i = 0; i < 100; i++) {
        Onic__Wire__AnnotWelcome m = ONIC__WIRE__ANNOT_WELCOME__INIT;
        snprintf(identity, sizeof identity, "rules %d", i);
        m.identity = (ProtobufCBinaryData){strlen(identity), (uint8_t *)identity};
        say_to_learner(&s, FRAME_ANNOT_WELCOME, meta, onic__wire__annot_welcome__pack(&m, meta));
        say_to_learner(&s, FRAME_HELLO_REQUIRED, NULL, 0);
        wire_labels_client_poll(s.c, 0);
    }
    int64_t took_s = (clock_ms() - begin_ms) / 1000;
    said_end();
    for (int k = 0; k < 2; k++) {
        int n = 0;
        for (const char *at = said_text; (at = strstr(at, lines[k])); at++)
            n++;
        assert_in_range(n, 1, 2 + took_s); /* a second apart */
    }
    close_server(&s);
}

/* So many at once, of questions that have a number each. */
static void tell_labels(struct server *s, int first)
{
    static uint8_t out[1 << 16];
    Onic__Wire__AnnotLabel parts[ANNOT_BATCH], *list[ANNOT_BATCH];
    Onic__Wire__AnnotLabels m = ONIC__WIRE__ANNOT_LABELS__INIT;
    struct frame_head h = {.type = FRAME_ANNOT_LABELS, .epoch = 1};
    char text[ANNOT_BATCH * 8 + 1];
    for (int i = 0; i < ANNOT_BATCH; i++) {
        snprintf(text + (size_t)i * 8, 9, "q%07d", first + i);
        onic__wire__annot_label__init(&parts[i]);
        parts[i].id = (uint64_t)(first + i + 1);
        parts[i].label = parts[i].confidence = 1;
        parts[i].caption_bytes = 8;
        list[i] = &parts[i];
    }
    m.n_labels = ANNOT_BATCH;
    m.labels = list;
    h.meta_len = (uint32_t)onic__wire__annot_labels__pack(&m, out + FRAME_HEADER);
    h.bulk_len = ANNOT_BATCH * 8;
    memcpy(out + FRAME_HEADER + h.meta_len, text, h.bulk_len);
    frame_seal(out, &h, crc32c(0, out + FRAME_HEADER, h.meta_len + h.bulk_len));
    zmq_send(s->socket, s->route, (size_t)s->route_len, ZMQ_SNDMORE);
    zmq_send(s->socket, out, FRAME_HEADER + h.meta_len + h.bulk_len, 0);
}

static int labels_taken(struct server *s)
{
    struct label l;
    int n = 0;
    wire_labels_client_poll(s->c, 0);
    while (wire_labels_client_next(s->c, &l))
        n++;
    return n;
}

static void what_was_never_asked_is_taken_to_a_bound(void **state)
{
    const int more = ANNOT_UNASKED_MAX + 4 * ANNOT_BATCH;
    char told[] = "more labels that this learner never asked for than it takes", question[16];
    struct server s;
    int n = 0;
    (void)state;
    open_server(&s);
    said_begin(LOG_WARN);
    for (int first = 0; first < more; first += ANNOT_BATCH) {
        tell_labels(&s, first);
        n += labels_taken(&s);
    }
    assert_int_equal(n, ANNOT_UNASKED_MAX);
    assert_true(log_said(told));
    said_end();
    snprintf(question, sizeof question, "q%07d", more - 1); /* and those that are asked, always */
    wire_labels_client_ask(s.c, question, 8);
    tell_labels(&s, more - ANNOT_BATCH);
    assert_int_equal(labels_taken(&s), 1);
    close_server(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_that_ask_nothing_leave_the_labels_port_its_turn),
        cmocka_unit_test(questions_without_end_leave_the_weights_port_its_turn),
        cmocka_unit_test(numbers_without_end_leave_a_learner_its_turn),
        cmocka_unit_test(a_server_that_comes_again_and_again_fills_no_log),
        cmocka_unit_test(what_was_never_asked_is_taken_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
