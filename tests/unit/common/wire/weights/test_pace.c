/* SPDX-License-Identifier: MIT */
/* What may be sent in a time, and to whom first. By a clock that the test moves. */
#include "tests/onic_test.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/wire/weights/pace.h"

enum { CHUNK = 1 << 20, RATE = 10 << 20, CHUNKS = 3 };

static int64_t now_ns;

static int64_t told_clock(void)
{
    return now_ns;
}

static int told_setup(void **state)
{
    (void)state;
    now_ns = 1000000000;
    clock_replace(told_clock);
    return 0;
}

static int told_teardown(void **state)
{
    (void)state;
    clock_replace(NULL);
    return 0;
}

static struct pace_question question(int peer, uint64_t version, uint32_t chunk)
{
    struct pace_question q = {
        .from = {.len = 1, .bytes = {(uint8_t)peer}}, .version_plus_1 = version, .chunk = chunk};
    return q;
}

static bool asks(struct pace *p, int peer, uint64_t version, uint32_t chunk)
{
    struct pace_question q = question(peer, version, chunk);
    return pace_ask(p, &q);
}

/* The next is for this peer, this chunk. */
static void assert_next(struct pace *p, int peer, uint32_t chunk)
{
    struct pace_question q;
    now_ns += 1000000000;
    assert_true(pace_next(p, &q));
    assert_int_equal(q.from.bytes[0], peer);
    assert_int_equal(q.chunk, chunk);
    pace_sent(p, CHUNK);
}

static void readers_without_end_get_the_rate(void **state)
{
    (void)state;
    struct pace *p = pace_create(RATE, CHUNKS, 8);
    struct pace_question q;
    double sent = 0;
    int64_t since = now_ns;
    for (int ms = 0; ms < 10000; ms++, now_ns += 1000000) {
        for (int peer = 1; peer <= 5; peer++)
            asks(p, peer, 1, (uint32_t)(ms % CHUNKS));
        while (pace_next(p, &q)) {
            pace_sent(p, CHUNK);
            sent += CHUNK;
        }
        double may = RATE * ((double)(now_ns - since) * 1e-9 + 0.1) + CHUNK;
        if (sent > may)
            fail_msg("%g bytes after %d ms, %g may be", sent, ms, may);
    }
    assert_true(sent >= 10.0 * RATE - CHUNK);
    pace_free(p);
}

static void whoever_began_first_is_served_first(void **state)
{
    (void)state;
    struct pace *p = pace_create(RATE, CHUNKS, 8);
    assert_true(asks(p, 1, 7, 0));
    assert_true(asks(p, 2, 7, 0));
    assert_true(asks(p, 2, 7, 1));
    assert_true(asks(p, 1, 7, 1));
    assert_next(p, 1, 0);
    assert_true(asks(p, 1, 7, 2));
    assert_next(p, 1, 1);
    assert_next(p, 1, 2); /* a whole pull */
    assert_true(asks(p, 1, 7, 0));
    assert_next(p, 2, 0);
    assert_next(p, 2, 1);
    assert_next(p, 1, 0);
    pace_free(p);
}

static void what_waits_is_asked_once_and_of_one_version(void **state)
{
    (void)state;
    struct pace *p = pace_create(RATE, CHUNKS, 8);
    struct pace_question q;
    assert_true(asks(p, 1, 7, 0));
    assert_false(asks(p, 1, 7, 0));
    assert_true(asks(p, 1, 7, 1));
    assert_true(asks(p, 1, 8, 0)); /* the others are of no use any more */
    assert_next(p, 1, 0);
    now_ns += 1000000000;
    assert_false(pace_next(p, &q));
    for (uint32_t i = 0; i < 100; i++)
        assert_true(asks(p, 1, 8, i));
    int waits = 0;
    for (; now_ns += 1000000000, pace_next(p, &q); pace_sent(p, CHUNK))
        waits++;
    assert_in_range(waits, 1, 4);
    pace_free(p);
}

static void there_is_room_for_so_many_readers(void **state)
{
    (void)state;
    struct pace *p = pace_create(RATE, CHUNKS, 2);
    struct pace_question q;
    for (int peer = 1; peer <= 3; peer++)
        assert_true(asks(p, peer, 7, 0));
    assert_next(p, 1, 0);
    assert_true(asks(p, 3, 7, 0)); /* there is room now */
    assert_next(p, 2, 0);
    assert_next(p, 3, 0);
    now_ns += 1000000000;
    assert_false(pace_next(p, &q));
    pace_free(p);
}

static void the_wait_ends_when_there_is_something_to_send(void **state)
{
    (void)state;
    struct pace *p = pace_create(RATE, CHUNKS, 2);
    struct pace_question q;
    assert_int_equal(pace_wait_ms(p, 5000), 5000); /* nobody waits */
    now_ns += 1000000000;
    assert_true(asks(p, 1, 7, 0));
    assert_int_equal(pace_wait_ms(p, 5000), 0);
    assert_true(pace_next(p, &q));
    pace_sent(p, 2 * RATE);
    assert_true(asks(p, 1, 7, 1));
    assert_in_range(pace_wait_ms(p, 5000), 1850, 1950);
    now_ns += 1850000000;
    assert_false(pace_next(p, &q));
    now_ns += (int64_t)pace_wait_ms(p, 5000) * 1000000;
    assert_true(pace_next(p, &q));
    pace_free(p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, told_setup, told_teardown)
    const struct CMUnitTest tests[] = {
        TEST(readers_without_end_get_the_rate),
        TEST(whoever_began_first_is_served_first),
        TEST(what_waits_is_asked_once_and_of_one_version),
        TEST(there_is_room_for_so_many_readers),
        TEST(the_wait_ends_when_there_is_something_to_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
