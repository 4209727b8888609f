/* SPDX-License-Identifier: MIT */
/* test_label_schedule.c - how many gradient steps are taken when, with a clock of the test's own.
 */
#include "learner/reward/label_schedule.h"

#include "common/base/clock.h"
#include "tests/onic_test.h"

static int64_t now_ns;

static int64_t test_clock(void)
{
    return now_ns;
}

static struct label_schedule_params params(void)
{
    return (struct label_schedule_params){.dataset_size = 25000,
                                          .steps_per_arrival = 32,
                                          .steps_per_update = 1,
                                          .steps_max = 100,
                                          .share = 0.05};
}

/* One train() whose steps take step_ms each. */
static int train(struct label_schedule *s, uint64_t labels, int step_ms)
{
    int n = 0;
    label_schedule_begin(s, labels);
    for (; label_schedule_due(s); n++)
        now_ns += (int64_t)step_ms * 1000000;
    label_schedule_end(s);
    return n;
}

static void arrivals_owe_steps_below_the_size_and_updates_from_there(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    c.deterministic = true;
    label_schedule_init(&s, &c);
    assert_int_equal(train(&s, 10, 0), 0);
    label_schedule_arrival(&s);
    label_schedule_arrival(&s); /* one delivery of two labels */
    assert_int_equal(train(&s, 24999, 0), 32);
    assert_int_equal(train(&s, 24999, 0), 0);
    label_schedule_arrival(&s);
    assert_int_equal(train(&s, 25000, 0), 1);
    assert_int_equal(train(&s, 25000, 0), 1);
}

static void owed_steps_are_kept_for_later_updates(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    c.deterministic = true;
    c.steps_max = 12;
    label_schedule_init(&s, &c);
    label_schedule_arrival(&s);
    assert_int_equal(train(&s, 10, 1000), 12); /* no clock is looked at */
    assert_int_equal(train(&s, 10, 1000), 12);
    assert_int_equal(train(&s, 10, 1000), 8);
    assert_int_equal(train(&s, 10, 1000), 0);
}

/* 1000 updates of 10 ms each, then steps of 20 ms: one in 40 updates is affordable at 5 %. */
static void training_keeps_to_its_share_of_the_time(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    int steps = 0;
    for (int i = 0; i < 1000; i++) {
        label_schedule_arrival(&s);
        steps += train(&s, 10, 20);
        now_ns += 10000000;
    }
    assert_in_range(steps, 24, 28); /* 20 n = 0.05 (10000 + 20 n) */
    assert_close(label_schedule_share(&s), 0.05, 0.05, 0);
    assert_int_equal(s.owed + (uint64_t)steps, 32000);
}

static void a_share_of_one_is_no_limit(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    c.share = 1;
    label_schedule_init(&s, &c);
    label_schedule_arrival(&s);
    assert_int_equal(train(&s, 10, 1000), 32); /* ONI's 32 steps at once, however long they take */
    assert_int_equal(train(&s, 10, 1000), 0);
    assert_close(label_schedule_share(&s), 1, 0, 1e-9); /* there was no other time */
    now_ns += 1000000000;
    train(&s, 10, 0);
    assert_close(label_schedule_share(&s), 32.0 / 33, 0, 1e-9);
    c.share = 0.99;
    label_schedule_init(&s, &c);
    train(&s, 10, 0);
    now_ns += 1000000000;
    label_schedule_arrival(&s);
    now_ns += 1000000000;
    assert_int_equal(train(&s, 10, 20), 32); /* 0.99 s of steps are affordable */
}

static void a_pause_earns_no_burst(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    train(&s, 10, 0);
    now_ns += 3600000000000;
    label_schedule_arrival(&s);
    assert_int_equal(train(&s, 10, 20), 27); /* 5 % of 10 s, and what has begun is finished */
}

static void slow_updates_keep_to_the_share_as_well(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    for (int i = 0; i < 100; i++, now_ns += 5000000000) {
        label_schedule_arrival(&s);
        train(&s, 10, 20);
    }
    assert_close(label_schedule_share(&s), 0.05, 0.03, 0);
}

/* An hour of updates without labels: the next labels get what 10 s have earned, then 5 %. */
static void hours_without_labels_earn_no_burst(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    for (int i = 0; i < 36000; i++, now_ns += 100000000)
        assert_int_equal(train(&s, 10, 20), 0);
    label_schedule_arrival(&s);
    assert_int_equal(train(&s, 10, 20), 27);
    assert_int_equal(train(&s, 10, 20), 0);
    int steps = 0;
    label_schedule_arrival(&s);
    for (int i = 0; i < 40; i++, now_ns += 100000000) /* 4 s */
        steps += train(&s, 10, 20);
    assert_in_range(steps, 8, 11);
}

