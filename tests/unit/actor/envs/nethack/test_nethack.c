/* SPDX-License-Identifier: MIT */
/* The NetHack environment over the fake library, whose game reaches every prompt at the press of a
 * key. */
#include "tests/onic_test.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "actor/envs/nethack/replay_log.h"
#include "common/base/rng.h"
#include "tests/support/nethack_play.h"

static void the_default_observation_is_glyphs_blstats_message(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    struct buf text;
    buf_init(&text, 4096);
    obs_spec_text(&p.e->spec.obs, &text);
    assert_string_equal(text.data, "glyphs int16[21,79]; blstats int64[27]; message uint8[256]");
    assert_int_equal(p.e->spec.actions.n, 28);
    assert_int_equal(p.e->spec.max_steps, 5000);
    assert_false(p.e->spec.has_success);
    assert_true(p.e->spec.recycle);
    assert_int_equal(p.e->spec.default_count, 32);
    buf_release(&text);
    close_play(&p);
}

static void reset_goes_to_the_first_turn_and_reports_the_pages_on_the_way(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    assert_int_equal(status(&p, 20), 1);
    assert_string_equal(p.r.caption,
                        "Hello Agent, it is 1700500000. You are hungry for adventure.");
    assert_string_equal(message(&p), "You are hungry for adventure.");
    assert_false(p.r.terminated || p.r.truncated || p.r.failed);
    close_play(&p);
}

static void like_oni_the_caption_is_the_message_alone(void **state)
{
    (void)state;
    struct config c = base_config(23);
    c.compat_oni = true;
    struct play p = open_play("nethack:Score", &c, 1);
    assert_string_equal(p.r.caption, "You are hungry for adventure.");
    assert_string_equal(p.r.caption, message(&p));
    assert_int_equal(p.r.caption_len, strlen(p.r.caption));
    close_play(&p);
}

static void the_clock_is_the_option(void **state)
{
    (void)state;
    struct config c = base_config(23);
    c.env_clock = 1000000000;
    struct play p = open_play("nethack:Score", &c, 1);
    assert_non_null(strstr(p.r.caption, "it is 1000000000."));
    close_play(&p);
    c.env_clock = 0; /* the real one */
    p = open_play("nethack:Score", &c, 1);
    long shown = atol(strstr(p.r.caption, "it is ") + 6);
    assert_true(labs((long)time(NULL) - shown) < 1000);
    close_play(&p);
}

static void the_clock_of_the_rest_of_the_process_runs(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    assert_true(labs((long)time(NULL) - (long)now.tv_sec) <= 1);
    close_play(&p);
}

static void death_ends_the_episode_after_its_last_page_and_keeps_the_score(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_N);
    act(&p, RUN_S);
    assert_true(p.r.terminated);
    assert_false(p.r.truncated);
    assert_close(p.r.reward, 0, 0, 0); /* not minus ten: the status line is zeroed by then */
    assert_int_equal(status(&p, 9), 0);
    assert_string_equal(message(&p), "");
    assert_string_equal(p.r.caption, "The newt bites! You die...");
    assert_close(statistic(&p, "score"), 10, 0, 0);
    assert_close(statistic(&p, "died"), 1, 0, 0);
    assert_err(p.e->family->step(p.e, 0, p.obs, &p.r, &err), ONIC_EINVAL, "reset it first");
    assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    assert_close(statistic(&p, "score"), 0, 0, 0);
    assert_close(statistic(&p, "died"), 0, 0, 0);
    close_play(&p);
}

static void the_step_limit_truncates_with_the_observation_before_quitting(void **state)
{
    (void)state;
    struct config c = base_config(23);
    c.env_max_steps = 3;
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, WAIT);
    act(&p, WAIT);
    assert_false(p.r.truncated);
    act(&p, WAIT);
    assert_true(p.r.truncated);
    assert_false(p.r.terminated);
    assert_int_equal(status(&p, 20), 4);
    close_play(&p);
    p = open_play("nethack:Score", &c, 1);
    act(&p, WAIT);
    act(&p, WAIT);
    act(&p, RUN_S); /* a death in the last step is a death */
    assert_true(p.r.terminated);
    assert_false(p.r.truncated);
    close_play(&p);
}

