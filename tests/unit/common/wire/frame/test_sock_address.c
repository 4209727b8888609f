/* SPDX-License-Identifier: MIT */
/* test_sock_address.c - addresses as people write them: what is bound, what is exposed, siblings,
 * and how to reach a socket that is bound everywhere. */
#include "common/wire/frame/sock_address.h"

#include <stdlib.h>

#include "common/wire/frame/sock.h"
#include "tests/onic_test.h"

static void a_wildcard_is_reached_through_the_host_of_its_owner(void **state)
{
    (void)state;
    static const struct {
        const char *announced, *via, *want;
    } cases[] = {
        {"tcp://0.0.0.0:4567", "tcp://learner:5555", "tcp://learner:4567"},
        {"tcp://[::]:4567", "tcp://[fd00::7]:5555", "tcp://[fd00::7]:4567"},
        {"tcp://*:4567", "tcp://10.0.0.1:5555", "tcp://10.0.0.1:4567"},
        {"tcp://*:4567", "ipc:///tmp/a", "tcp://127.0.0.1:4567"},
        {"tcp://127.0.0.1:4567", "tcp://learner:5555", "tcp://127.0.0.1:4567"},
        {"tcp://weights.example:4567", "tcp://learner:5555", "tcp://weights.example:4567"},
        {"ipc:///tmp/a.weights", "ipc:///tmp/a", "ipc:///tmp/a.weights"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SOCK_ADDRESS_MAX];
        sock_reachable(cases[i].announced, cases[i].via, out);
        assert_string_equal(out, cases[i].want);
    }
}

static void only_tcp_beyond_loopback_is_exposed(void **state)
{
    (void)state;
    static const char *const exposed[] = {"tcp://0.0.0.0:5555", "tcp://10.0.0.1:5555",
                                          "tcp://*:1",          "tcp://:5555",
                                          "tcp://[::]:5555",    "tcp://no.such.name.invalid:5555"};
    static const char *const closed[] = {"tcp://127.0.0.1:5555", "tcp://127.3.2.1:5555",
                                         "tcp://localhost:5555", "tcp://lo:5555",
                                         "ipc:///tmp/x",         "inproc://x"};
    for (size_t i = 0; i < sizeof exposed / sizeof *exposed; i++)
        assert_true(sock_is_exposed(exposed[i]));
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        assert_false(sock_is_exposed(closed[i]));
}

static void a_peer_elsewhere_names_no_path_here(void **state)
{
    static const char *const here[] = {"tcp://127.0.0.1:5555", "ipc:///tmp/x", "inproc://x"};
    (void)state;
    assert_false(sock_may_name("ipc:///tmp/w", "tcp://10.0.0.1:5555"));
    assert_false(sock_may_name("inproc://w", "tcp://no.such.name.invalid:5555"));
    assert_true(sock_may_name("tcp://10.0.0.2:5556", "tcp://10.0.0.1:5555"));
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        assert_true(sock_may_name("ipc:///tmp/w", here[i]));
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"localhost:5555",    "tcp://localhost",     "tcp://",
                                      "tcp://h:",          "tcp://h:port",        "tcp://h:65536",
                                      "tcp://h:-1",        "tcp://h:1x",          "tcp://[::1:5555",
                                      "tcp://[host]:5555", "tcp://[::1]5555",     "udp://h:5555",
                                      "tcp://a:b:5555",    "tcp://127.0.0.1:+80", "ipc://",
                                      "http://h:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sock_endpoints e;
        char part[64];
        snprintf(part, sizeof part, "--listen=%s: an address looks like", bad[i]);
        assert_err(sock_endpoints(&e, bad[i], "--listen", &err), ONIC_ECONFIG, part);
        snprintf(part, sizeof part, "--learner=%s: an address looks like", bad[i]);
        assert_err(sock_check_peer(bad[i], "--learner", &err), ONIC_ECONFIG, part);
    }
}

