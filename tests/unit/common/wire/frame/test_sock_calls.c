/* links: onic_wire */
/* SPDX-License-Identifier: MIT */
/* Sockets under a rain of signals, as of children that end: nothing fails, no message is cut. */
#include "tests/onic_test.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "common/wire/frame/sock.h"

enum { SIGNALS = 2000, EVERY_US = 30, BINDS = 100, ROOM = 64 };

static volatile sig_atomic_t signals;

static void note(int number)
{
    (void)number;
    signals++;
}

static void rain(int every_us)
{
    struct itimerval t = {.it_interval = {0, every_us}, .it_value = {0, every_us}};
    struct sigaction on = {.sa_handler = note}; /* without SA_RESTART */
    assert_int_equal(sigaction(SIGALRM, &on, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &t, NULL), 0);
    signals = 0;
}

static void stop_rain(void)
{
    rain(0);
}

static const struct sock_options options = {
    .hwm = ROOM, .max_msg_bytes = 1 << 20, .option = "test", .attempt = 0};

static void open_both(void *context, const char *address, void **at, void **to)
{
    char bound[SOCK_ADDRESS_MAX];
    assert_ok(sock_bind(at, context, address, &options, bound, &err));
    assert_ok(sock_connect(to, context, bound, &options, &err));
}

static void an_address_is_bound_and_reached(void **state)
{
    (void)state;
    void *at, *to;
    rain(EVERY_US);
    while (signals < SIGNALS) {
        void *context = zmq_ctx_new();
        for (int i = 0; i < BINDS; i++) {
            char address[64];
            snprintf(address, sizeof address, "inproc://rain-%d", i);
            open_both(context, address, &at, &to);
            sock_close(to, 0);
            sock_close(at, 0);
        }
        sock_context_end(context);
    }
    stop_rain();
}

static void say(void *socket, const struct sock_route *to, uint32_t number)
{
    zmq_msg_t msg;
    struct frame_head h = {.type = FRAME_CREDIT, .seq = number};
    sock_build(&msg, &h, NULL, (struct sock_bulk){0}, (struct sock_bulk){0});
    assert_int_equal(sock_send(socket, to, &msg), SOCK_SENT);
}

/* Only of what was said, whole and in order. */
static void hear(void *socket, struct sock_route *from, uint32_t number)
{
    zmq_msg_t msg;
    struct frame f;
    enum sock_got got;
    while ((got = sock_recv(socket, from, &msg)) == SOCK_NOTHING)
        ;
    assert_int_equal(got, SOCK_FRAME);
    assert_int_equal(frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)), FRAME_FINE);
    assert_int_equal(f.head.seq, number);
    zmq_msg_close(&msg);
}

static void messages_stay_whole(void **state)
{
    (void)state;
    void *context = zmq_ctx_new(), *at, *to;
    struct sock_route route;
    open_both(context, "inproc://rain", &at, &to);
    rain(EVERY_US);
    for (uint32_t i = 0; signals < 20 * SIGNALS; i++) {
        say(to, NULL, i);
        hear(at, &route, i);
        say(at, &route, i);
        hear(to, NULL, i);
    }
    stop_rain();
    sock_close(to, 0);
    sock_close(at, 0);
    sock_context_end(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_bound_and_reached),
        cmocka_unit_test(messages_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
