/* SPDX-License-Identifier: MIT */
#include "tests/onic_test.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "reward_server/annotation_queue.h"

static bool put(struct annotation_queue *q, const char *s)
{
    return annotation_queue_put(q, s, strlen(s));
}

static const char *take(struct annotation_queue *q, uint64_t *ticket)
{
    const char *caption;
    size_t len;
    return annotation_queue_take(q, ticket, &caption, &len) ? caption : NULL;
}

static void newest_comes_first(void **state)
{
    (void)state;
    uint64_t t;
    struct annotation_queue *q = annotation_queue_create(10, 1000, 0);
    assert_close(annotation_queue_age_s(q), 0, 0, 0);
    put(q, "a");
    put(q, "b");
    put(q, "c");
    double age_s = annotation_queue_age_s(q);
    assert_true(age_s >= 0 && age_s < 1e6);
    assert_string_equal(take(q, &t), "c");
    assert_true(annotation_queue_asked_at(q, t) > 1e9);
    put(q, "d");
    assert_string_equal(take(q, &t), "d");
    assert_string_equal(take(q, &t), "b");
    assert_string_equal(take(q, &t), "a");
    assert_null(take(q, &t));
    annotation_queue_free(q);
}

static bool is_older(void *queue)
{
    return annotation_queue_age_s(queue) > 0.002;
}

/* An annotator that is away has all the questions there are, and none is left in the queue. */
static void a_question_with_the_annotator_waits_as_well(void **state)
{
    (void)state;
    uint64_t first, second;
    struct annotation_queue *q = annotation_queue_create(10, 1000, 0);
    put(q, "a");
    take(q, &first);
    assert_true(wait_until(is_older, q, 5000));
    put(q, "b");
    take(q, &second);
    assert_true(annotation_queue_age_s(q) > 0.002);
    annotation_queue_return(q, first);
    assert_true(annotation_queue_age_s(q) > 0.002);
    take(q, &first);
    annotation_queue_done(q, first);
    assert_true(wait_until(is_older, q, 5000)); /* of the second */
    annotation_queue_done(q, second);
    assert_close(annotation_queue_age_s(q), 0, 0, 0);
    annotation_queue_free(q);
}

static void a_share_of_the_takes_goes_to_the_oldest(void **state)
{
    (void)state;
    uint64_t t;
    int old = 0;
    char name[16];
    struct annotation_queue *q = annotation_queue_create(100000, 1 << 20, 0.05);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%05d", i);
        put(q, name);
    }
    for (int i = 0; i < 1000; i++)
        old += atoi(take(q, &t)) < 5000;
    assert_in_range(old, 49, 51);
    annotation_queue_free(q);
}

static void a_caption_is_in_the_queue_once_also_while_in_flight(void **state)
{
    (void)state;
    uint64_t t;
    struct annotation_queue *q = annotation_queue_create(10, 1000, 0);
    assert_true(put(q, "a"));
    assert_false(put(q, "a"));
    take(q, &t);
    assert_false(put(q, "a"));
    annotation_queue_return(q, t);
    assert_false(put(q, "a"));
    assert_string_equal(take(q, &t), "a");
    annotation_queue_done(q, t);
    assert_true(put(q, "a"));
    annotation_queue_free(q);
}

static void the_oldest_is_evicted_counted_and_may_return(void **state)
{
    (void)state;
    uint64_t t;
    struct annotation_queue *q = annotation_queue_create(3, 1000, 0);
    for (const char *c = "abcde"; *c; c++) {
        char name[2] = {*c, 0};
        put(q, name);
    }
    assert_int_equal(annotation_queue_numbers(q).evicted, 2);
    assert_int_equal(annotation_queue_numbers(q).waiting, 3);
    assert_true(put(q, "a"));
    assert_string_equal(take(q, &t), "a");
    annotation_queue_free(q);
    q = annotation_queue_create(1000, 10, 0);
    for (int i = 0; i < 8; i++) {
        char name[8];
        snprintf(name, sizeof name, "cap%d", i);
        put(q, name);
        assert_true(annotation_queue_numbers(q).bytes <= 10);
    }
    assert_int_equal(annotation_queue_numbers(q).waiting, 2);
    annotation_queue_free(q);
}

/* Against a list of (name, in flight) kept by hand. */
static void random_operations_agree_with_a_naive_queue(void **state)
{
    (void)state;
    enum { NAMES = 300, MAX = 40 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng r = rng_stream(seed, "test.queue", 0, 0, 0);
        struct annotation_queue *q = annotation_queue_create(MAX, 1 << 20, 0);
        int waiting[MAX + 1], nwaiting = 0; /* oldest first */
        struct {
            int name;
            uint64_t ticket;
        } flying[NAMES];
        int nflying = 0;
        uint64_t evicted = 0;
        for (int step = 0; step < 4000; step++) {
            uint32_t what = rng_below(&r, 10);
            char name[16];
            if (what < 6) {
                int n = (int)rng_below(&r, NAMES);
                bool known = false;
                for (int i = 0; i < nwaiting; i++)
                    known = known || waiting[i] == n;
                for (int i = 0; i < nflying; i++)
                    known = known || flying[i].name == n;
                snprintf(name, sizeof name, "name %d", n);
                assert_int_equal(put(q, name), !known);
                if (!known)
                    waiting[nwaiting++] = n;
            } else if (what < 8) {
                uint64_t t = 0;
                const char *got = take(q, &t);
                assert_int_equal(got != NULL, nwaiting > 0);
                if (got) {
                    snprintf(name, sizeof name, "name %d", waiting[--nwaiting]);
                    assert_string_equal(got, name);
                    flying[nflying].name = waiting[nwaiting];
                    flying[nflying++].ticket = t;
                }
            } else if (nflying > 0) {
                int i = (int)rng_below(&r, (uint32_t)nflying);
                size_t len;
                snprintf(name, sizeof name, "name %d", flying[i].name);
                assert_string_equal(annotation_queue_question(q, flying[i].ticket, &len), name);
                if (what == 8) {
                    annotation_queue_done(q, flying[i].ticket);
                } else {
                    annotation_queue_return(q, flying[i].ticket);
                    waiting[nwaiting++] = flying[i].name;
                }
                flying[i] = flying[--nflying];
            }
            if (nwaiting > MAX) {
                memmove(waiting, waiting + 1, (size_t)--nwaiting * sizeof *waiting);
                evicted++;
            }
            struct annotation_queue_numbers n = annotation_queue_numbers(q);
            assert_int_equal(n.waiting, nwaiting);
            assert_int_equal(n.in_flight, nflying);
            assert_int_equal(n.evicted, evicted);
        }
        annotation_queue_free(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_comes_first),
        cmocka_unit_test(a_question_with_the_annotator_waits_as_well),
        cmocka_unit_test(a_share_of_the_takes_goes_to_the_oldest),
        cmocka_unit_test(a_caption_is_in_the_queue_once_also_while_in_flight),
        cmocka_unit_test(the_oldest_is_evicted_counted_and_may_return),
        cmocka_unit_test(random_operations_agree_with_a_naive_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
