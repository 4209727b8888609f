/* SPDX-License-Identifier: MIT */
/* test_sock_crowd.c - which connections of a listening socket have to go. */
#include "common/wire/frame/sock_crowd.h"

#include "tests/onic_test.h"

enum { HERE = 1, THERE = 2, FDS = 64 };
enum { LATER = 600 /* ms; more than half of a stranger's time */ };

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
    for (int fd = 2; fd < 6; fd++)
        sock_crowd_come(w.c, fd, HERE, fd);
    sock_crowd_come(w.c, 6, HERE, LATER); /* five of one machine, which may have four */
    check(&w, LATER);
    assert_int_equal(w.cuts, 1);
    assert_int_equal(w.cut[2], CROWD_TOO_MANY);
    sock_crowd_hear(w.c, name(3), 1);
    sock_crowd_know(w.c, name(3), 100); /* who has joined is not counted */
    sock_crowd_come(w.c, 7, HERE, LATER + 1);
    check(&w, LATER + 2);
    assert_int_equal(w.cuts, 1);
    for (int fd = 10; fd < 14; fd++)
        sock_crowd_come(w.c, fd, (uint64_t)fd, LATER + 20); /* each of its own machine: nine */
    check(&w, LATER + 21);
    assert_int_equal(w.cuts, 2);
    assert_int_equal(w.cut[4], CROWD_TOO_MANY); /* not the oldest of all: of its machine most are */
    sock_crowd_free(w.c);
}

/* The system gives out the lowest free number, which the later one may have. */
static void of_those_of_one_moment_who_came_first_goes(void **state)
{
    struct world w = world();
    (void)state;
    for (int fd = 9; fd > 5; fd--)
        sock_crowd_come(w.c, fd, HERE, 7);
    sock_crowd_come(w.c, 5, HERE, LATER);
    check(&w, LATER);
    assert_int_equal(w.cuts, 1);
    assert_int_equal(w.cut[9], CROWD_TOO_MANY);
    sock_crowd_free(w.c);
}

/* It was heard between two looks: its place is not a stranger's any more. */
static void who_joins_in_time_does_not_go(void **state)
{
    struct world w = world();
    (void)state;
    for (int fd = 5; fd < 9; fd++)
        sock_crowd_come(w.c, fd, HERE, 0);
    sock_crowd_come(w.c, 9, HERE, LATER); /* so 5 goes */
    sock_crowd_hear(w.c, name(5), 1);
    sock_crowd_know(w.c, name(5), 100);
    check(&w, LATER);
    assert_int_equal(w.cuts, 0);
    assert_int_equal(sock_crowd_count(w.c), 5);
    sock_crowd_free(w.c);
}

/* --- many at once ------------------------------------------------------------------------ */

/* Connections of one machine that come at once and, half a look to two looks after they were cut,
 * again. Each joins when it has been there for so long; -1: never, and before it has become old it
 * is another one. */
struct storm {
    struct world w;
    int n;
    int64_t takes_ms[FDS], since_ms[FDS], again_ms[FDS];
    bool here[FDS], joined[FDS];
    uint64_t address[FDS], route[FDS], routes;
};

static void storm_blow(struct storm *s, int64_t now)
{
    enum { STAYS_MS = 4500 };
    for (int i = 0; i < s->n; i++) {
        if (s->joined[i])
            continue;
        if (s->here[i] && s->takes_ms[i] < 0 && now - s->since_ms[i] >= STAYS_MS) {
            s->here[i] = false; /* and back before anybody else has its place */
            sock_crowd_leave(s->w.c, i);
        }
        if (!s->here[i] && now >= s->again_ms[i]) {
            s->here[i] = true;
            s->since_ms[i] = now;
            s->route[i] = ++s->routes;
            sock_crowd_come(s->w.c, i, s->address[i], now);
        } else if (s->here[i] && s->takes_ms[i] >= 0 && now - s->since_ms[i] >= s->takes_ms[i]) {
            s->joined[i] = true;
            sock_crowd_hear(s->w.c, (struct sock_crowd_name){i, s->route[i]}, 1);
            sock_crowd_know(s->w.c, (struct sock_crowd_name){i, s->route[i]}, 100);
        }
    }
}

