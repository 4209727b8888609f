/* SPDX-License-Identifier: MIT */
/* test_return_scale.c - the deviation of discounted returns against numbers of a script that
 * follows the published RewardForwardFilter and RunningMeanStd line by line. */
#include "learner/reward/rnd/return_scale.h"
#include "tests/onic_test.h"

/* Two batches: columns may come in another order, and new environments at any time. */
static const float FIRST[] = {1, 0, 0.5f, 2, 0, 0.25f}, SECOND[] = {0, 1, 4, 3, 0, 0};
static const uint64_t FIRST_OF[] = {5, 7}, SECOND_OF[] = {7, 5, 9};

static void the_deviation_is_that_of_filtered_returns(void **state)
{
    (void)state;
    struct return_scale *s = return_scale_create(0.9);
    assert_close(return_scale_deviation(s), 1, 0, 0);
    return_scale_add(s, FIRST, 6, FIRST_OF, 2);
    assert_close(return_scale_deviation(s), 0.6883516224711985, 1e-12, 0);
    return_scale_add(s, SECOND, 6, SECOND_OF, 3);
    assert_close(return_scale_deviation(s), 1.2683851278475968, 1e-12, 0);
    return_scale_add(s, NULL, 0, SECOND_OF, 3);
    assert_close(return_scale_deviation(s), 1.2683851278475968, 1e-12, 0);
    return_scale_free(s);
}

static void a_loaded_scale_goes_on_bit_for_bit(void **state)
{
    (void)state;
    struct return_scale *a = return_scale_create(0.9), *b = return_scale_create(0.9);
    struct buf saved, again;
    buf_init(&saved, 1 << 16);
    buf_init(&again, 1 << 16);
    return_scale_add(a, FIRST, 6, FIRST_OF, 2);
    return_scale_save(a, &saved);
    assert_int_equal(return_scale_load(b, saved.data, saved.len), saved.len);
    return_scale_add(a, SECOND, 6, SECOND_OF, 3);
    return_scale_add(b, SECOND, 6, SECOND_OF, 3);
    buf_reset(&saved);
    return_scale_save(a, &saved);
    return_scale_save(b, &again);
    assert_int_equal(saved.len, again.len);
    assert_memory_equal(saved.data, again.data, saved.len);
    for (size_t len = 0; len < saved.len; len++)
        assert_int_equal(return_scale_load(NULL, saved.data, len), 0);
    memset(saved.data + 16, 0xff, 8); /* a count that is no number */
    assert_int_equal(return_scale_load(NULL, saved.data, saved.len), 0);
    buf_release(&saved);
    buf_release(&again);
    return_scale_free(a);
    return_scale_free(b);
}

/* Actors come and go for months. */
static void more_environments_than_there_is_room_for_begin_anew(void **state)
{
    (void)state;
    struct return_scale *s = return_scale_create(0.99);
    struct buf saved;
    const float one = 1;
    buf_init(&saved, 64 << 20);
    for (uint64_t e = 0; e < 3 * RETURN_SCALE_ENVIRONMENTS; e++)
        return_scale_add(s, &one, 1, &e, 1);
    return_scale_save(s, &saved);
    assert_true(saved.len <= 32 + (size_t)RETURN_SCALE_ENVIRONMENTS * 16);
    assert_close(return_scale_deviation(s), 0, 0, 1e-2); /* they all had a return of 1 */
    buf_release(&saved);
    return_scale_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deviation_is_that_of_filtered_returns),
        cmocka_unit_test(a_loaded_scale_goes_on_bit_for_bit),
        cmocka_unit_test(more_environments_than_there_is_room_for_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
