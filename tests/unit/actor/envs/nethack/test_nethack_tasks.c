/* SPDX-License-Identifier: MIT */
/* What each NetHack task pays and when it ends, and the statistics of an episode, over the fake
 * library. */
#include "tests/support/nethack_play.h"

static void score_pays_points_and_charges_frozen_steps(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, WAIT);
    assert_close(p.r.reward, 0, 0, 0);
    act(&p, MORE);
    assert_close(p.r.reward, -0.01, 0, 0);
    act(&p, RUN_N);
    assert_close(p.r.reward, 10, 0, 0);
    assert_string_equal(p.r.caption, "You kill the newt!");
    assert_close(statistic(&p, "score"), 10, 0, 0);
    assert_close(statistic(&p, "kills"), 1, 0, 0);
    close_play(&p);
}

static void a_staircase_task_succeeds_on_its_level_only(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:StaircaseLvl3", &c, 1);
    assert_true(p.e->spec.has_success);
    act(&p, RUN_N);
    assert_close(p.r.reward, 0, 0, 0); /* points are not paid here */
    act(&p, DOWN);
    assert_close(p.r.reward, 0, 0, 0);
    assert_false(p.r.terminated);
    assert_string_equal(message(&p), "You descend the stairs."); /* kept over the next page */
    assert_string_equal(p.r.caption, "You descend the stairs. You see here a gem.");
    act(&p, WAIT);
    assert_false(p.r.terminated);
    act(&p, DOWN);
    assert_close(p.r.reward, 50, 0, 0);
    assert_true(p.r.terminated && p.r.success);
    assert_close(statistic(&p, "max_depth"), 3, 0, 0);
    close_play(&p);
    p = open_play("nethack:StaircaseLvl3", &c, 1);
    act(&p, RUN_S);
    assert_true(p.r.terminated);
    assert_false(p.r.success);
    close_play(&p);
}

static void falling_counts_as_depth_and_not_as_stairs(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:StaircaseLvl2", &c, 1);
    act(&p, RUN_NE);
    assert_string_equal(p.r.caption, "A trap door opens up under you!");
    assert_false(p.r.terminated || p.r.success);
    assert_close(statistic(&p, "max_depth"), 2, 0, 0);
    act(&p, DOWN); /* past the level */
    assert_false(p.r.terminated);
    close_play(&p);
    c.env_staircase = CONFIG_env_staircase_depth;
    p = open_play("nethack:StaircaseLvl3", &c, 1);
    act(&p, DOWN);
    assert_false(p.r.terminated);
    act(&p, RUN_NE);
    assert_close(p.r.reward, 50, 0, 0);
    assert_true(p.r.terminated && p.r.success);
    close_play(&p);
}

static void a_continual_task_pays_once_and_remembers(void **state)
{
    (void)state;
    struct config c = base_config(23);
    c.env_max_steps = 5;
    struct play p = open_play("nethack:StaircaseLvl2-Continual", &c, 1);
    assert_string_equal(p.e->spec.id, "nethack:StaircaseLvl2-Continual");
    assert_true(p.e->spec.has_success);
    act(&p, DOWN);
    assert_close(p.r.reward, 50, 0, 0);
    assert_false(p.r.terminated || p.r.truncated || p.r.success);
    act(&p, WAIT);
    act(&p, DOWN);
    assert_close(p.r.reward, 0, 0, 0);
    act(&p, WAIT);
    act(&p, WAIT);
    assert_true(p.r.truncated && p.r.success);
    assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    act(&p, WAIT);
    act(&p, RUN_S); /* a new episode has not succeeded yet */
    assert_true(p.r.terminated);
    assert_false(p.r.success);
    assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    act(&p, DOWN);
    act(&p, RUN_S);
    assert_true(p.r.terminated && p.r.success);
    close_play(&p);
}

static void the_oracle_counts_beside_the_hero_even_when_only_seen_in_a_dream(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Oracle", &c, 1);
    act(&p, WAIT);
    assert_false(p.r.success);
    act(&p, RUN_SE);
    assert_close(p.r.reward, 50, 0, 0);
    assert_true(p.r.terminated && p.r.success);
    close_play(&p);
}