/* When the last of those that do has joined; -1: not within five minutes. */
static int64_t storm_joins_ms(struct storm *s)
{
    enum { LOOK = 20, PATIENCE = 300000 };
    for (int64_t now = 0; now < PATIENCE; now++) {
        int left = 0;
        storm_blow(s, now);
        if (now % LOOK == 0)
            check(&s->w, now);
        for (int i = 0; i < s->n; i++) {
            if (s->w.cut[i]) {
                s->w.cut[i] = CROWD_STAYS;
                s->here[i] = s->joined[i] = false;
                s->again_ms[i] = now + LOOK / 2 + (i * 7 + now) % (2 * LOOK);
            }
            left += !s->joined[i] && s->takes_ms[i] >= 0;
        }
        if (left == 0)
            return now;
    }
    return -1;
}

static struct storm storm_of(int n, int64_t takes_ms)
{
    struct sock_crowd_rules r = {
        .strangers_max = 24, .strangers_each = 12, .stranger_ms = 10000, .stranger_bytes = 5000};
    struct storm s = {.w = {.c = sock_crowd_create(&r)}, .n = n};
    for (int i = 0; i < n; i++) {
        s.takes_ms[i] = takes_ms;
        s.address[i] = HERE;
    }
    return s;
}

/* A run's actors behind one address, over a line on which joining takes longer than the others
 * leave one alone: if always the oldest went, none would ever join. */
static void a_storm_of_those_who_all_join_gets_in(void **state)
{
    struct storm s = storm_of(FDS, 60);
    (void)state;
    int64_t ms = storm_joins_ms(&s);
    assert_true(ms >= 0 && ms < 20000);
    sock_crowd_free(s.w.c);
}

static void a_storm_of_those_who_never_join_keeps_nobody_out(void **state)
{
    struct storm s = storm_of(FDS, -1);
    (void)state;
    s.takes_ms[FDS - 1] = 60;
    int64_t ms = storm_joins_ms(&s);
    assert_true(ms >= 0 && ms < 20000);
    sock_crowd_free(s.w.c);
}

/* Nor those whose line takes a while: more of them come in that while than there is room for, forty
 * times over. */
static void a_storm_of_its_own_address_keeps_no_slow_one_out(void **state)
{
    (void)state;
    for (int64_t takes_ms = 100; takes_ms <= 500; takes_ms += 100) {
        struct storm s = storm_of(FDS, -1);
        s.takes_ms[FDS - 1] = takes_ms;
        int64_t ms = storm_joins_ms(&s);
        if (ms < 0 || ms > 60000)
            fail_msg("joining takes %lld: %lld", (long long)takes_ms, (long long)ms);
        sock_crowd_free(s.w.c);
    }
}

/* From few addresses that have all the room between them; joining takes those of another one
 * longer than these leave anybody alone. */
static void a_storm_of_few_addresses_keeps_nobody_out_of_others(void **state)
{
    (void)state;
    for (int addresses = 2; addresses <= 8; addresses++) {
        struct storm s = storm_of(FDS, -1);
        for (int i = 0; i < FDS; i++)
            s.address[i] = (uint64_t)(1 + i % addresses);
        for (int i = FDS - 2; i < FDS; i++) {
            s.takes_ms[i] = 2000;
            s.again_ms[i] = 1000; /* the others are there first */
            s.address[i] = 100;
        }
        int64_t ms = storm_joins_ms(&s);
        if (ms < 0 || ms > 10000)
            fail_msg("of %d addresses: %lld", addresses, (long long)ms);
        sock_crowd_free(s.w.c);
    }
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

static const struct sock_crowd_name older = {.fd = 5, .route = 1}, newer = {.fd = 5, .route = 2};

/* What is heard of the connection before takes nothing from the one that is there. */
static void a_number_that_is_used_again_keeps_who_has_it(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0); /* said nothing yet when it left */
    sock_crowd_leave(w.c, 5);
    sock_crowd_come(w.c, 5, HERE, 100);
    sock_crowd_hear(w.c, older, 10); /* only now */
    sock_crowd_hear(w.c, newer, 10);
    sock_crowd_know(w.c, newer, 1000);
    sock_crowd_hear(w.c, older, 10);
    sock_crowd_know(w.c, older, 10);
    sock_crowd_forget(w.c, older, 200);
    sock_crowd_cut(w.c, older);
    check(&w, 5000);
    assert_int_equal(w.cuts, 0);
    assert_int_equal(sock_crowd_count(w.c), 1);
    check(&w, 10001); /* its coming was told already, and nothing more is */
    assert_int_equal(w.cuts, 0);
    assert_int_equal(sock_crowd_count(w.c), 1);
    w.look[5].received = 7000;
    check(&w, 10002);
    assert_int_equal(w.cut[5], CROWD_ENDLESS);
    sock_crowd_free(w.c);
}