static void a_peer_needs_a_host_and_a_port(void **state)
{
    (void)state;
    static const char *const bad[] = {"tcp://*:5555", "tcp://:5555", "tcp://h:*", "tcp://h:0"};
    static const char *const good[] = {"tcp://h:1",          "tcp://no.such.name.invalid:65535",
                                       "tcp://[fd00::1]:80", "tcp://::1:80",
                                       "tcp://10.0.0.1:80",  "ipc://x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(sock_check_peer(bad[i], "--learner", &err), ONIC_ECONFIG, "a host and a port");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_ok(sock_check_peer(good[i], "--learner", &err));
}

static void a_name_that_does_not_resolve_is_said(void **state)
{
    (void)state;
    struct sock_endpoints e;
    char why[128];
    assert_err(sock_endpoints(&e, "tcp://no.such.name.invalid:5555", "--listen", &err),
               ONIC_ECONFIG, "the name no.such.name.invalid does not resolve: ");
    assert_false(sock_resolves("tcp://no.such.name.invalid:5555", why));
    assert_non_null(strstr(why, "no.such.name.invalid"));
    assert_true(sock_resolves("tcp://localhost:5555", why));
    assert_true(sock_resolves("tcp://10.255.255.1:5555", why));
    assert_string_equal(why, "");
}

static void names_and_interfaces_stand_for_addresses_of_this_machine(void **state)
{
    (void)state;
    static const char *const here[] = {"tcp://localhost:5555", "tcp://lo:5555"};
    struct sock_endpoints e;
    for (int i = 0; i < 2; i++) {
        assert_ok(sock_endpoints(&e, here[i], "--listen", &err));
        assert_true(e.count >= 1);
        for (int k = 0; k < e.count; k++) {
            assert_true(e.at[k].loopback);
            assert_string_equal(e.at[k].text,
                                e.at[k].ipv6 ? "tcp://[::1]:5555" : "tcp://127.0.0.1:5555");
        }
    }
    assert_err(sock_endpoints(&e, "tcp://192.0.2.77:5555", "--listen", &err), ONIC_ECONFIG,
               "this machine has no such address");
}

static void a_sibling_is_at(const char *address, const char *expected)
{
    char out[SOCK_ADDRESS_MAX];
    assert_ok(sock_sibling(address, ".weights", "--weights.listen", out, &err));
    assert_string_equal(out, expected);
}

static void ports_and_siblings_keep_the_host_as_it_was_written(void **state)
{
    (void)state;
    char out[SOCK_ADDRESS_MAX], path[SOCK_ADDRESS_MAX] = "ipc://";
    sock_with_port("tcp://localhost:*", "tcp://127.0.0.1:4567", out);
    assert_string_equal(out, "tcp://localhost:4567");
    sock_with_port("tcp://:*", "tcp://[::]:4567", out);
    assert_string_equal(out, "tcp://*:4567");
    sock_with_port("ipc://a", "ipc://a", out);
    assert_string_equal(out, "ipc://a");
    a_sibling_is_at("tcp://localhost:4567", "tcp://localhost:4568");
    a_sibling_is_at("tcp://[::1]:4567", "tcp://[::1]:4568");
    a_sibling_is_at("tcp://:65534", "tcp://*:65535");
    a_sibling_is_at("tcp://localhost:*", "tcp://localhost:*");
    a_sibling_is_at("tcp://*:0", "tcp://*:*");
    a_sibling_is_at("ipc:///tmp/a", "ipc:///tmp/a.weights");
    assert_err(sock_sibling("tcp://h:65535", ".weights", "--weights.listen", out, &err),
               ONIC_ECONFIG, "the last there is");
    memset(path + 6, 'x', SOCK_ADDRESS_MAX - 12);
    assert_err(sock_sibling(path, ".weights", "--weights.listen", out, &err), ONIC_ECONFIG,
               "with .weights behind it is too long; give it");
}

static void what_peers_are_told_means_something_where_they_are(void **state)
{
    static const struct {
        const char *address, *first, *bound, *told;
    } cases[] = {{"tcp://a:7", "tcp://a:6", "tcp://127.0.0.1:7", "tcp://*:7"},
                 {"tcp://:*", "tcp://*:6", "tcp://[::]:7", "tcp://*:7"},
                 {"tcp://lo:*", "tcp://a:6", "tcp://127.0.0.1:7", "tcp://*:7"},
                 {"tcp://b:*", "tcp://a:6", "tcp://10.0.0.1:7", "tcp://b:7"},
                 {"tcp://10.0.0.2:7", "tcp://10.0.0.1:6", "tcp://10.0.0.2:7", "tcp://10.0.0.2:7"},
                 {"ipc:///x.weights", "ipc:///x", "ipc:///x.weights", "ipc:///x.weights"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[SOCK_ADDRESS_MAX];
        sock_announce(cases[i].address, cases[i].first, cases[i].bound, out);
        assert_string_equal(out, cases[i].told);
    }
}

static void a_local_address_is_numeric_and_its_port_is_chosen(void **state)
{
    (void)state;
    char listen[SOCK_ADDRESS_MAX], connect[SOCK_ADDRESS_MAX];
    int port = 0;
    assert_ok(sock_local("tcp://*:4567", "--listen", listen, connect, &err));
    assert_string_equal(listen, "tcp://*:4567");
    assert_string_equal(connect, "tcp://127.0.0.1:4567");
    assert_ok(sock_local("tcp://127.0.0.1:*", "--listen", listen, connect, &err));
    assert_int_equal(sscanf(connect, "tcp://127.0.0.1:%d", &port), 1);
    assert_true(port > 0);
    assert_string_equal(listen, connect);
    assert_ok(sock_local("ipc://x", "--listen", listen, connect, &err));
    assert_string_equal(connect, "ipc://x");
}

/* A server at `listen` and a client of it: does a message arrive? */
static bool can_talk(const char *listen, const char *host, unsigned attempt)
{
    void *context = zmq_ctx_new(), *server, *client;
    struct sock_options o = {.hwm = 4, .max_msg_bytes = 1000, .option = "x", .attempt = attempt};
    char bound[SOCK_ADDRESS_MAX], to[SOCK_ADDRESS_MAX];
    assert_ok(sock_bind(&server, context, listen, &o, bound, &err));
    snprintf(to, sizeof to, "tcp://%s%s", host, strrchr(bound, ':'));
    assert_ok(sock_connect(&client, context, to, &o, &err));
    zmq_pollitem_t out = {.socket = client, .events = ZMQ_POLLOUT},
                   in = {.socket = server, .events = ZMQ_POLLIN};
    bool sent = zmq_poll(&out, 1, 3000) == 1 && zmq_send(client, "x", 1, ZMQ_DONTWAIT) == 1;
    bool got = sent && zmq_poll(&in, 1, 10000) == 1;
    sock_close(client, 0);
    sock_close(server, 0);
    zmq_ctx_term(context);
    return got;
}

static bool has_ipv6(void)
{
    struct sock_endpoints e;
    return sock_endpoints(&e, "tcp://[::1]:*", "x", NULL) == ONIC_OK;
}

static void a_server_is_reached_by_name_and_by_number(void **state)
{
    (void)state;
    assert_true(can_talk("tcp://localhost:*", "localhost", 0) ||
                can_talk("tcp://localhost:*", "localhost", 1));
    assert_true(can_talk("tcp://127.0.0.1:*", "localhost", 0));
    assert_true(can_talk("tcp://lo:*", "127.0.0.1", 0));
    assert_true(can_talk("tcp://127.0.0.1:*", "127.0.0.1", 1));
}

static void a_server_of_both_families_is_reached_by_either(void **state)
{
    (void)state;
    if (!has_ipv6()) {
        print_message("this machine has no IPv6\n");
        skip();
    }
    assert_true(can_talk("tcp://[::1]:*", "[::1]", 0));
    assert_true(can_talk("tcp://::1:*", "::1", 0));
    assert_true(can_talk("tcp://lo:*", "[::1]", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wildcard_is_reached_through_the_host_of_its_owner),
        cmocka_unit_test(only_tcp_beyond_loopback_is_exposed),
        cmocka_unit_test(a_peer_elsewhere_names_no_path_here),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_peer_needs_a_host_and_a_port),
        cmocka_unit_test(a_name_that_does_not_resolve_is_said),
        cmocka_unit_test(names_and_interfaces_stand_for_addresses_of_this_machine),
        cmocka_unit_test(ports_and_siblings_keep_the_host_as_it_was_written),
        cmocka_unit_test(what_peers_are_told_means_something_where_they_are),
        cmocka_unit_test(a_local_address_is_numeric_and_its_port_is_chosen),
        cmocka_unit_test(a_server_is_reached_by_name_and_by_number),
        cmocka_unit_test(a_server_of_both_families_is_reached_by_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
