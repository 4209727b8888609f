/* SPDX-License-Identifier: MIT */
/* test_heldout.c - the split of captions, and the three measures against numbers worked out by
 * hand. */
#include "learner/reward/heldout.h"

#include "tests/onic_test.h"

static void a_share_of_captions_is_held_out_and_always_the_same(void **state)
{
    (void)state;
    int held = 0;
    for (int i = 0; i < 10000; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "You see thing %d.", i);
        bool tenth = heldout_caption(text, (size_t)len, 0.1);
        held += tenth;
        assert_false(heldout_caption(text, (size_t)len, 0.0));
        assert_true(heldout_caption(text, (size_t)len, 1.0));
        if (tenth) /* a larger share only adds captions */
            assert_true(heldout_caption(text, (size_t)len, 0.2));
    }
    assert_in_range(held, 900, 1100);
}

static void measures_are_those_worked_out_by_hand(void **state)
{
    (void)state;
    /* positives .9 .4 .4, negatives .4 .2: won 2 + 2 x 1.5 of 6; right: .9, .4, .2 */
    const float p[] = {0.4f, 0.9f, 0.2f, 0.4f, 0.4f};
    const unsigned char label[] = {1, 1, 0, 0, 1};
    struct heldout_measure m = heldout_measure(p, label, 5);
    assert_int_equal(m.n, 5);
    assert_close(m.accuracy, 0.6, 0, 1e-9);
    assert_close(m.auc, 5.0 / 6, 0, 1e-9);
    /* bins: .2 -> |.2 - 0|; .4 three times -> |1.2 - 2|; .9 -> |.9 - 1| */
    assert_close(m.ece, (0.2 + 0.8 + 0.1) / 5, 0, 1e-6);
}

static void what_cannot_be_measured_is_nan(void **state)
{
    (void)state;
    const float p[] = {0.4f, 1.0f};
    const unsigned char label[] = {1, 1};
    struct heldout_measure m = heldout_measure(p, label, 2);
    assert_true(isnan(m.auc));
    assert_close(m.accuracy, 0.5, 0, 1e-9);
    assert_close(m.ece, 0.3, 0, 1e-6);
    m = heldout_measure(NULL, NULL, 0);
    assert_true(isnan(m.accuracy) && isnan(m.auc) && isnan(m.ece));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_captions_is_held_out_and_always_the_same),
        cmocka_unit_test(measures_are_those_worked_out_by_hand),
        cmocka_unit_test(what_cannot_be_measured_is_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