/* And it is heard before anybody has told that the one before has left, and that it came. */
static void who_is_heard_before_it_is_told_of_is_not_forgotten(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    sock_crowd_hear(w.c, older, 10);
    sock_crowd_know(w.c, older, 1000);
    sock_crowd_hear(w.c, newer, 10);
    check(&w, 100);
    sock_crowd_know(w.c, newer, 1000);
    sock_crowd_leave(w.c, 5); /* the older one */
    sock_crowd_come(w.c, 5, HERE, 150);
    sock_crowd_hear(w.c, newer, 10);
    check(&w, 9000);
    assert_int_equal(w.cuts, 0);
    sock_crowd_leave(w.c, 5);
    assert_int_equal(sock_crowd_count(w.c), 0);
    sock_crowd_hear(w.c, newer, 10); /* its last words */
    assert_int_equal(sock_crowd_count(w.c), 0);
    sock_crowd_free(w.c);
}

/* Else whoever has the number in between would inherit what was agreed with the one before. */
static void a_newcomer_inherits_nothing(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    sock_crowd_hear(w.c, older, 10);
    sock_crowd_know(w.c, older, 100000);
    sock_crowd_hear(w.c, newer, 10);
    check(&w, 50);
    sock_crowd_come(w.c, 5, HERE, 100);
    w.look[5].received = 6000;
    check(&w, 200);
    assert_int_equal(w.cut[5], CROWD_ENDLESS);
    sock_crowd_free(w.c);
}

/* A message of a connection that has left, whose number is not a connection's any more. */
static void who_is_never_told_of_is_left_alone(void **state)
{
    struct world w = world();
    (void)state;
    sock_crowd_hear(w.c, newer, 10);
    assert_int_equal(sock_crowd_count(w.c), 1);
    for (int64_t now = 0; now < 20000; now += 500)
        check(&w, now);
    assert_int_equal(w.cuts, 0);
    assert_int_equal(sock_crowd_count(w.c), 0);
    sock_crowd_free(w.c);
}

static void routes_are_ordered_as_their_connections(void **state)
{
    (void)state;
    struct world w = world();
    const uint8_t last[5] = {0, 0xff, 0xff, 0xff, 0xff}, first[5] = {0, 0, 0, 0, 0},
                  chosen[3] = {'a', 'b', 'c'};
    struct sock_crowd_name before = {5, sock_crowd_route(last, 5)},
                           after = {5, sock_crowd_route(first, 5)};
    assert_true(sock_crowd_route_counts(before.route));
    assert_false(sock_crowd_route_counts(sock_crowd_route(chosen, 3)));
    assert_true(before.route && after.route && sock_crowd_route(chosen, 3));
    sock_crowd_come(w.c, 5, HERE, 0);
    sock_crowd_hear(w.c, before, 10);
    sock_crowd_hear(w.c, after, 10); /* numbers begin anew */
    sock_crowd_know(w.c, after, 1000);
    sock_crowd_hear(w.c, before, 10);
    sock_crowd_come(w.c, 5, HERE, 10);
    check(&w, 5000);
    assert_int_equal(w.cuts, 0);
    sock_crowd_free(w.c);
}

/* Known ones stay as long as they like, until somebody else wants in. */
static void there_are_only_so_many_in_all(void **state)
{
    struct sock_crowd_rules r = {.strangers_max = 4,
                                 .strangers_each = 4,
                                 .all_max = 4,
                                 .stranger_ms = 1000,
                                 .stranger_bytes = 5000};
    struct world w = {.c = sock_crowd_create(&r)};
    (void)state;
    for (int fd = 1; fd <= 4; fd++) {
        sock_crowd_come(w.c, fd, HERE, fd);
        sock_crowd_hear(w.c, name(fd), 1);
        sock_crowd_know(w.c, name(fd), 100);
    }
    for (int64_t now = 0; now <= 90000; now += 1000) {
        for (int fd = 1; fd <= 4; fd++)
            w.look[fd].received += fd != 3; /* which says nothing */
        for (int fd = 1; fd <= 4; fd++)
            sock_crowd_hear(w.c, name(fd), 1);
        check(&w, now);
    }
    assert_int_equal(w.cuts, 0);
    sock_crowd_come(w.c, 5, THERE, 90001); /* gets the place of who does not use it */
    check(&w, 90002);
    assert_int_equal(w.cuts, 1);
    assert_int_equal(w.cut[3], CROWD_TOO_MANY);
    sock_crowd_come(w.c, 6, THERE, 90000 + LATER); /* and the next one that of a stranger */
    check(&w, 90001 + LATER);
    assert_int_equal(w.cut[5], CROWD_TOO_MANY);
    sock_crowd_come(w.c, 7, THERE, 90000 + 2 * LATER);
    sock_crowd_hear(w.c, name(6), 1); /* too late: there is room for no more known ones either */
    sock_crowd_know(w.c, name(6), 100);
    check(&w, 90001 + 2 * LATER);
    assert_int_equal(w.cut[6], CROWD_TOO_MANY);
    for (int fd = 1; fd <= 4; fd++)
        if (fd != 3)
            assert_int_equal(w.cut[fd], CROWD_STAYS);
    sock_crowd_free(w.c);
}

