/* SPDX-License-Identifier: MIT */
/* test_sock.c - addresses: what is exposed, siblings, and how to reach a socket that is bound
 * everywhere. */
#include "common/wire/sock.h"

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
    assert_true(sock_is_exposed("tcp://0.0.0.0:5555"));
    assert_true(sock_is_exposed("tcp://10.0.0.1:5555"));
    assert_false(sock_is_exposed("tcp://127.0.0.1:5555"));
    assert_false(sock_is_exposed("ipc:///tmp/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wildcard_is_reached_through_the_host_of_its_owner),
        cmocka_unit_test(only_tcp_beyond_loopback_is_exposed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
