/* SPDX-License-Identifier: MIT */
/* test_pair_loss.c - numbers of an independent script in double precision, gradients against
 * differences. */
#include "learner/reward/pair_loss.h"

#include "tests/onic_test.h"

static void losses_are_the_golden_numbers(void **state)
{
    (void)state;
    const float a[] = {0.2f, 0.2f, 0.2f}, b[] = {-0.3f, -0.3f, -0.3f}, label[] = {0, 1, 0.5f};
    const double want[] = {0.474077, 0.974077, 0.724077};
    float da[3], db[3];
    for (int i = 0; i < 3; i++)
        assert_close(pair_loss(&a[i], &b[i], &label[i], 1, da, db), want[i], 0, 1e-6);
    assert_close(pair_loss(a, b, label, 3, da, db), 0.724077, 0, 1e-6);
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    float a[] = {0.5f, -1.25f, 2.0f, 0.0f}, b[] = {-0.75f, 0.5f, 2.0f, 3.0f};
    const float label[] = {0, 1, 0.5f, 0.5f}, h = 0x1p-10f;
    float da[4], db[4], unused[4];
    pair_loss(a, b, label, 4, da, db);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 4; i++) {
            float *x = side ? b : a, kept = x[i];
            x[i] = kept + h;
            double up = pair_loss(a, b, label, 4, unused, unused);
            x[i] = kept - h;
            double down = pair_loss(a, b, label, 4, unused, unused);
            x[i] = kept;
            assert_close((side ? db : da)[i], (up - down) / (2 * (double)h), 1e-5, 1e-6);
        }
}

static void far_apart_rewards_neither_overflow_nor_lose_their_gradient(void **state)
{
    (void)state;
    const float a[] = {1e4f, -1e4f}, b[] = {-1e4f, 1e4f}, label[] = {1, 1};
    float da[2], db[2];
    assert_close(pair_loss(a, b, label, 2, da, db), 1e4, 1e-6, 0);
    assert_close(db[0], -0.5, 0, 1e-6);
    assert_close(da[0], 0.5, 0, 1e-6);
    assert_close(db[1], 0, 0, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_the_golden_numbers),
        cmocka_unit_test(gradients_agree_with_differences),
        cmocka_unit_test(far_apart_rewards_neither_overflow_nor_lose_their_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
