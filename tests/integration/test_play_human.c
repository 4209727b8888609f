/* SPDX-License-Identifier: MIT */
/* test_play_human.c - `onic play --human`: the keys that are shown take the actions that they name,
 * what they are paid is seen, and the terminal is as it was on every way out. */
#include <stdlib.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/pty.h"
#include "tests/support/sanitized.h"
#include "tests/support/scene.h"

enum { PATIENCE_MS = 120000 };

static char dir[256];
static struct pty t;

static int human_setup(void **state)
{
    (void)state;
    temp_dir_create(dir);
    return 0;
}

static int human_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void sit_down(const char *args)
{
    char line[1300];
    snprintf(line, sizeof line, "exec onic play --human %s", args);
    pty_start(&t, 44, 100, dir, line);
    pty_await(&t, "your move");
}

static void press(const char *key, const char *shows)
{
    pty_type(&t, key);
    pty_await(&t, shows);
}

static void leave_by(const char *keys)
{
    pty_type(&t, keys);
    assert_int_equal(pty_end(&t), 0);
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

static void keys_take_the_actions_that_they_name(void **state)
{
    (void)state;
    sit_down("--env.id=minigrid:DoorKey-5x5");
    pty_await(&t, "keys Left left, Right right, Up forward, p pickup, d drop, Space toggle, Enter "
                  "done");
    assert_true(vt_shows(&t.vt, "your move: Ctrl-C quits"));
    assert_true(vt_shows(&t.vt, "by hand"));
    press("\x1b[D", "step 1  action left");
    press("\x1b[C", "step 2  action right");
    press("\x1bOA", "step 3  action forward"); /* as some terminals send arrows */
    press("p", "step 4  action pickup");
    press("d", "step 5  action drop");
    press(" ", "step 6  action toggle");
    press("\r", "step 7  action done");
    press("x", "that key is no action");
    press("\x1b[1;5B\x1b[D\x1b[C", "step 9  action right"); /* keys wait for their turn */
    leave_by("q");
}

static void a_person_who_opens_the_door_is_paid(void **state)
{
    (void)state;
    sit_down("--env.id=corridor:8 --episodes=2 --seed=1");
    pty_await(&t, "keys Left left, Right right, o open");
    for (int i = 0; i < 14; i++) /* open whatever is there, and go on */
        pty_type(&t, "o\x1b[C");
    pty_await(&t, "the end: terminated, success");
    assert_true(vt_shows(&t.vt, "reward +1.000"));
    assert_true(vt_shows(&t.vt, "$  $ ext"));
    assert_true(vt_shows(&t.vt, "any key begins the next") || vt_shows(&t.vt, "any key leaves") ||
                vt_shows(&t.vt, "episode 2"));
    leave_by("\x04");
}

static void the_end_of_an_episode_waits_for_a_key(void **state)
{
    (void)state;
    sit_down("--env.id=minigrid:Empty-5x5 --env.max_steps=2 --episodes=2");
    press("\x1b[D", "step 1");
    press("\x1b[D", "the episode is over; any key begins the next, q leaves");
    assert_true(vt_shows(&t.vt, "the end: truncated, no success"));
    press("x", "episode 2  step 0");
    press("\x1b[D", "step 1");
    press("\x1b[D", "the episode is over; any key leaves");
    leave_by("x");
    sit_down("--env.id=minigrid:Empty-5x5 --env.max_steps=1");
    press("\x1b[D", "any key begins the next, q leaves");
    leave_by("q");
}

/* One after the other, and only what the mask allows. */
static void choices_are_made_one_by_one(void **state)
{
    (void)state;
    sit_down("--env.id=tiles");
    pty_await(&t, "keys 0 tile 1, 1 tile 2,");
    press("0", "step 1  action tile 1");
    press("0", "that is not possible now");
    press("6", "that key is no action");
    press("5", "step 2  action tile 6");
    leave_by("q");
    sit_down("--env.id=tiles:colours");
    pty_await(&t, "keys for tile: 0, 1, 2, 3, 4, 5");
    pty_await(&t, "keys for colour: 0, 1, 2");
    pty_await(&t, "your move, choose tile");
    press("2", "your move, choose colour");
    press("012", "step 1  action tile 2, colour "); /* one or two of them are possible */
    leave_by("q");
}

static void nethack_has_the_keys_of_the_game(void **state)
{
    static struct config cfg;
    const struct env_family *family;
    const char *name;
    (void)state;
    config_defaults(&cfg);
    assert_ok(env_find("nethack:Score", &family, &name, &err));
    if (SANITIZED || family->available(&cfg, NULL) != ONIC_OK)
        skip(); /* the library of others is not ours to mend */
    sit_down("--env.id=nethack:Score --env.actions=28");
    pty_await(&t, "Enter more, k north, l east");
    assert_true(vt_shows(&t.vt, "Ctrl-D kick"));
    assert_true(vt_shows(&t.vt, "Alt-p pray"));
    press("j", "step 1  action south");
    press("H", "step 2  action run west");
    press("\x04", "step 3  action kick");
    press("\x1bp", "action pray");
    press("q", "action quaff"); /* and does not quit */
    leave_by("\x03");
}

/* --- rewards --------------------------------------------------------------------------------- */

static void a_run_says_what_it_would_pay(void **state)
{
    struct program p;
    (void)state;
    program_train_until(&p, dir,
                        "--env.id=corridor:8 --annotator.id=rules --actors.count=1 "
                        "--train.batch=512",
                        "annot/labels_total", 4); /* a corridor says five things */
    sit_down("run --seed=1");
    assert_true(vt_shows(&t.vt, "by hand")); /* what the policy expects is not told */
    for (int i = 0; i < 14; i++)
        pty_type(&t, "o\x1b[C");
    pty_await(&t, "the end: terminated, success");
    pty_await(&t, "label 1 ");
    assert_true(vt_shows(&t.vt, "+ int"));
    leave_by("q");
    sit_down("\"$(ls run/checkpoints/ckpt-*.safetensors | tail -n 1)\"");
    pty_await(&t, "reward ext +0.000 int +0.000");
    leave_by("q");
    sit_down("--env.id=minigrid:Empty-5x5 --reward.model=counts");
    press("\x1b[C", "+  + int");
    leave_by("q");
}

/* --- ways out -------------------------------------------------------------------------------- */

static void the_terminal_is_restored_whatever_ends_it(void **state)
{
    static const int ends[] = {SIGINT,  SIGTERM, SIGHUP, /* well; from here on badly */
                               SIGQUIT, SIGSEGV, SIGABRT};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pty_start(&t, 30, 100, dir, "ulimit -c 0; exec onic play --human --env.id=corridor");
        pty_await(&t, "your move");
        assert_false(pty_is_restored(&t));
        if (ends[i] == SIGINT)
            pty_type(&t, "\x03");
        else
            kill(t.pid, ends[i]);
        assert_int_equal(pty_end(&t) == 0, i < 3);
        assert_true(pty_is_restored(&t));
        pty_close(&t);
    }
}

