/* SPDX-License-Identifier: MIT */
/* test_sock_calls_again.c - each call of libzmq that a signal may end is asked again, as often as
 * it takes, and nothing else is. The calls of this program go through functions of the same names
 * here, which let the n-th one fail; the rain of test_sock_calls.c hits what it hits. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_calls.h"

/* Calls of this name, from `first` on so many, are ended by a signal. */
static struct {
    const char *name;
    int first, times, calls;
} shim = {.name = ""};

static void interrupt(const char *name, int first, int times)
{
    shim.name = name;
    shim.first = first;
    shim.times = times;
    shim.calls = 0;
}

static bool is_interrupted(const char *name)
{
    if (strcmp(name, shim.name) != 0)
        return false;
    shim.calls++;
    return shim.calls >= shim.first && shim.calls < shim.first + shim.times;
}

#define SHIM(name, params, args)                                                                   \
    int name params                                                                                \
    {                                                                                              \
        static int(*real) params;                                                                  \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        if (!is_interrupted(#name))                                                                \
            return real args;                                                                      \
        errno = EINTR;                                                                             \
        return -1;                                                                                 \
    }

SHIM(zmq_bind, (void *s, const char *address), (s, address))
SHIM(zmq_connect, (void *s, const char *address), (s, address))
SHIM(zmq_socket_monitor, (void *s, const char *address, int events), (s, address, events))
SHIM(zmq_send, (void *s, const void *bytes, size_t len, int flags), (s, bytes, len, flags))
SHIM(zmq_recv, (void *s, void *bytes, size_t len, int flags), (s, bytes, len, flags))
SHIM(zmq_msg_send, (zmq_msg_t * msg, void *s, int flags), (msg, s, flags))
SHIM(zmq_msg_recv, (zmq_msg_t * msg, void *s, int flags), (msg, s, flags))
SHIM(zmq_getsockopt, (void *s, int option, void *value, size_t *size), (s, option, value, size))
SHIM(zmq_ctx_term, (void *context), (context))

struct pair {
    void *context, *at, *to;
};

static const struct sock_options options = {
    .hwm = 64, .max_msg_bytes = 1 << 20, .option = "test", .attempt = 0};

static void open_pair(struct pair *p)
{
    char bound[SOCK_ADDRESS_MAX];
    p->context = zmq_ctx_new();
    assert_ok(sock_bind(&p->at, p->context, "inproc://again", &options, bound, &err));
    assert_ok(sock_connect(&p->to, p->context, bound, &options, &err));
}

static void close_pair(struct pair *p)
{
    shim.name = "";
    sock_close(p->to, 0);
    sock_close(p->at, 0);
    sock_context_end(p->context);
}

static void assert_asked_four_times(int rc, int expected)
{
    assert_int_equal(rc, expected);
    assert_int_equal(shim.calls, 4);
}

static void three_signals_end_no_binding_connecting_or_watching(void **state)
{
    void *context = zmq_ctx_new(), *at = zmq_socket(context, ZMQ_PAIR),
         *to = zmq_socket(context, ZMQ_PAIR);
    int type = 0;
    size_t size = sizeof type;
    (void)state;
    interrupt("zmq_bind", 1, 3);
    assert_asked_four_times(sock_call_bind(at, "inproc://a"), 0);
    interrupt("zmq_connect", 1, 3);
    assert_asked_four_times(sock_call_connect(to, "inproc://a"), 0);
    interrupt("zmq_socket_monitor", 1, 3);
    assert_asked_four_times(sock_call_monitor(at, "inproc://watch", ZMQ_EVENT_ALL), 0);
    interrupt("zmq_getsockopt", 1, 3);
    assert_asked_four_times(sock_call_getsockopt(at, ZMQ_TYPE, &type, &size), 0);
    assert_int_equal(type, ZMQ_PAIR);
    zmq_close(to);
    zmq_close(at);
    interrupt("zmq_ctx_term", 1, 3);
    sock_context_end(context);
    assert_int_equal(shim.calls, 4);
}

static void three_signals_end_no_sending_or_receiving(void **state)
{
    void *context = zmq_ctx_new(), *at = zmq_socket(context, ZMQ_PAIR),
         *to = zmq_socket(context, ZMQ_PAIR);
    char bytes[8] = "";
    zmq_msg_t msg;
    (void)state;
    assert_int_equal(zmq_bind(at, "inproc://a"), 0);
    assert_int_equal(zmq_connect(to, "inproc://a"), 0);
    interrupt("zmq_send", 1, 3);
    assert_asked_four_times(sock_call_send(to, "one", 3, 0), 3);
    interrupt("zmq_recv", 1, 3);
    assert_asked_four_times(sock_call_recv(at, bytes, sizeof bytes, 0), 3);
    assert_memory_equal(bytes, "one", 3);
    assert_int_equal(zmq_msg_init_size(&msg, 5), 0);
    memcpy(zmq_msg_data(&msg), "three", 5);
    interrupt("zmq_msg_send", 1, 3);
    assert_asked_four_times(sock_call_msg_send(&msg, at, 0), 5);
    zmq_msg_init(&msg);
    interrupt("zmq_msg_recv", 1, 3);
    assert_asked_four_times(sock_call_msg_recv(&msg, to, 0), 5);
    assert_memory_equal(zmq_msg_data(&msg), "three", 5);
    zmq_msg_close(&msg);
    shim.name = "";
    zmq_close(to);
    zmq_close(at);
    zmq_ctx_term(context);
}

static void what_fails_for_another_reason_is_told_at_once(void **state)
{
    struct pair p;
    char byte;
    zmq_msg_t msg;
    (void)state;
    open_pair(&p);
    interrupt("zmq_bind", 0, 0);
    assert_int_equal(sock_call_bind(p.at, "nowhere"), -1);
    assert_int_equal(shim.calls, 1);
    interrupt("zmq_recv", 0, 0);
    assert_int_equal(sock_call_recv(p.at, &byte, 1, ZMQ_DONTWAIT), -1);
    assert_int_equal(zmq_errno(), EAGAIN);
    assert_int_equal(shim.calls, 1);
    zmq_msg_init(&msg);
    interrupt("zmq_msg_recv", 0, 0);
    assert_int_equal(sock_call_msg_recv(&msg, p.at, ZMQ_DONTWAIT), -1);
    assert_int_equal(shim.calls, 1);
    zmq_msg_close(&msg);
    close_pair(&p);
}

static void say(void *socket, const struct sock_route *to, uint64_t seq)
{
    zmq_msg_t msg;
    struct frame_head h = {.type = FRAME_CREDIT, .seq = seq};
    sock_build(&msg, &h, NULL, (struct sock_bulk){0}, (struct sock_bulk){0});
    assert_int_equal(sock_send(socket, to, &msg), SOCK_SENT);
}

static void hear(void *socket, struct sock_route *from, uint64_t seq)
{
    zmq_msg_t msg;
    struct frame f;
    assert_int_equal(sock_recv(socket, from, &msg), SOCK_FRAME);
    assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
    assert_int_equal(f.head.seq, seq);
    zmq_msg_close(&msg);
}

/* At each of the calls that a message takes: it comes whole, and the next one is the next. */
static void a_message_is_whole_wherever_a_signal_comes(void **state)
{
    static const char *const calls[] = {"zmq_send", "zmq_msg_send", "zmq_msg_recv"};
    struct pair p;
    struct sock_route route;
    uint64_t seq = 0;
    (void)state;
    open_pair(&p);
    say(p.to, NULL, ++seq);
    hear(p.at, &route, seq);
    for (size_t k = 0; k < sizeof calls / sizeof *calls; k++)
        for (int at = 1; at <= 4; at++) {
            interrupt(calls[k], at, 1);
            say(p.to, NULL, ++seq);
            hear(p.at, &route, seq);
            say(p.at, &route, ++seq);
            hear(p.to, NULL, seq);
        }
    close_pair(&p);
}

/* Nor are the parts of one that has too many taken for the next. */
static void what_is_thrown_away_is_whole_wherever_a_signal_comes(void **state)
{
    struct pair p;
    struct sock_route route;
    zmq_msg_t msg;
    (void)state;
    open_pair(&p);
    for (int at = 1; at <= 6; at++) {
        for (int part = 0; part < 4; part++)
            assert_int_equal(zmq_send(p.to, "part", 4, part < 3 ? ZMQ_SNDMORE : 0), 4);
        interrupt("zmq_msg_recv", at, 1);
        assert_int_equal(sock_recv(p.at, &route, &msg), SOCK_MULTIPART);
        assert_int_equal(sock_recv(p.at, &route, &msg), SOCK_NOTHING);
    }
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_signals_end_no_binding_connecting_or_watching),
        cmocka_unit_test(three_signals_end_no_sending_or_receiving),
        cmocka_unit_test(what_fails_for_another_reason_is_told_at_once),
        cmocka_unit_test(a_message_is_whole_wherever_a_signal_comes),
        cmocka_unit_test(what_is_thrown_away_is_whole_wherever_a_signal_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
