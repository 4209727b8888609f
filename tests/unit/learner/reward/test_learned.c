/* SPDX-License-Identifier: MIT */
/* test_learned.c - what is said of labels and losses: nothing where something was learned, and why
 * where not. */
#include <math.h>
#include <string.h>

#include "learner/reward/learned.h"
#include "tests/onic_test.h"

static struct learned of_pairs(uint64_t low, uint64_t high, uint64_t ties, double loss)
{
    return (struct learned){
        .pairs = true, .low = low, .high = high, .ties = ties, .steps = 500, .loss = loss};
}

static struct learned of_classes(uint64_t low, uint64_t high, double loss)
{
    return (struct learned){.low = low, .high = high, .steps = 500, .loss = loss};
}

static void assert_verdict(struct learned l, enum learned_verdict want, const char *part)
{
    char words[LEARNED_WORDS_MAX];
    learned_words(&l, words);
    assert_int_equal(learned_judge(&l), want);
    if (want == LEARNED_FINE)
        assert_string_equal(words, "");
    else if (!strstr(words, part))
        fail_msg("\"%s\" does not hold \"%s\"", words, part);
}

static void a_loss_of_guessing_is_nothing_learned(void **state)
{
    (void)state;
    assert_verdict(of_pairs(500, 480, 20, 0.6931), LEARNED_NOTHING,
                   "the loss is 0.6931 after 500 gradient steps, that of guessing is 0.6931");
    assert_verdict(of_pairs(500, 480, 20, 0.75), LEARNED_NOTHING, "next to nothing");
    assert_verdict(of_pairs(500, 480, 20, 0.60), LEARNED_FINE, "");
    /* one in ten is 1: always saying so costs 0.3251 */
    assert_close(learned_guess(&(struct learned){.low = 900, .high = 100}), 0.325083, 0, 1e-6);
    assert_verdict(of_classes(900, 100, 0.325), LEARNED_NOTHING, "that of guessing is 0.3251");
    assert_verdict(of_classes(900, 100, 0.30), LEARNED_FINE, "");
}

static void a_loss_far_above_guessing_has_diverged(void **state)
{
    (void)state;
    const char *smaller = "training diverged; try a smaller learning rate (reward.lr)";
    assert_verdict(of_pairs(500, 480, 20, 2.5e14), LEARNED_DIVERGED, smaller);
    assert_verdict(of_pairs(500, 480, 20, (double)INFINITY), LEARNED_DIVERGED, smaller);
    assert_verdict(of_pairs(500, 480, 20, 1.72), LEARNED_DIVERGED, "the loss is 1.72 after 500");
    assert_verdict(of_pairs(500, 480, 20, 1.66), LEARNED_NOTHING, "next to nothing");
    assert_verdict(of_classes(900, 100, 0.6931), LEARNED_NOTHING,
                   "next to nothing"); /* untrained */
    struct learned one = of_pairs(500, 480, 20, 0.6931);
    one.steps = 1;
    assert_verdict(one, LEARNED_NOTHING, "after 1 gradient step, that");
}

static void an_order_that_is_right_has_begun_to_be_learned(void **state)
{
    (void)state;
    struct learned l = of_pairs(500, 500, 0, 0.6931);
    l.heldout = (struct heldout_measure){.n = 555, .accuracy = 0.766};
    assert_verdict(l, LEARNED_NOTHING,
                   "learning has hardly begun, with 77 % of 555 held-out pairs predicted");
    l.heldout.accuracy = 0.51;
    assert_verdict(l, LEARNED_NOTHING, "next to nothing was learned");
}

/* Half of the pairs are ties: a perfect network still has half of ln 2. */
static void ties_bound_what_a_loss_can_reach(void **state)
{
    (void)state;
    assert_verdict(of_pairs(250, 250, 500, 0.3466), LEARNED_FINE, "");
    assert_verdict(of_pairs(250, 250, 500, 0.6880), LEARNED_NOTHING, "next to nothing");
    assert_verdict(of_pairs(250, 250, 500, 0.6800), LEARNED_FINE, "");
}

static void all_ties_leave_nothing_to_learn(void **state)
{
    (void)state;
    assert_verdict(of_pairs(0, 0, 76, log(2)), LEARNED_TIES, "all 76 labels are ties");
    assert_verdict(of_pairs(0, 1, 76, 0.1), LEARNED_FINE, "");
}

static void one_sided_labels_are_told(void **state)
{
    (void)state;
    assert_verdict(of_pairs(100, 0, 3, 0.01), LEARNED_ONE_SIDED,
                   "of 100 labels that are no ties 100 prefer the first caption");
    assert_verdict(of_pairs(2, 98, 0, 0.01), LEARNED_ONE_SIDED, "98 prefer the second caption");
    assert_verdict(of_pairs(10, 90, 0, 0.01), LEARNED_FINE, "");
    assert_verdict(of_pairs(5, 0, 0, 0.01), LEARNED_FINE, ""); /* five may be chance */
    assert_verdict(of_classes(300, 0, 0), LEARNED_ONE_SIDED, "all 300 labels are 0");
    assert_verdict(of_classes(0, 300, 0), LEARNED_ONE_SIDED, "all 300 labels are 1");
    assert_verdict(of_classes(299, 1, 0.001), LEARNED_FINE, "");
    assert_verdict(of_classes(10, 0, 0), LEARNED_FINE, "");
}

static void held_out_pairs_at_chance_were_learned_by_heart(void **state)
{
    (void)state;
    struct learned l = of_pairs(500, 500, 0, 0.2);
    l.heldout = (struct heldout_measure){.n = 326, .accuracy = 0.457};
    assert_verdict(l, LEARNED_BY_HEART, "of 326 held-out pairs 46 % are predicted, as by a coin");
    l.heldout.accuracy = 0.239;
    assert_verdict(l, LEARNED_BY_HEART, "24 % are predicted, fewer than by a coin");
    l.heldout.accuracy = 0.6;
    assert_verdict(l, LEARNED_FINE, "");
    l.heldout = (struct heldout_measure){.n = 10, .accuracy = 0.4}; /* too few to say */
    assert_verdict(l, LEARNED_FINE, "");
}

static void what_is_not_known_is_not_judged(void **state)
{
    (void)state;
    struct learned l = of_pairs(500, 500, 0, (double)NAN);
    assert_verdict(l, LEARNED_FINE, "");
    l = of_pairs(500, 500, 0, 0.6931);
    l.steps = 0;
    assert_verdict(l, LEARNED_FINE, "");
    l = (struct learned){.pairs = true, .loss = (double)NAN};
    assert_verdict(l, LEARNED_FINE, "");
    assert_true(isnan(learned_guess(&l)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_of_guessing_is_nothing_learned),
        cmocka_unit_test(a_loss_far_above_guessing_has_diverged),
        cmocka_unit_test(an_order_that_is_right_has_begun_to_be_learned),
        cmocka_unit_test(ties_bound_what_a_loss_can_reach),
        cmocka_unit_test(all_ties_leave_nothing_to_learn),
        cmocka_unit_test(one_sided_labels_are_told),
        cmocka_unit_test(held_out_pairs_at_chance_were_learned_by_heart),
        cmocka_unit_test(what_is_not_known_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