static void pages_are_dismissed_and_all_appear_in_the_caption(void **state)
{
    (void)state;
    int sets[] = {23, 28};
    for (int i = 0; i < 2; i++) {
        struct config c = base_config(sets[i]);
        struct play p = open_play("nethack:Score", &c, 1);
        act(&p, SEARCH);
        assert_string_equal(p.r.caption, "You find a hidden door. You hear a guard.");
        assert_string_equal(message(&p), "You hear a guard.");
        act(&p, WAIT);
        assert_string_equal(p.r.caption, "");
        assert_int_equal(p.r.caption_len, 0);
        close_play(&p);
    }
}

static void text_prompts_are_refused(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, UP);
    assert_string_equal(message(&p), "");
    act(&p, WAIT);
    assert_int_equal(status(&p, 20), 2);
    close_play(&p);
}

static void base_rules_refuse_a_question_once_and_look_no_further(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_NW);
    assert_string_equal(message(&p), "Are you really sure? [yn]");
    assert_string_equal(p.r.caption, "Really step there? [yn] Are you really sure? [yn]");
    close_play(&p);
}

static void extended_rules_refuse_until_the_game_is_quiet(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, PICK_UP);
    assert_string_equal(message(&p), "You stay.");
    act(&p, PAY); /* a question that never goes away is left to the agent after a few refusals */
    assert_string_equal(message(&p), "Pay? [yn] (y)");
    act(&p, NW);
    act(&p, WAIT);
    assert_int_equal(status(&p, 20), 2);
    close_play(&p);
}

static void questions_for_the_agent_stay(void **state)
{
    (void)state;
    int sets[] = {23, 28};
    for (int i = 0; i < 2; i++) {
        struct config c = base_config(sets[i]);
        struct play p = open_play("nethack:Score", &c, 1);
        act(&p, KICK);
        assert_string_equal(message(&p), "In what direction?");
        assert_close(p.r.reward, -0.01, 0, 0);
        act(&p, E);
        assert_string_equal(message(&p), "You kick at empty space.");
        close_play(&p);
    }
}

static void with_23_actions_the_item_prompt_gets_the_plain_key(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, EAT);
    assert_string_equal(message(&p), "What do you want to eat? [c-f or ?*]");
    act(&p, NW);
    assert_string_equal(message(&p), "You don't have that object.");
    close_play(&p);
}

static void with_28_actions_northwest_takes_the_first_item_and_others_leave(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, EAT);
    act(&p, NW);
    assert_string_equal(message(&p), "You use item c.");
    act(&p, QUAFF);
    assert_string_equal(message(&p), "What do you want to drink? [g or ?*]");
    act(&p, NW);
    assert_string_equal(message(&p), "You use item g.");
    act(&p, EAT);
    act(&p, WAIT);
    assert_string_equal(message(&p), "Never mind.");
    close_play(&p);
}

static void casting_picks_the_first_spell_and_leaves_the_direction(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, CAST);
    assert_string_equal(message(&p), "In what direction?");
    act(&p, N);
    assert_string_equal(message(&p), "You kick at empty space.");
    close_play(&p);
}

static void a_skill_that_can_be_enhanced_is(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_E);
    assert_string_equal(p.r.caption, "You feel more confident in your fighting skills. "
                                     "You are now more skilled in martial arts.");
    close_play(&p);
    c = base_config(23);
    p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_E);
    assert_string_equal(p.r.caption, "You feel more confident in your fighting skills.");
    close_play(&p);
}

static void praying_asks_and_only_yes_is_fatal(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, PRAY);
    act(&p, N);
    assert_false(p.r.terminated);
    act(&p, PRAY);
    act(&p, NW);
    assert_true(p.r.terminated);
    assert_string_equal(p.r.caption, "You fry to a crisp! You die...");
    close_play(&p);
}

static void seeds_follow_the_published_streams(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play p = open_play("nethack:Score", &c, 77);
    uint64_t got[3];
    for (uint64_t episode = 0; episode < 3; episode++) {
        struct rng r = rng_stream(77, "nethack", episode, 0, 0);
        assert_int_equal(p.e->family->seeds(p.e, got), 3);
        for (int i = 0; i < 3; i++)
            assert_true(got[i] == rng_u64(&r) >> 1);
        assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    }
    p.e->family->seed(p.e, 77);
    assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
    struct rng r = rng_stream(77, "nethack", 0, 0, 0);
    p.e->family->seeds(p.e, got);
    assert_true(got[0] == rng_u64(&r) >> 1);
    close_play(&p);
}

