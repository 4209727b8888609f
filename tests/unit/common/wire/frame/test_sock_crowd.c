/* SPDX-License-Identifier: MIT */
/* test_sock_crowd.c - which connections of a listening socket have to go. */
#include "common/wire/frame/sock_crowd.h"

#include "tests/onic_test.h"

enum { HERE = 1, THERE = 2, FDS = 64 };

struct world {
    struct sock_crowd *c;
    struct sock_crowd_look look[FDS];
    bool gone[FDS];
    enum sock_crowd_why cut[FDS];
    int cuts;
};

static bool look(void *ctx, int fd, struct sock_crowd_look *out)
{
    struct world *w = ctx;
    *out = w->look[fd];
    return !w->gone[fd];
}

static void cut(void *ctx, int fd, enum sock_crowd_why why)
{
    struct world *w = ctx;
    w->cut[fd] = why;
    w->cuts++;
}

static void check(struct world *w, int64_t now)
{
    struct sock_crowd_hands h = {.look = look, .cut = cut, .ctx = w};
    sock_crowd_check(w->c, now, &h);
}

static struct world world(void)
{
    struct sock_crowd_rules r = {
        .strangers_max = 8, .strangers_each = 4, .stranger_ms = 1000, .stranger_bytes = 5000};
    return (struct world){.c = sock_crowd_create(&r)};
}

static struct sock_crowd_name name(int fd)
{
    return (struct sock_crowd_name){.fd = fd, .route = 100 + (uint64_t)fd};
}

static void who_does_not_join_goes_in_time(void **state)
{
    struct world w = world();
    (void)state;
    for (int fd = 10; fd < 13; fd++)
        sock_crowd_come(w.c, fd, HERE, 0);
    sock_crowd_hear(w.c, name(11), 100); /* speaks, and does not join */
    sock_crowd_hear(w.c, name(12), 100);
    sock_crowd_know(w.c, name(12), 9000);
    check(&w, 999);
    assert_int_equal(w.cuts, 0);
    check(&w, 1000);
    assert_int_equal(w.cut[10], CROWD_SILENT);
    assert_int_equal(w.cut[11], CROWD_SILENT);
    assert_int_equal(w.cut[12], CROWD_STAYS);
    sock_crowd_forget(w.c, name(12), 5000); /* it has left and keeps its connection */
    check(&w, 5999);
    assert_int_equal(w.cut[12], CROWD_STAYS);
    check(&w, 6000);
    assert_int_equal(w.cut[12], CROWD_SILENT);
    assert_int_equal(sock_crowd_count(w.c), 0);
    sock_crowd_free(w.c);
}

static void of_too_many_the_oldest_goes_and_a_newcomer_stays(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 1, THERE, 0); /* older than all, of another machine */
    for (int fd = 2; fd < 7; fd++)
        sock_crowd_come(w.c, fd, HERE, fd); /* five of one machine, which may have four */
    check(&w, 10);
    assert_int_equal(w.cuts, 1);
    assert_int_equal(w.cut[2], CROWD_TOO_MANY);
    sock_crowd_hear(w.c, name(3), 1);
    sock_crowd_know(w.c, name(3), 100); /* who has joined is not counted */
    sock_crowd_come(w.c, 7, HERE, 11);
    check(&w, 12);
    assert_int_equal(w.cuts, 1);
    for (int fd = 10; fd < 14; fd++)
        sock_crowd_come(w.c, fd, (uint64_t)fd, 20); /* each of its own machine: nine in all */
    check(&w, 21);
    assert_int_equal(w.cuts, 2);
    assert_int_equal(w.cut[1], CROWD_TOO_MANY);
    sock_crowd_free(w.c);
}

static void what_becomes_no_message_is_bounded(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    w.look[5].received = 5000;
    check(&w, 1);
    assert_int_equal(w.cuts, 0);
    sock_crowd_hear(w.c, name(5), 4900);
    w.look[5].received = 9900;
    check(&w, 2);
    assert_int_equal(w.cuts, 0);
    sock_crowd_know(w.c, name(5), 20000); /* joined: as agreed */
    w.look[5].received = 24000;
    check(&w, 3);
    assert_int_equal(w.cuts, 0);
    w.look[5].received = 26000;
    check(&w, 4);
    assert_int_equal(w.cut[5], CROWD_ENDLESS);
    sock_crowd_free(w.c);
}

/* Each message is taken to have cost a little more than its bytes; that is not saved up. */
static void small_messages_earn_no_credit(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    for (int i = 1; i <= 1000; i++) {
        sock_crowd_hear(w.c, name(5), 1);
        w.look[5].received = 3 * (uint64_t)i;
        check(&w, i / 2);
    }
    assert_int_equal(w.cuts, 0);
    w.look[5].received += 5000;
    check(&w, 501);
    assert_int_equal(w.cuts, 0);
    w.look[5].received += 1;
    check(&w, 501);
    assert_int_equal(w.cut[5], CROWD_ENDLESS);
    sock_crowd_free(w.c);
}

static void who_fetches_nothing_for_long_goes(void **state)
{
    struct world w = world();
    (void)state;
    for (int fd = 5; fd < 7; fd++) {
        sock_crowd_come(w.c, fd, HERE, 0);
        sock_crowd_hear(w.c, name(fd), 1);
        sock_crowd_know(w.c, name(fd), 100);
    }
    for (int64_t now = 0; now < 40000; now += 1000) {
        w.look[5].unfetched = 70000;
        w.look[6].unfetched = 70000 + (uint64_t)now / 20000; /* slow, and alive */
        check(&w, now);
    }
    assert_int_equal(w.cuts, 1);
    assert_int_equal(w.cut[5], CROWD_DEAF);
    sock_crowd_free(w.c);
}

/* The number of a connection that has ended is given out again at once. */
static void late_messages_of_an_earlier_connection_do_not_count(void **state)
{
    struct world w = world();
    struct sock_crowd_name before = {.fd = 5, .route = 1}, now = {.fd = 5, .route = 2};
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    sock_crowd_hear(w.c, before, 10);
    sock_crowd_know(w.c, before, 100000);
    sock_crowd_leave(w.c, 5);
    sock_crowd_come(w.c, 5, HERE, 100);
    sock_crowd_hear(w.c, now, 10);
    sock_crowd_know(w.c, before, 100000);
    sock_crowd_cut(w.c, before);
    check(&w, 200);
    assert_int_equal(w.cuts, 0);
    check(&w, 1100);
    assert_int_equal(w.cut[5], CROWD_SILENT);
    sock_crowd_come(w.c, 6, HERE, 2000);
    sock_crowd_hear(w.c, name(6), 1);
    sock_crowd_cut(w.c, name(6));
    w.gone[7] = true;
    sock_crowd_come(w.c, 7, HERE, 2000); /* closed before anybody looked */
    check(&w, 2001);
    assert_int_equal(w.cut[6], CROWD_ASKED);
    assert_int_equal(w.cut[7], CROWD_STAYS);
    assert_int_equal(sock_crowd_count(w.c), 0);
    sock_crowd_free(w.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_join_goes_in_time),
        cmocka_unit_test(of_too_many_the_oldest_goes_and_a_newcomer_stays),
        cmocka_unit_test(what_becomes_no_message_is_bounded),
        cmocka_unit_test(small_messages_earn_no_credit),
        cmocka_unit_test(who_fetches_nothing_for_long_goes),
        cmocka_unit_test(late_messages_of_an_earlier_connection_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