static void a_window_that_is_too_small_says_which_would_do(void **state)
{
    (void)state;
    sit_down("--env.id=minigrid:FourRooms");
    pty_resize(&t, 12, 60);
    pty_await(&t, "your move, needs 60 x ");
    press("\x1b[C", "action right");
    assert_int_equal(t.vt.scrolled + t.vt.wrapped, 0);
    pty_resize(&t, 50, 120);
    pty_await(&t, "your move: Ctrl-C quits");
    leave_by("q");
}

static void says(const char *args, int code, const char *part)
{
    struct program p;
    assert_int_equal(program_run(&p, dir, "says", "onic", args, PATIENCE_MS), code);
    if (!strstr(program_text(p.err), part))
        fail_msg("'%s' is not in: %s", part, program_text(p.err));
    assert_int_equal(program_lines(&p), 1);
}

static void what_cannot_be_played_by_hand_is_said(void **state)
{
    (void)state;
    says("play --human --env.id=corridor", 64, "there is no terminal to read them from");
    says("play --human", 64, "give --env.id=ENV");
    says("play --human --random --env.id=corridor", 64, "leave out one of the two");
    says("play --human --greedy --env.id=corridor", 64, "leave out one of the two");
    says("play --human --speed=2 --env.id=corridor", 64, "leave out one of the two");
    says("play --human --env.id=pendulum", 64, "which keys cannot give");
    says("play --human --env.id=corridor --reward.model=hash", 64, "only a run has some");
    says("play --human nowhere.safetensors", 64, "there is no run nowhere.safetensors");
    pty_start(&t, 30, 100, dir, "timeout 50 onic play --human --env.id=corridor");
    pty_await(&t, "in the background");
    assert_int_equal(pty_end(&t), 64);
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_take_the_actions_that_they_name),
        cmocka_unit_test(a_person_who_opens_the_door_is_paid),
        cmocka_unit_test(the_end_of_an_episode_waits_for_a_key),
        cmocka_unit_test(choices_are_made_one_by_one),
        cmocka_unit_test(nethack_has_the_keys_of_the_game),
        cmocka_unit_test(a_run_says_what_it_would_pay),
        cmocka_unit_test(the_terminal_is_restored_whatever_ends_it),
        cmocka_unit_test(a_window_that_is_too_small_says_which_would_do),
        cmocka_unit_test(what_cannot_be_played_by_hand_is_said),
    };
    return cmocka_run_group_tests(tests, human_setup, human_teardown);
}