static void two_environments_do_not_share_state(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct play alone = open_play("nethack:Score", &c, 5);
    struct play a = open_play("nethack:Score", &c, 5), b = open_play("nethack:Score", &c, 6);
    struct rng r = rng_stream(1, "test", 0, 0, 0);
    for (int t = 0; t < 200; t++) {
        int action = 1 + (int)rng_below(&r, 8);
        act(&alone, action);
        act(&a, action);
        act(&b, (int)rng_below(&r, 9));
        assert_memory_equal(alone.obs, a.obs, a.e->spec.obs.obs_bytes);
    }
    assert_memory_not_equal(a.obs, b.obs, a.e->spec.obs.obs_bytes);
    close_play(&a);
    act(&b, WAIT); /* one gone, the other plays on */
    close_play(&b);
    close_play(&alone);
}

static void a_broken_game_fails_and_can_be_reset(void **state)
{
    (void)state;
    int sets[] = {23, 28};
    setenv("FAKE_NETHACK", "ask", 1);
    for (int i = 0; i < 2; i++) {
        struct config c = base_config(sets[i]);
        struct play p = open_play("nethack:Score", &c, 1);
        act(&p, RUN_W);
        assert_true(p.r.failed);
        assert_false(p.r.terminated || p.r.truncated);
        assert_ok(p.e->family->reset(p.e, p.obs, &p.r, &err));
        act(&p, WAIT);
        assert_false(p.r.failed);
        close_play(&p);
    }
    unsetenv("FAKE_NETHACK");
}

static void a_game_that_does_not_begin_is_told(void **state)
{
    static const struct {
        const char *fake, *says;
    } rows[] = {{"intro", "NetHack kept asking before its first turn (seeds "},
                {"over", "NetHack ended before its first turn (seeds "}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct config c = base_config(23);
        struct play p = {0};
        assert_ok(env_create(&p.e, "nethack:Score", &c, 0, &err));
        p.obs = calloc(1, p.e->spec.obs.obs_bytes);
        p.e->family->seed(p.e, 1);
        setenv("FAKE_NETHACK", rows[i].fake, 1);
        assert_err(p.e->family->reset(p.e, p.obs, &p.r, &err), ONIC_EIO, rows[i].says);
        unsetenv("FAKE_NETHACK");
        close_play(&p);
    }
}

