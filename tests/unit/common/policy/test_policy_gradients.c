/* SPDX-License-Identifier: MIT */
/* test_policy_gradients.c - whole networks: gradients through encoder, core with resets and heads
 * match differences. torchbeast: test_torchbeast.c. */
#include "tests/onic_test.h"
#include "tests/support/policy_net.h"

static void gradients_of_grid_small_match_differences(void **state)
{
    (void)state;
    net_check_gradients("grid-small", "lstm", 24, 6, 5, NULL);
    net_check_gradients("grid-small", "lstm", 0, 3, 1, NULL);
    net_check_gradients("grid-small", "gru", 24, 6, 5, NULL);
    net_check_gradients("grid-small", "none", 13, 1, 4, NULL);
}

static void gradients_of_mlp_match_differences(void **state)
{
    (void)state;
    net_check_gradients("mlp", "lstm", 17, 6, 5, NULL);
    net_check_gradients("mlp", "none", 16, 1, 3, NULL);
    net_check_gradients("mlp", "mingru", 24, 6, 5, NULL);
    net_check_gradients("mlp", "mingru", 17, 1, 3, NULL);
}

/* Numbers: the deviation as free parameters, and as columns of the head. */
static void gradients_of_numbers_match_differences(void **state)
{
    (void)state;
    struct net_options o = {
        .actions = {.kind = ACTION_CONTINUOUS, .n = 3, .low = {-1, -1, 0}, .high = {1, 1, 5}}};
    net_check_gradients("mlp", "gru", 16, 4, 3, &o);
    o.state_deviation = true;
    net_check_gradients("mlp", "gru", 16, 4, 3, &o);
}

static void gradients_of_nethack_compact_match_differences(void **state)
{
    (void)state;
    net_check_gradients("nethack-compact", "lstm", 13, 4, 3, NULL);
    net_check_gradients("nethack-compact", "gru", 13, 4, 3, NULL);
    net_check_gradients("nethack-compact", "none", 32, 1, 1, NULL);
}

static void gradients_of_oni_default_match_differences(void **state)
{
    (void)state;
    net_check_gradients("oni-default", "gru", 9, 2, 2, NULL);
}

/* With fields that are no pictures; two of them are one picture of four channels. Hundreds of ReLUs
 * share a bias, and a step crosses some. */
static void gradients_of_pixels_match_differences(void **state)
{
    (void)state;
    struct net_options o = {.along_max = 0.01, .across_max = 0.03};
    net_check_gradients("pixels", "lstm", 13, 4, 3, &o);
    net_check_gradients("pixels", "mingru", 16, 4, 3, &o);
    net_check_gradients("pixels", "none", 32, 1, 9, &o);
    o.obs_norm = true;
    net_check_gradients("pixels", "gru", 13, 3, 3, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_grid_small_match_differences),
        cmocka_unit_test(gradients_of_mlp_match_differences),
        cmocka_unit_test(gradients_of_numbers_match_differences),
        cmocka_unit_test(gradients_of_nethack_compact_match_differences),
        cmocka_unit_test(gradients_of_oni_default_match_differences),
        cmocka_unit_test(gradients_of_pixels_match_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