static void a_sober_hero_must_see_the_oracle_itself_whatever_else_ails_him(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:OracleSober", &c, 1);
    act(&p, RUN_SE); /* hallucinating and confused: not the number 512 */
    assert_int_equal(status(&p, 25), 0x300);
    assert_false(p.r.terminated || p.r.success);
    act(&p, RUN_SE); /* two cells away */
    assert_false(p.r.terminated || p.r.success);
    act(&p, RUN_SE); /* confused, but sober */
    assert_int_equal(status(&p, 25), 0x100);
    assert_close(p.r.reward, 50, 0, 0);
    assert_true(p.r.terminated && p.r.success);
    close_play(&p);
}

static void gold_pays_what_is_picked_up(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Gold", &c, 1);
    assert_false(p.e->spec.has_success);
    assert_string_equal(p.e->spec.default_goal, "gold");
    double sum = 0;
    for (int t = 0; t < 100; t++) {
        int64_t before = status(&p, 13);
        act(&p, t & 1 ? E : W);
        assert_close(p.r.reward, status(&p, 13) - before, 0, 0);
        sum += p.r.reward;
    }
    assert_true(sum > 0);
    assert_close(statistic(&p, "gold"), sum, 0, 0);
    act(&p, RUN_N); /* points are not paid */
    assert_close(p.r.reward, 0, 0, 0);
    act(&p, MORE);
    assert_close(p.r.reward, -0.01, 0, 1e-12);
    act(&p, RUN_S);
    assert_true(p.r.terminated);
    assert_close(p.r.reward, 0, 0, 0); /* the zeroed status line is no loss, nor a frozen step */
    assert_close(statistic(&p, "gold"), sum, 0, 0);
    close_play(&p);
}

static void what_happens_in_the_fatal_step_is_counted(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_N);
    act(&p, RUN_SW);
    assert_true(p.r.terminated);
    assert_close(statistic(&p, "kills"), 3, 0, 0);
    assert_close(statistic(&p, "score"), 40, 0, 0);
    assert_close(statistic(&p, "turns"), 8, 0, 0);
    assert_close(statistic(&p, "scout"), 1, 0, 0);
    close_play(&p);
}

static void the_end_of_an_episode_is_named(void **state)
{
    (void)state;
    static const char *const ends[] = {"died", "left", "ascended", "truncated"};
    static const struct {
        const char *fake;
        int end;
    } rows[] = {{"", 0}, {"quit", 1}, {"escape", 1}, {"ascend", 2}, {NULL, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = base_config(23);
        c.env_max_steps = 2;
        setenv("FAKE_NETHACK", rows[i].fake ? rows[i].fake : "", 1);
        struct play p = open_play("nethack:Score", &c, 1);
        act(&p, WAIT);
        for (int k = 0; k < 4; k++)
            assert_close(statistic(&p, ends[k]), 0, 0, 0);
        act(&p, rows[i].fake ? RUN_S : WAIT);
        for (int k = 0; k < 4; k++)
            assert_close(statistic(&p, ends[k]), k == rows[i].end, 0, 0);
        assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
        assert_close(statistic(&p, ends[rows[i].end]), 0, 0, 0);
        close_play(&p);
    }
    unsetenv("FAKE_NETHACK");
}

static void the_reward_free_task_pays_nothing(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:RewardFree", &c, 1);
    assert_false(p.e->spec.has_success);
    act(&p, RUN_N);
    assert_close(p.r.reward, 0, 0, 0);
    act(&p, MORE);
    assert_close(p.r.reward, 0, 0, 0);
    assert_close(statistic(&p, "score"), 10, 0, 0);
    act(&p, RUN_S);
    assert_true(p.r.terminated);
    close_play(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(score_pays_points_and_charges_frozen_steps),
        cmocka_unit_test(a_staircase_task_succeeds_on_its_level_only),
        cmocka_unit_test(falling_counts_as_depth_and_not_as_stairs),
        cmocka_unit_test(a_continual_task_pays_once_and_remembers),
        cmocka_unit_test(the_oracle_counts_beside_the_hero_even_when_only_seen_in_a_dream),
        cmocka_unit_test(a_sober_hero_must_see_the_oracle_itself_whatever_else_ails_him),
        cmocka_unit_test(gold_pays_what_is_picked_up),
        cmocka_unit_test(what_happens_in_the_fatal_step_is_counted),
        cmocka_unit_test(the_end_of_an_episode_is_named),
        cmocka_unit_test(the_reward_free_task_pays_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
