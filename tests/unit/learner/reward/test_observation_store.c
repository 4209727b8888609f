/* SPDX-License-Identifier: MIT */
/* test_observation_store.c - what is kept, what is drawn, and that both go on after a load. */
#include "learner/reward/observation_store.h"

#include <stdlib.h>

#include "common/data/question.h"
#include "tests/onic_test.h"

static void put(struct observation_store *s, const char *text)
{
    observation_store_put(s, text, strlen(text));
}

static void a_full_store_is_a_uniform_sample_of_all_that_was_offered(void **state)
{
    (void)state;
    int late = 0, drawn = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct observation_store *s = observation_store_create(50, false, seed);
        for (int i = 0; i < 500; i++) {
            char text[16];
            snprintf(text, sizeof text, "c%03d", i);
            put(s, text);
        }
        assert_int_equal(observation_store_count(s), 50);
        for (int i = 0; i < 100; i++) {
            char text[QUESTION_MAX];
            struct question q;
            size_t n = observation_store_pair(s, text);
            if (n == 0)
                continue;
            assert_true(question_split(text, n, &q));
            late += atoi(q.caption + 1) >= 250;
            drawn++;
        }
        observation_store_free(s);
    }
    /* 40 stores of 50: half of them from the later half, deviation about 0.011 */
    assert_close((double)late / drawn, 0.5, 0, 0.05);
}

static void equal_and_empty_captions_are_never_asked(void **state)
{
    (void)state;
    struct observation_store *s = observation_store_create(10, false, 1);
    char text[QUESTION_MAX];
    put(s, "");
    put(s, "a");
    assert_int_equal(observation_store_count(s), 1);
    assert_int_equal(observation_store_pair(s, text), 0);
    put(s, "a");
    put(s, "b");
    int asked = 0;
    for (int i = 0; i < 900; i++) {
        struct question q;
        size_t n = observation_store_pair(s, text);
        if (n == 0)
            continue;
        assert_true(question_split(text, n, &q));
        assert_false(q.len == q.len_b && memcmp(q.caption, q.caption_b, q.len) == 0);
        asked++;
    }
    assert_in_range(asked, 340, 460); /* 4/9: "a" was visited twice */
    observation_store_free(s);
}

static void a_distinct_store_holds_every_caption_once(void **state)
{
    (void)state;
    struct observation_store *s = observation_store_create(3, true, 1);
    put(s, "a");
    put(s, "a");
    put(s, "b");
    assert_int_equal(observation_store_count(s), 2);
    put(s, "c");
    put(s, "d"); /* full: one of the four gives way */
    assert_int_equal(observation_store_count(s), 3);
    observation_store_free(s);
}

/* Captions come as often as their number says, many times over; each is as likely as any other. */
static void a_full_distinct_store_is_a_uniform_sample_of_all_distinct_ones(void **state)
{
    (void)state;
    int late = 0, drawn = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct observation_store *s = observation_store_create(50, true, seed);
        struct buf saved;
        buf_init(&saved, 1 << 20);
        for (int i = 0; i < 5000; i++) {
            char text[16];
            snprintf(text, sizeof text, "c%03d", i % 10 ? i % 7 : i / 10);
            put(s, text);
        }
        assert_int_equal(observation_store_count(s), 50);
        observation_store_save(s, &saved);
        bool seen[500] = {false};
        const char *p = saved.data + 3 * 8;
        for (int i = 0; i < 50; i++) { /* u16 length, caption */
            char text[5] = {0};
            memcpy(text, p + 2, 4);
            int number = atoi(text + 1);
            assert_false(seen[number]);
            seen[number] = true;
            late += number >= 250;
            drawn++;
            p += 6;
        }
        buf_release(&saved);
        observation_store_free(s);
    }
    assert_close((double)late / drawn, 0.5, 0, 0.05);
}

static void a_loaded_store_goes_on_as_the_saved_one(void **state)
{
    (void)state;
    for (int distinct = 0; distinct < 2; distinct++) {
        struct observation_store *a = observation_store_create(8, distinct, 7);
        struct observation_store *b = observation_store_create(8, distinct, 7);
        char pair_a[QUESTION_MAX], pair_b[QUESTION_MAX], text[16];
        for (int i = 0; i < 20; i++) {
            snprintf(text, sizeof text, "c%d", i % 13);
            put(a, text);
            observation_store_pair(a, pair_a);
        }
        struct buf saved;
        buf_init(&saved, 1 << 20);
        observation_store_save(a, &saved);
        assert_true(observation_store_load(b, saved.data, saved.len));
        for (int i = 0; i < 60; i++) {
            snprintf(text, sizeof text, "c%d", i % 17);
            put(a, text);
            put(b, text);
            size_t n = observation_store_pair(a, pair_a);
            assert_int_equal(observation_store_pair(b, pair_b), n);
            assert_memory_equal(pair_a, pair_b, n);
        }
        buf_release(&saved);
        observation_store_free(a);
        observation_store_free(b);
    }
}

static void malformed_bytes_are_refused_and_leave_it_empty(void **state)
{
    (void)state;
    struct observation_store *s = observation_store_create(4, false, 7);
    struct observation_store *small = observation_store_create(2, false, 7);
    put(s, "one");
    put(s, "two");
    put(s, "three");
    struct buf saved;
    buf_init(&saved, 1 << 20);
    observation_store_save(s, &saved);
    for (size_t len = 0; len < saved.len; len++) {
        assert_false(observation_store_load(s, saved.data, len));
        assert_int_equal(observation_store_count(s), 0);
    }
    assert_false(observation_store_load(small, saved.data, saved.len));
    assert_true(observation_store_load(s, saved.data, saved.len));
    buf_append(&saved, "x", 1);
    assert_false(observation_store_load(s, saved.data, saved.len));
    buf_release(&saved);
    observation_store_free(s);
    observation_store_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_store_is_a_uniform_sample_of_all_that_was_offered),
        cmocka_unit_test(equal_and_empty_captions_are_never_asked),
        cmocka_unit_test(a_distinct_store_holds_every_caption_once),
        cmocka_unit_test(a_full_distinct_store_is_a_uniform_sample_of_all_distinct_ones),
        cmocka_unit_test(a_loaded_store_goes_on_as_the_saved_one),
        cmocka_unit_test(malformed_bytes_are_refused_and_leave_it_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