static void how_long_nothing_came_or_was_fetched_is_known(void **state)
{
    struct world w = world();
    struct sock_crowd_flow f;
    (void)state;
    sock_crowd_come(w.c, 5, HERE, 0);
    assert_false(sock_crowd_flow(w.c, newer, 0, &f));
    sock_crowd_hear(w.c, newer, 10);
    assert_false(sock_crowd_flow(w.c, newer, 0, &f)); /* ipc, or not looked at */
    for (int64_t now = 0; now <= 900; now += 100) {
        w.look[5].received = 100 + (uint64_t)(now < 500 ? now : 500);
        w.look[5].unfetched = (uint64_t)(now < 700 ? now : 700);
        check(&w, now);
    }
    assert_true(sock_crowd_flow(w.c, newer, 950, &f));
    assert_int_equal(f.received_ms, 450);
    assert_int_equal(f.fetched_ms, 250);
    assert_false(sock_crowd_flow(w.c, older, 950, &f));
    sock_crowd_free(w.c);
}

/* Heard before it was told of, and not looked at yet: it is neither silent for long nor old. */
static void who_has_just_come_makes_no_room(void **state)
{
    struct sock_crowd_rules r = {.strangers_max = 8,
                                 .strangers_each = 8,
                                 .all_max = 1,
                                 .stranger_ms = 1000,
                                 .stranger_bytes = 5000};
    struct world known = {.c = sock_crowd_create(&r)}, strangers = world();
    (void)state;
    sock_crowd_hear(known.c, name(5), 1);
    sock_crowd_know(known.c, name(5), 100);
    sock_crowd_come(known.c, 6, THERE, 100000);
    sock_crowd_come(known.c, 5, HERE, 100001);
    check(&known, 100002);
    assert_int_equal(known.cut[5], CROWD_STAYS);
    assert_int_equal(known.cut[6], CROWD_TOO_MANY);
    sock_crowd_free(known.c);

    for (int fd = 10; fd < 17; fd++)
        sock_crowd_come(strangers.c, fd, (uint64_t)fd, fd);
    sock_crowd_hear(strangers.c, name(5), 1);
    sock_crowd_come(strangers.c, 17, 17, LATER); /* one too many */
    sock_crowd_come(strangers.c, 5, 5, LATER + 1);
    check(&strangers, LATER + 2);
    assert_int_equal(strangers.cut[5], CROWD_STAYS);
    assert_int_equal(strangers.cut[10], CROWD_TOO_MANY);
    assert_int_equal(strangers.cuts, 1);
    sock_crowd_free(strangers.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_join_goes_in_time),
        cmocka_unit_test(of_too_many_the_oldest_goes_and_a_newcomer_stays),
        cmocka_unit_test(of_those_of_one_moment_who_came_first_goes),
        cmocka_unit_test(who_joins_in_time_does_not_go),
        cmocka_unit_test(a_storm_of_those_who_all_join_gets_in),
        cmocka_unit_test(a_storm_of_those_who_never_join_keeps_nobody_out),
        cmocka_unit_test(a_storm_of_its_own_address_keeps_no_slow_one_out),
        cmocka_unit_test(a_storm_of_few_addresses_keeps_nobody_out_of_others),
        cmocka_unit_test(what_becomes_no_message_is_bounded),
        cmocka_unit_test(small_messages_earn_no_credit),
        cmocka_unit_test(who_fetches_nothing_for_long_goes),
        cmocka_unit_test(late_messages_of_an_earlier_connection_do_not_count),
        cmocka_unit_test(a_number_that_is_used_again_keeps_who_has_it),
        cmocka_unit_test(who_is_heard_before_it_is_told_of_is_not_forgotten),
        cmocka_unit_test(a_newcomer_inherits_nothing),
        cmocka_unit_test(who_is_never_told_of_is_left_alone),
        cmocka_unit_test(routes_are_ordered_as_their_connections),
        cmocka_unit_test(there_are_only_so_many_in_all),
        cmocka_unit_test(who_has_just_come_makes_no_room),
        cmocka_unit_test(how_long_nothing_came_or_was_fetched_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
