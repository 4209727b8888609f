/* SPDX-License-Identifier: MIT */
/* test_loans.c - a connection that does not fetch its chunks of weights gets no more of them. */
#include "common/wire/weights/loans.h"

#include <zmq.h>

#include "tests/onic_test.h"
#include "tests/support/skewed_clock.h"

enum { PEERS = 200 };

static struct sock_route route(int i)
{
    struct sock_route r = {.len = 5, .fd = i};
    r.bytes[1] = (uint8_t)i;
    return r;
}

static char weights[64];

static atomic_llong ended_ms;

static void lend(struct loans *l, int peer, zmq_msg_t *msg, atomic_int *refs)
{
    struct sock_route to = route(peer);
    loans_lend(l, &to, msg, weights, sizeof weights,
               (struct loan_end){refs, refs ? &ended_ms : NULL});
}

static bool may_lend(struct loans *l, int peer)
{
    struct sock_route to = route(peer);
    return loans_may_lend(l, &to);
}

static bool may_copy(struct loans *l, int peer)
{
    struct sock_route to = route(peer);
    return loans_may_copy(l, &to);
}

static void one_connection_has_a_few_at_most(void **state)
{
    struct loans *l = loans_create();
    zmq_msg_t msg[LOANS_EACH];
    atomic_int refs = 0;
    (void)state;
    for (int i = 0; i < LOANS_EACH; i++) {
        assert_true(may_lend(l, 1));
        lend(l, 1, &msg[i], &refs);
    }
    assert_int_equal(refs, LOANS_EACH);
    assert_int_equal(ended_ms, 0);
    assert_false(may_lend(l, 1));
    assert_true(may_lend(l, 2));
    zmq_msg_close(&msg[0]);
    assert_true(may_lend(l, 1));
    assert_int_equal(refs, LOANS_EACH - 1);
    assert_true(ended_ms > 0);
    for (int i = 1; i < LOANS_EACH; i++)
        zmq_msg_close(&msg[i]);
    assert_true(loans_free(l));
}

/* A copy has memory of its own: all of them together are bounded, the first of each comes first. */
static void copies_are_bounded_in_all(void **state)
{
    struct loans *l = loans_create();
    static zmq_msg_t msg[PEERS];
    int copies = 0;
    (void)state;
    for (; copies < LOANS_COPIES_MAX; copies++) {
        assert_true(may_copy(l, copies / 2));
        lend(l, copies / 2, &msg[copies], NULL);
    }
    assert_false(may_copy(l, 0)); /* which has one */
    for (; copies < PEERS && may_copy(l, copies); copies++)
        lend(l, copies, &msg[copies], NULL);
    assert_int_equal(copies, LOANS_COPIES_LAST);
    assert_memory_equal(zmq_msg_data(&msg[0]), weights, sizeof weights);
    zmq_msg_close(&msg[0]);
    assert_true(may_copy(l, PEERS - 1));
    for (int i = 1; i < copies; i++)
        zmq_msg_close(&msg[i]);
    assert_true(loans_free(l));
}

static void the_slowest_is_named_once_in_a_while(void **state)
{
    struct loans *l = loans_create();
    struct sock_route slow;
    zmq_msg_t first, second;
    (void)state;
    skewed_clock_set(0);
    lend(l, 1, &first, NULL);
    skewed_clock_set(5000000000);
    lend(l, 2, &second, NULL);
    assert_false(loans_slowest(l, 10000, NULL, &slow));
    skewed_clock_set(11000000000);
    assert_true(loans_slowest(l, 10000, NULL, &slow));
    assert_int_equal(slow.fd, 1);
    assert_false(loans_slowest(l, 10000, NULL, &slow));
    zmq_msg_close(&second); /* fetched */
    skewed_clock_set(30000000000);
    assert_true(loans_slowest(l, 10000, NULL, &slow));
    assert_int_equal(slow.fd, 1);
    zmq_msg_close(&first);
    clock_replace(NULL);
    assert_true(loans_free(l));
}

/* Peer 1 is over a slow link: it takes bytes all the time. Peer 2 takes none. */
static int64_t told_idle(void *ctx, const struct sock_route *reader)
{
    (*(int *)ctx)++;
    return reader->fd == 1 ? 40 : reader->fd == 2 ? 8000 : -1;
}

static void who_takes_bytes_is_not_the_slowest(void **state)
{
    struct loans *l = loans_create();
    struct sock_route slow;
    zmq_msg_t msg[3];
    int asked = 0;
    struct loans_idle idle = {told_idle, &asked};
    (void)state;
    skewed_clock_set(0);
    lend(l, 1, &msg[0], NULL); /* first of all */
    skewed_clock_set(1000000000);
    lend(l, 2, &msg[1], NULL);
    skewed_clock_set(12000000000);
    assert_true(loans_slowest(l, 1000, &idle, &slow));
    assert_int_equal(slow.fd, 2);
    assert_false(
        loans_slowest(l, 1000, &idle, &slow)); /* named already; the other takes its part */
    assert_true(asked > 0);
    assert_true(loans_slowest(l, 10000, NULL, &slow)); /* whole messages are another question */
    assert_int_equal(slow.fd, 1);
    lend(l, 3, &msg[2], NULL); /* of whom nothing is known: by its messages */
    skewed_clock_set(14000000000);
    assert_true(loans_slowest(l, 1500, &idle, &slow));
    assert_true(slow.fd == 3 || slow.fd == 2);
    for (int i = 0; i < 3; i++)
        zmq_msg_close(&msg[i]);
    clock_replace(NULL);
    assert_true(loans_free(l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_has_a_few_at_most),
        cmocka_unit_test(copies_are_bounded_in_all),
        cmocka_unit_test(the_slowest_is_named_once_in_a_while),
        cmocka_unit_test(who_takes_bytes_is_not_the_slowest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