/* One train() of which another thread, that needs step_ms for a step, took `before` steps since the
 * last one; how many it takes until the next. */
static int train_beside(struct label_schedule *s, int before, int step_ms)
{
    label_schedule_begin(s, 10);
    label_schedule_spent(s, 1e-3 * step_ms * before, before);
    int n = label_schedule_plan(s, 32);
    label_schedule_end(s);
    return n;
}

/* Neither reward.steps_max nor the share holds it up then, and the log must not say so. */
static void a_piece_that_is_full_is_known(void **state)
{
    struct label_schedule s;
    struct label_schedule_params p = {.dataset_size = 1000,
                                      .steps_per_arrival = 100,
                                      .steps_per_update = 1,
                                      .steps_max = 200,
                                      .share = 1};
    (void)state;
    label_schedule_init(&s, &p);
    label_schedule_arrival(&s);
    assert_int_equal(train_beside(&s, 0, 0), 1); /* nobody knows yet how long one takes */
    assert_false(s.piece_full);
    assert_int_equal(train_beside(&s, 1, 1), 32);
    assert_true(s.piece_full);
    s.p.steps_max = 8;
    assert_int_equal(train_beside(&s, 32, 1), 8);
    assert_false(s.piece_full);
}

/* As training_keeps_to_its_share_of_the_time, but the updates go on. */
static void another_thread_keeps_to_the_share_as_well(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    int steps = 0, n = 0;
    for (int i = 0; i < 1000; i++) {
        label_schedule_arrival(&s);
        n = train_beside(&s, n, 20);
        steps += n;
        now_ns += 10000000;
    }
    train_beside(&s, n, 20);
    assert_in_range(steps, 24, 27); /* 20 n = 0.05 x 10000 */
    assert_close(label_schedule_share(&s), 0.05, 0.06, 0);
    assert_close(label_schedule_between_share(&s), 0, 0, 0);
    label_schedule_arrival(&s);
    now_ns += 1000000000;
    n = train(&s, 10, 20); /* and what the training thread takes itself is between updates */
    assert_true(n > 0);
    assert_close(label_schedule_between_share(&s), 0.02 * n / s.life_s, 1e-9, 0);
}

/* What a step takes shows the first; then about a second's worth, which a checkpoint waits for. */
static void another_thread_gets_its_steps_in_pieces(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    c.share = 1;
    label_schedule_init(&s, &c);
    label_schedule_arrival(&s);
    assert_int_equal(train_beside(&s, 0, 0), 1);
    assert_int_equal(s.owed, 31);
    assert_int_equal(train_beside(&s, 1, 150), 7);
    assert_int_equal(train_beside(&s, 7, 150), 7);
    s.p.steps_max = 3;
    assert_int_equal(train_beside(&s, 7, 150), 3);
    s.p.steps_max = 100;
    s.step_s = 0.001;
    assert_int_equal(train_beside(&s, 0, 0), 14); /* that is all */
    assert_int_equal(train_beside(&s, 14, 1), 0);
}

/* A turn out of a file asks for more than any update has: what a run may do in one bounds it. */
static void a_given_turn_is_bounded_as_well(void **state)
{
    (void)state;
    struct label_schedule_params c = params();
    struct label_schedule s;
    label_schedule_init(&s, &c);
    s.owed = 1000000;
    label_schedule_begin(&s, 10);
    assert_int_equal(label_schedule_take(&s, 60), 60);
    assert_int_equal(label_schedule_take(&s, 1000000), 40);
    assert_int_equal(label_schedule_take(&s, 1), 0);
    assert_int_equal(s.owed, 1000000 - 100);
    label_schedule_begin(&s, 10);
    assert_int_equal(label_schedule_take(&s, 1), 1);
}

static int start(void **state)
{
    (void)state;
    now_ns = 1000000000;
    clock_replace(test_clock);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    clock_replace(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrivals_owe_steps_below_the_size_and_updates_from_there),
        cmocka_unit_test(owed_steps_are_kept_for_later_updates),
        cmocka_unit_test(training_keeps_to_its_share_of_the_time),
        cmocka_unit_test(a_share_of_one_is_no_limit),
        cmocka_unit_test(a_pause_earns_no_burst),
        cmocka_unit_test(slow_updates_keep_to_the_share_as_well),
        cmocka_unit_test(hours_without_labels_earn_no_burst),
        cmocka_unit_test(a_piece_that_is_full_is_known),
        cmocka_unit_test(another_thread_keeps_to_the_share_as_well),
        cmocka_unit_test(another_thread_gets_its_steps_in_pieces),
        cmocka_unit_test(a_given_turn_is_bounded_as_well),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
