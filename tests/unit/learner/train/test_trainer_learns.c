/* SPDX-License-Identifier: MIT */
/* test_trainer_learns.c - the training core learns what pays, and from what. */
#include "tests/onic_test.h"
#include "tests/support/corridor_world.h"

static void it_learns_what_pays(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    world_open(&w);
    assert_true(world_share_of_right(&w) < 0.75);
    world_learn(&w, 60);
    assert_true(world_share_of_right(&w) > 0.95);
    world_close(&w);
}

/* The same with the sign flipped: an update in the wrong direction would pass neither or the wrong
 * one. */
static void it_learns_to_avoid_what_costs(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    w.right_pays = -1.0f;
    world_open(&w);
    assert_true(world_share_of_right(&w) > 0.25);
    world_learn(&w, 60);
    assert_true(world_share_of_right(&w) < 0.35);
    world_close(&w);
}

/* Nothing is paid by the environment: only the label of the caption "You go right." drives. */
static void it_learns_from_labels_alone(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    strcpy(w.cfg.reward_model, "hash");
    w.cfg.reward_coef_ext = 0;
    w.cfg.reward_coef_int = 1;
    w.cfg.train_gamma_int = 0; /* the next step counts: an end would cut off further praise */
    w.right_pays = -1.0f;      /* would teach the opposite */
    world_open(&w);
    struct train_stats s = world_learn(&w, 1);
    assert_true(s.reward.known == 0 && s.reward.paid == 0);
    struct label label = {.id = 1,
                          .state = LABEL_ANSWERED,
                          .value = 1.0,
                          .confidence = 1.0,
                          .question = "You go right.",
                          .question_len = 13};
    reward_mix_on_label(trainer_reward(w.core), &label);
    s = world_learn(&w, 60);
    assert_true(s.reward.known == s.reward.captioned && s.reward.known > 0);
    assert_true(world_share_of_right(&w) > 0.95);
    world_close(&w);
}

static void it_learns_without_a_recurrent_core_and_in_minibatches(void **state)
{
    (void)state;
    static struct world w;
    memset(&w, 0, sizeof w);
    world_configure(&w);
    w.cfg.policy_core = CONFIG_policy_core_none;
    w.cfg.train_epochs = 2;
    w.cfg.train_minibatches = 3;
    world_open(&w);
    world_learn(&w, 20);
    assert_int_equal(trainer_counters(w.core)->adam_steps, 20 * 2 * 3);
    assert_true(world_share_of_right(&w) > 0.9);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns_what_pays),
        cmocka_unit_test(it_learns_to_avoid_what_costs),
        cmocka_unit_test(it_learns_from_labels_alone),
        cmocka_unit_test(it_learns_without_a_recurrent_core_and_in_minibatches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
