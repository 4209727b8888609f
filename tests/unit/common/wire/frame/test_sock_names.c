/* SPDX-License-Identifier: MIT */
/* test_sock_names.c - names of connections are libzmq's: whoever gives itself one, however long, is
 * not heard, and is cut. */
#define _GNU_SOURCE
#include "tests/onic_test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/wire/frame/sock.h"
#include "tests/support/zmtp.h"

struct port {
    void *context, *socket;
    int number;
    struct sock_route from;
    zmq_msg_t msg;
    enum sock_got got;
};

/* Strangers stay. */
static void open_port(struct port *p)
{
    struct sock_options o = {
        .hwm = 4, .max_msg_bytes = 1 << 20, .stranger_ms = 1 << 30, .option = "x"};
    char bound[SOCK_ADDRESS_MAX];
    *p = (struct port){.context = zmq_ctx_new()};
    assert_ok(sock_bind(&p->socket, p->context, "tcp://127.0.0.1:*", &o, bound, &err));
    p->number = zmtp_port(bound);
    assert_true(p->number > 0);
}

static void close_port(struct port *p)
{
    sock_close(p->socket, 0);
    sock_context_end(p->context);
}

static bool something_came(void *ctx)
{
    struct port *p = ctx;
    p->got = sock_recv(p->socket, &p->from, &p->msg);
    return p->got != SOCK_NOTHING;
}

/* What the server said before is read away. */
static bool is_cut(void *ctx)
{
    const int *fd = ctx;
    char bytes[256];
    ssize_t n;
    do
        n = recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

static void whoever_names_itself_is_not_heard_and_cut(void **state)
{
    static const struct {
        size_t len;
        uint8_t first;
    } names[] = {{1, 'n'}, {5, 1}, {4, 0}, {6, 0}, {255, 'n'}, {256, 'n'}, {60000, 0}};
    struct port p;
    (void)state;
    open_port(&p);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int fd = zmtp_connect_named(p.number, names[i].len, names[i].first, (uint8_t)i);
        assert_true(fd >= 0);
        assert_true(wait_until(something_came, &p, TEST_PATIENCE_MS));
        assert_int_equal(p.got, SOCK_NAMED);
        assert_int_equal(p.from.len, 0);
        assert_string_equal(p.from.peer, "127.0.0.1");
        assert_true(wait_until(is_cut, &fd, TEST_PATIENCE_MS));
        close(fd);
    }
    close_port(&p);
}

static void who_has_no_name_is_heard(void **state)
{
    struct port p;
    (void)state;
    open_port(&p);
    int fd = zmtp_connect_named(p.number, 0, 0, 'x');
    assert_true(fd >= 0);
    assert_true(wait_until(something_came, &p, TEST_PATIENCE_MS));
    assert_int_equal(p.got, SOCK_FRAME);
    assert_true(p.from.len > 0);
    assert_memory_equal(zmq_msg_data(&p.msg), "x", 1);
    zmq_msg_close(&p.msg);
    close(fd);
    close_port(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_names_itself_is_not_heard_and_cut),
        cmocka_unit_test(who_has_no_name_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
