/* SPDX-License-Identifier: MIT */
/* test_pcg64.c - vectors printed by numpy 2.4.6: Generator(PCG64(SeedSequence(seed))).integers. */
#include "actor/envs/pcg64.h"
#include "tests/onic_test.h"

static void draws_equal_numpy_for_small_large_and_two_word_seeds(void **state)
{
    (void)state;
    static const int high[9] = {7, 2, 1000000, 1, 3, 2147483647, 6, 5, 100};
    static const struct {
        uint64_t seed;
        int draw[9], around_zero[3];
    } want[] = {
        {0, {5, 1, 511136, 0, 0, 661058651, 0, 0, 1}, {-4, 3, 1}},
        {1, {3, 1, 755167, 0, 2, 74845286, 0, 4, 94}, {-3, -2, 3}},
        {42, {0, 1, 654571, 0, 1, 929893137, 5, 0, 69}, {-3, -5, 0}},
        {4294967301, {0, 1, 778229, 0, 1, 1886784479, 4, 4, 81}, {3, 0, 0}},
        {18446744073709551615ULL, {3, 1, 950075, 0, 2, 769747236, 0, 0, 89}, {1, -4, -2}},
    };
    for (size_t s = 0; s < sizeof want / sizeof want[0]; s++) {
        struct pcg64 g;
        pcg64_seed(&g, want[s].seed);
        for (int i = 0; i < 9; i++)
            assert_int_equal(pcg64_integers(&g, 0, high[i]), want[s].draw[i]);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pcg64_integers(&g, -5, 5), want[s].around_zero[i]);
    }
}

/* 3 * 2^29 + 1 values: a quarter of the draws must be thrown away. */
static void rejected_draws_equal_numpy(void **state)
{
    (void)state;
    static const int want[8] = {678949548, 1547870604, 461951449,  184188263,
                                971438092, 1075116573, 1035022322, 1153318918};
    struct pcg64 g;
    pcg64_seed(&g, 9);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pcg64_integers(&g, 0, 1610612737), want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_equal_numpy_for_small_large_and_two_word_seeds),
        cmocka_unit_test(rejected_draws_equal_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