static void signals_are_heard_again_after_a_game_over(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct sigaction now;
    struct play p = open_play("nethack:Score", &c, 1);
    act(&p, RUN_S);
    sigaction(SIGHUP, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
    sigaction(SIGXCPU, NULL, &now);
    assert_true(now.sa_handler == SIG_DFL);
    close_play(&p);
}

static void fields_are_chosen_by_env_obs(void **state)
{
    (void)state;
    struct config c = base_config(23);
    strcpy(c.env_obs, "all");
    struct play p = open_play("nethack:Score", &c, 1);
    const uint8_t *tty = field(&p, "tty_chars");
    assert_memory_equal(tty, "You are hungry", 14);
    const uint8_t *cursor = field(&p, "tty_cursor");
    assert_int_equal(tty[cursor[0] * 80 + cursor[1]], '@');
    struct buf text;
    buf_init(&text, 1 << 20);
    p.e->family->render(p.e, &text);
    assert_non_null(strstr(text.data, "You are hungry for adventure."));
    close_play(&p);
    strcpy(c.env_obs, "message,tty_cursor");
    p = open_play("nethack:Score", &c, 1);
    assert_int_equal(p.e->spec.obs.nfields, 2);
    buf_reset(&text);
    p.e->family->render(p.e, &text);
    assert_non_null(strstr(text.data, "--env.obs=all"));
    buf_release(&text);
    close_play(&p);
}

static void a_step_writes_its_slot_and_nothing_else(void **state)
{
    (void)state;
    struct config c = base_config(28);
    struct play p = open_play("nethack:Score", &c, 1);
    size_t n = p.e->spec.obs.obs_bytes;
    uint8_t *guarded = malloc(n + 64);
    memset(guarded, 0xa5, n + 64);
    assert_ok(p.e->family->step(p.e, WAIT, guarded + 32, &p.r, &err));
    for (size_t i = 0; i < 32; i++)
        assert_true(guarded[i] == 0xa5 && guarded[n + 32 + i] == 0xa5);
    memset(guarded, 0x5a, n + 64);
    assert_err(p.e->family->step(p.e, 28, guarded + 32, &p.r, &err), ONIC_EINVAL, "0..27");
    free(guarded);
    close_play(&p);
}

static void a_deterministic_run_refuses_what_could_not_be_played_again(void **state)
{
    (void)state;
    struct config c = base_config(23);
    struct env *e = NULL;
    c.run_deterministic = true;
    c.env_clock = 0;
    assert_err(env_create(&e, "nethack:Score", &c, 0, &err), ONIC_ECONFIG, "env.clock");
    c.env_clock = 1700500000;
    c.env_max_steps = 65537;
    assert_err(env_create(&e, "nethack:Score", &c, 0, &err), ONIC_ECONFIG, "at most 65536");
}

/* The seed and actions of a game, played again in another process's environment. */
static void a_state_is_the_game_so_far_and_ends_where_it_ended(void **state)
{
    (void)state;
    struct config c = base_config(23);
    c.env_max_steps = 40;
    struct play none = open_play("nethack:Score", &c, 1);
    assert_int_equal(none.e->spec.state_bytes, 0); /* nothing is kept elsewhere */
    close_play(&none);
    c.run_deterministic = true;
    struct play a = open_play("nethack:Score", &c, 1), b = open_play("nethack:Score", &c, 2);
    size_t n = a.e->spec.state_bytes;
    assert_true(n > 40 && n < 100);
    uint8_t *bytes = malloc(n);
    act(&a, WAIT);
    act(&a, RUN_N);
    a.e->family->save(a.e, bytes);
    assert_ok(b.e->family->load(b.e, bytes, b.obs, &err));
    assert_memory_equal(a.obs, b.obs, a.e->spec.obs.obs_bytes);
    assert_close(statistic(&a, "score"), statistic(&b, "score"), 0, 0);
    act(&a, RUN_S); /* dies */
    act(&b, RUN_S);
    assert_true(a.r.terminated && b.r.terminated);
    a.e->family->save(a.e, bytes);
    assert_ok(b.e->family->load(b.e, bytes, b.obs, &err));
    uint32_t count = 4; /* one more than the game had */
    memcpy(bytes + 24, &count, sizeof count);
    assert_err(b.e->family->load(b.e, bytes, b.obs, &err), ONIC_EDAMAGED, "after 3 of 4 actions");
    bytes[n - 40] = 23; /* no action of this set */
    assert_err(b.e->family->load(b.e, bytes, b.obs, &err), ONIC_EDAMAGED, "not a snapshot");
    free(bytes);
    close_play(&a);
    close_play(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deterministic_run_refuses_what_could_not_be_played_again),
        cmocka_unit_test(a_state_is_the_game_so_far_and_ends_where_it_ended),
        cmocka_unit_test(the_default_observation_is_glyphs_blstats_message),
        cmocka_unit_test(reset_goes_to_the_first_turn_and_reports_the_pages_on_the_way),
        cmocka_unit_test(like_oni_the_caption_is_the_message_alone),
        cmocka_unit_test(the_clock_is_the_option),
        cmocka_unit_test(the_clock_of_the_rest_of_the_process_runs),
        cmocka_unit_test(death_ends_the_episode_after_its_last_page_and_keeps_the_score),
        cmocka_unit_test(the_step_limit_truncates_with_the_observation_before_quitting),
        cmocka_unit_test(pages_are_dismissed_and_all_appear_in_the_caption),
        cmocka_unit_test(text_prompts_are_refused),
        cmocka_unit_test(base_rules_refuse_a_question_once_and_look_no_further),
        cmocka_unit_test(extended_rules_refuse_until_the_game_is_quiet),
        cmocka_unit_test(questions_for_the_agent_stay),
        cmocka_unit_test(with_23_actions_the_item_prompt_gets_the_plain_key),
        cmocka_unit_test(with_28_actions_northwest_takes_the_first_item_and_others_leave),
        cmocka_unit_test(casting_picks_the_first_spell_and_leaves_the_direction),
        cmocka_unit_test(a_skill_that_can_be_enhanced_is),
        cmocka_unit_test(praying_asks_and_only_yes_is_fatal),
        cmocka_unit_test(seeds_follow_the_published_streams),
        cmocka_unit_test(two_environments_do_not_share_state),
        cmocka_unit_test(a_broken_game_fails_and_can_be_reset),
        cmocka_unit_test(a_game_that_does_not_begin_is_told),
        cmocka_unit_test(signals_are_heard_again_after_a_game_over),
        cmocka_unit_test(fields_are_chosen_by_env_obs),
        cmocka_unit_test(a_step_writes_its_slot_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
