/* SPDX-License-Identifier: MIT */
/* test_label_pass.c - each label once a pass, in an order that nothing foresees. */
#include "learner/reward/label_pass.h"
#include "tests/onic_test.h"

enum { MOST = 1000 };

static void a_pass_is_a_permutation_of_any_number(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n += n < 70 ? 1 : 93) {
        struct label_pass p = {0};
        bool seen[MOST] = {false};
        for (size_t i = 0; i < n; i++) {
            label_pass_begin(&p, n, 1);
            size_t at = label_pass_next(&p, 7);
            assert_true(at < n && !seen[at]);
            seen[at] = true;
        }
        assert_int_equal(p.pass, 1);
    }
}

static void the_labels_of_a_step_are_distinct_and_all_come_as_often(void **state)
{
    (void)state;
    enum { N = 100, WANT = 7, STEPS = 7000 };
    struct label_pass p = {0};
    int times[N] = {0};
    for (int step = 0; step < STEPS; step++) {
        bool seen[N] = {false};
        label_pass_begin(&p, N, WANT);
        for (int i = 0; i < WANT; i++) {
            size_t at = label_pass_next(&p, 3);
            assert_false(seen[at]);
            seen[at] = true;
            times[at]++;
        }
    }
    assert_int_equal(p.pass, STEPS / (N / WANT)); /* two of 100 are left over in each */
    for (int i = 0; i < N; i++) /* 490; by chance alone the deviation would be 22, here it is 3 */
        assert_in_range(times[i], 475, 505);
}

static void orders_differ_and_a_saved_one_goes_on(void **state)
{
    (void)state;
    enum { N = 64 };
    struct label_pass a = {0}, b = {0}, saved;
    int same_key = 0, same_pass = 0;
    size_t first[N];
    for (int i = 0; i < N; i++) {
        label_pass_begin(&a, N, 1);
        label_pass_begin(&b, N, 1);
        first[i] = label_pass_next(&a, 1);
        same_key += first[i] == label_pass_next(&b, 2);
    }
    label_pass_begin(&a, N, 1);
    saved = a;
    for (int i = 0; i < N; i++) {
        size_t at = label_pass_next(&a, 1);
        same_pass += at == first[i];
        assert_int_equal(label_pass_next(&saved, 1), at);
    }
    assert_true(same_key < 10 && same_pass < 10); /* one by chance */
}

static void new_labels_do_not_wait_for_long(void **state)
{
    (void)state;
    struct label_pass p = {0};
    label_pass_begin(&p, 80, 1);
    label_pass_begin(&p, 90, 1);
    assert_int_equal(p.count, 80);
    label_pass_begin(&p, 91, 1);
    assert_int_equal(p.count, 91);
    label_pass_begin(&p, 5, 1); /* labels are never taken back, a state may be another's */
    assert_int_equal(p.count, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_is_a_permutation_of_any_number),
        cmocka_unit_test(the_labels_of_a_step_are_distinct_and_all_come_as_often),
        cmocka_unit_test(orders_differ_and_a_saved_one_goes_on),
        cmocka_unit_test(new_labels_do_not_wait_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
