/* SPDX-License-Identifier: MIT */
/* test_wire_slow.c - a link over which a message takes long: an upload keeps its lease. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/skewed_clock.h"
#include "tests/support/wire_raw.h"
#include "tests/support/zmtp.h"

/* --- an upload ---------------------------------------------------------------------------- */

enum {
    PIECE = 16,
    PIECE_CLOCK_MS = 250,
    PIECES_MAX = 400,
    PIECES_OF_A_SIGN = 9 /* longer than the learner is silent, 2 s, and less than is borne, 3 s */
};

/* Between an actor and its learner; slow: towards the learner, a piece whenever there is one. */
struct relay {
    int listener, port, to;
    atomic_bool slow, stop;
    atomic_int pieces, told; /* told: how often something came from the learner */
    pthread_t thread;
};

static bool relay_pass(struct relay *r, int from, int to, bool up)
{
    char bytes[65536];
    size_t most = sizeof bytes;
    if (up && atomic_load(&r->slow)) {
        if (atomic_load(&r->pieces) == 0)
            return true;
        atomic_fetch_sub(&r->pieces, 1);
        most = PIECE;
    }
    ssize_t n = recv(from, bytes, most, MSG_DONTWAIT);
    if (!up && n > 0)
        atomic_fetch_add(&r->told, 1);
    return n < 0 || (n > 0 && send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n);
}

static void *relay_main(void *arg)
{
    struct relay *r = arg;
    int a = accept(r->listener, NULL, NULL), b = zmtp_connect(r->to, NULL, SOCK_CLOEXEC);
    bool open = a >= 0 && b >= 0;
    while (open && !atomic_load(&r->stop)) {
        struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
        poll(fds, 2, 1);
        open = relay_pass(r, a, b, true) && relay_pass(r, b, a, false);
    }
    close(a);
    close(b);
    return NULL;
}

static void relay_start(struct relay *r, int to)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    *r = (struct relay){.to = to, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(r->listener, 4), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &n), 0);
    r->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&r->thread, NULL, relay_main, r), 0);
}

static void relay_stop(struct relay *r)
{
    atomic_store(&r->stop, true);
    pthread_join(r->thread, NULL);
    close(r->listener);
}

static bool piece_is_passed(void *ctx)
{
    struct relay *r = ctx;
    return atomic_load(&r->pieces) == 0;
}

/* Time goes on only with what has happened in it, however slow the machine is: before the actor has
 * borne all the silence that it does, the learner has said once more that it hears. NULL: nor is
 * the trajectory there. */
static struct trajectory *let_a_piece_pass(struct relay *r, struct wire_learner *l,
                                           struct wire_actor *a, int piece)
{
    static int told;
    struct trajectory *t = NULL;
    if (piece == 0)
        told = atomic_load(&r->told);
    atomic_fetch_add(&r->pieces, 1);
    assert_true(wait_until(piece_is_passed, r, TEST_PATIENCE_MS));
    skewed_clock_advance(PIECE_CLOCK_MS * 1000000LL);
    if ((piece + 1) % PIECES_OF_A_SIGN == 0) {
        int64_t end = clock_ms() + 20000;
        while (atomic_load(&r->told) == told && clock_ms() < end)
            if (wire_learner_take(l, &t, 10) == ONIC_OK)
                return t;
        assert_int_not_equal(atomic_load(&r->told), told);
        told = atomic_load(&r->told);
    }
    assert_ok(wire_actor_poll(a, 20, &err));
    return wire_learner_take(l, &t, 0) == ONIC_OK ? t : NULL;
}

/* Longer than a lease and than an actor bears the learner's silence: its heartbeats are behind. */
static void a_trajectory_that_takes_long_keeps_its_lease(void **state)
{
    (void)state;
    struct wire_learner *l = NULL;
    struct wire_learner_params p = pair_learner_params("tcp://127.0.0.1:*");
    struct relay relay;
    char address[64];
    skewed_clock_set(0);
    assert_ok(wire_learner_create(&l, &p, &err));
    pair_publish(l, 1);
    relay_start(&relay, zmtp_port(wire_learner_address(l)));
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", relay.port);
    struct wire_actor *a = pair_join(address, NULL, 0, NULL);
    pair_play(a, 0, 1);
    pair_consume_one(l, a, 1);
    atomic_store(&relay.slow, true);
    pair_play(a, 0, 2);
    struct trajectory *t = NULL;
    int pieces = 0;
    for (; !t && pieces < PIECES_MAX; pieces++)
        t = let_a_piece_pass(&relay, l, a, pieces);
    assert_non_null(t);
    assert_true(pieces * PIECE_CLOCK_MS > 15000); /* or this test says nothing */
    assert_int_equal(t->seq, 2);
    wire_learner_consumed(l, t);
    wire_learner_release(l, t);
    struct wire_learner_status s;
    wire_learner_status(l, &s);
    assert_int_equal(s.actors_running, 1);
    assert_int_equal(s.old_epoch, 0);
    assert_int_equal(s.duplicates, 0);
    clock_replace(NULL);
    wire_actor_free(a);
    relay_stop(&relay);
    wire_learner_free(l);
}

int main(void)
{
    log_set_level(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trajectory_that_takes_long_keeps_its_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
