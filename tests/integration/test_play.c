/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_play.c - `onic play` as somebody at a terminal meets it: what is shown, what keys do,
 * windows of every size, and a terminal that is as it was on every way out. */
#include <stdlib.h>
#include <unistd.h>

#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/pty.h"
#include "tests/support/scene.h"

enum { PATIENCE_MS = 120000 };

static char dir[256], plugin[512], lacking[512];
static struct pty t;

/* A run of one-step episodes, of a plug-in that draws nothing. */
static int play_setup(void **state)
{
    struct program p;
    char args[1024];
    (void)state;
    temp_dir_create(dir);
    snprintf(plugin, sizeof plugin, "--env.plugin=%s/tests/plugin_env.so", getenv("ONIC_BUILD"));
    snprintf(lacking, sizeof lacking, "--env.plugin=%s/tests/lacking_env.so", getenv("ONIC_BUILD"));
    snprintf(args, sizeof args,
             "train --run-dir=coin %s --env.id=coin --reward.model=none --reward.coef_int=0 "
             "--actors.count=1 --frames=4096 --train.batch=512 --replay.every_episodes=20",
             plugin);
    if (program_run(&p, dir, "train", "onic", args, PATIENCE_MS) != 0)
        fail_msg("%s", program_text(p.err));
    return 0;
}

static int play_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static const char *onic_says(const char *args, int code)
{
    static struct program p;
    static char text[1 << 16];
    int rc = program_run(&p, dir, "onic", "onic", args, PATIENCE_MS);
    size_t n = (size_t)snprintf(text, sizeof text / 2, "%s", program_text(p.out));
    snprintf(text + strlen(text), sizeof text - n, "%s", program_text(p.err));
    if (rc != code)
        fail_msg("`onic %s` ended with %d: %s", args, rc, text);
    return text;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

static void start_play(int rows, int cols, const char *args)
{
    char line[1300];
    snprintf(line, sizeof line, "exec onic play %s", args);
    pty_start(&t, rows, cols, dir, line);
}

static void quit_play(void)
{
    pty_type(&t, "q");
    assert_int_equal(pty_end(&t), 0);
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

/* --- what is shown --------------------------------------------------------------------------- */

static void the_last_frame_of_an_episode_is_seen(void **state)
{
    char args[700];
    (void)state;
    snprintf(args, sizeof args, "coin %s --speed=0.1", plugin);
    start_play(30, 100, args);
    pty_await(&t, "episode 1  step 0");
    pty_type(&t, "n");
    pty_await(&t, "episode 1  step 1");
    assert_true(vt_shows(&t.vt, "the end: terminated, "));
    assert_true(vt_shows(&t.vt, "The coin shows "));
    pty_await(&t, "paused"); /* and stays, until a key is pressed */
    assert_true(vt_shows(&t.vt, "the end: terminated, "));
    pty_type(&t, "n");
    pty_await(&t, "episode 2  step 0");
    assert_false(vt_shows(&t.vt, "the end"));
    quit_play();
}

static void pause_and_speed_are_shown(void **state)
{
    (void)state;
    start_play(30, 100, "--random --env.id=corridor --speed=0.25");
    pty_await(&t, "playing, 0.25 steps/s: space pauses, n one step, + faster, - slower, q quit");
    pty_type(&t, " ");
    pty_await(&t, "paused, 0.25 steps/s: space goes on,");
    pty_type(&t, "+");
    pty_await(&t, "paused, 0.375 steps/s");
    pty_type(&t, "--");
    pty_await(&t, "paused, 0.167 steps/s");
    pty_type(&t, " \x1b[A"); /* an arrow key is no key */
    pty_await(&t, "playing, 0.167 steps/s");
    quit_play();
}

static void the_value_of_the_first_observation_is_shown(void **state)
{
    char args[700];
    double ext, intrinsic;
    (void)state;
    snprintf(args, sizeof args, "play coin %s --episodes=2", plugin);
    const char *line = onic_says(args, 0);
    for (int i = 1; i <= 2; i++, line = strchr(line, '\n') + 1) {
        char head[80];
        snprintf(head, sizeof head, "episode %d  step 0  action reset  value ext ", i);
        assert_int_equal(strncmp(line, head, strlen(head)), 0);
        assert_int_equal(sscanf(line + strlen(head), "%lf int %lf", &ext, &intrinsic), 2);
        assert_true(ext > 0.001 || ext < -0.001); /* of what has learned that coins pay */
        line = strchr(line, '\n') + 1;
        snprintf(head, sizeof head, "episode %d  step 1  action ", i);
        assert_int_equal(strncmp(line, head, strlen(head)), 0);
    }
}

static void what_draws_no_picture_shows_its_observation(void **state)
{
    char args[1200];
    (void)state;
    snprintf(args, sizeof args, "coin %s --speed=0.1", plugin);
    start_play(30, 100, args);
    pty_await(&t, "coin draws no picture; it observes");
    assert_true(vt_shows(&t.vt, "side: 0"));
    quit_play();
    snprintf(args, sizeof args, "--random --env.id=lacking:picture %s --speed=0.1", lacking);
    start_play(30, 100, args);
    pty_await(&t, "????????????????????"); /* what a half block is here: 20 of the field view */
    assert_true(vt_shows(&t.vt, "place:") && vt_shows(&t.vt, " 7 -8 9"));
    assert_true(vt_shows(&t.vt, " 10 11 1234") && vt_shows(&t.vt, "view:"));
    quit_play();
}

static void what_a_plugin_left_out_is_listed(void **state)
{
    char args[700];
    (void)state;
    snprintf(args, sizeof args, "env list %s", lacking);
    const char *text = onic_says(args, 0);
    says(text, "lacking:picture                   2 actions");
    says(text, "lacking:stats                    not available: env.plugin: the environment "
               "'lacking:stats' has more than 12 statistics, or no names or no function");
    snprintf(args, sizeof args, "play --random --env.id=lacking:stats %s", lacking);
    says(onic_says(args, 64), "no function for them");
}

/* --- without a run --------------------------------------------------------------------------- */

static void random_actions_need_no_run(void **state)
{
    char path[300];
    (void)state;
    const char *text = onic_says("play --random --env.id=corridor --env.max_steps=5", 0);
    says(text, "episode 1  step 0  action reset  at random reward +0.000");
    says(text, "episode 1  step 5  action ");
    snprintf(path, sizeof path, "%s/world.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_true(fputs("env: {id: \"minigrid:Empty-5x5\", max_steps: 3}\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    text = onic_says("play world.yaml --random", 0);
    says(text, "step 3  action ");
    says(text, "the end: truncated, no success");
    says(onic_says("play --random world.yaml --env.max_steps=2", 0), "step 2  action ");
    says(onic_says("play --env.id=corridor", 64), "or --random --env.id=ENV");
    says(onic_says("play --random --greedy --env.id=corridor", 64), "leave out one of the two");
    says(onic_says("play --random --env.id=corridoor", 64), "no environment 'corridoor'");
    says(onic_says("play --random coin", 64), "leave out 'coin', or --random to watch it");
}

/* --- code ------------------------------------------------------------------------------------ */

static void a_checkpoint_loads_no_plugin_by_its_name(void **state)
{
    char args[700];
    (void)state;
    static const char *const commands[] = {"play coin", "eval coin --episodes=2",
                                           "labels collect data coin --episodes=1"};
    for (int i = 0; i < 3; i++) {
        const char *text = onic_says(commands[i], 64);
        says(text, "give --env.plugin=PATH");
        says(text, "plugin_env.so");
    }
    snprintf(args, sizeof args, "eval coin %s --episodes=2", plugin);
    says(onic_says(args, 0), "coin: 2 episodes");
    says(onic_says("labels top coin", 0), "no language"); /* needs no environment */
}

/* --- windows --------------------------------------------------------------------------------- */

struct drawn {
    struct pty *p;
    size_t len;
};

static bool has_drawn(void *ctx)
{
    struct drawn *d = ctx;
    pty_read(d->p);
    return d->p->len >= d->len;
}

/* So much more of the frames. */
static void watch(size_t bytes)
{
    struct drawn d = {&t, t.len + bytes};
    assert_true(wait_until(has_drawn, &d, PATIENCE_MS));
}

static void nothing_scrolls_in_a_window_that_is_too_small(void **state)
{
    static const int sizes[][2] = {{16, 50}, {5, 20}, {2, 8}, {60, 180}};
    (void)state;
    start_play(16, 50, "--random --env.id=minigrid:FourRooms --speed=90");
    pty_await(&t, "playing, 90 steps/s, needs 5");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pty_resize(&t, sizes[i][0], sizes[i][1]);
        kill(t.pid, SIGWINCH);
        watch(4000); /* the last frames for the old window */
        vt_init(&t.vt, sizes[i][0], sizes[i][1]);
        watch(1500);
        assert_int_equal(t.vt.scrolled, 0);
        assert_int_equal(t.vt.wrapped, 0);
    }
    pty_await(&t, "q quit");
    assert_true(vt_shows(&t.vt, "action "));
    quit_play();
}

static void colours_are_left_out_where_they_are_not_wanted(void **state)
{
    (void)state;
    pty_start(&t, 40, 100, dir,
              "NO_COLOR=1 exec onic play --random --env.id=minigrid:DoorKey-6x6 --episodes=1 "
              "--env.max_steps=4");
    assert_int_equal(pty_end(&t), 0);
    assert_int_equal(t.vt.colours, 0);
    assert_true(vt_shows(&t.vt, "##") && vt_shows(&t.vt, "step 4"));
    pty_close(&t);
    pty_start(&t, 40, 100, dir,
              "TERM=dumb exec onic play --random --env.id=minigrid:DoorKey-6x6 --env.max_steps=4");
    assert_int_equal(pty_end(&t), 0);
    assert_null(strchr(t.bytes, '\x1b'));
    assert_true(vt_shows(&t.vt, "step 4"));
    pty_close(&t);
    assert_null(strchr(onic_says("play --random --env.id=minigrid:DoorKey-6x6", 0), '\x1b'));
}

/* --- ways out -------------------------------------------------------------------------------- */

static void the_terminal_is_restored_whatever_ends_it(void **state)
{
    static const int ends[] = {SIGINT,  SIGTERM, SIGHUP, /* well; from here on badly */
                               SIGQUIT, SIGSEGV, SIGABRT, SIGUSR1};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pty_start(&t, 30, 100, dir,
                  "ulimit -c 0; exec onic play --random --env.id=corridor --speed=0.1");
        pty_await(&t, "playing");
        assert_false(pty_is_restored(&t));
        if (ends[i] == SIGINT)
            pty_type(&t, "\x03"); /* as a person does it */
        else
            kill(t.pid, ends[i]);
        assert_int_equal(pty_end(&t) == 0, i < 3);
        assert_true(pty_is_restored(&t));
        pty_close(&t);
    }
}

static bool is_restored(void *ctx)
{
    pty_read(ctx);
    return pty_is_restored(ctx);
}

/* A shell that waits takes the terminal as it is when its script dies of Ctrl-C before the player
 * has ended. */
static void the_terminal_is_restored_when_somebody_else_has_it(void **state)
{
    (void)state;
    pty_start(&t, 30, 100, dir,
              "set -m; sh -c 'onic play --random --env.id=corridor; :'; echo a shell; read x");
    pty_await(&t, "playing");
    pid_t script = process_child(t.pid, "play");
    assert_true(script > 0);
    kill(script, SIGKILL);
    pty_await(&t, "a shell");
    assert_true(wait_until(is_restored, &t, PATIENCE_MS));
    pty_type(&t, "\n");
    assert_int_equal(pty_end(&t), 0);
    pty_close(&t);
}

static void ctrl_z_gives_the_terminal_back_for_a_while(void **state)
{
    (void)state;
    pty_start(&t, 30, 100, dir,
              "set -m; onic play --random --env.id=corridor --speed=0.1; echo a shell; read x; fg");
    pty_await(&t, "playing");
    pty_type(&t, " ");
    pty_await(&t, "paused");
    pty_type(&t, "\x1a");
    pty_await(&t, "a shell");
    assert_true(pty_is_restored(&t));
    vt_init(&t.vt, 30, 100);
    pty_type(&t, "\n");
    pty_await(&t, "space goes on");
    assert_true(t.vt.hidden);
    assert_false(pty_is_restored(&t));
    quit_play();
}

static void without_a_terminal_too_a_signal_ends_it_well(void **state)
{
    struct program p;
    (void)state;
    program_start(&p, dir, "log", "onic", "play --random --env.id=corridor --episodes=1000000");
    await_word(p.out, "episode 2 ", PATIENCE_MS);
    kill(p.pid, SIGTERM);
    assert_int_equal(program_wait(&p, PATIENCE_MS), 0);
}

/* `timeout` puts a program of a script in the background, where touching the terminal would stop
 * it. */
static void under_timeout_in_a_script_it_shows_and_ends(void **state)
{
    (void)state;
    pty_start(&t, 30, 100, dir,
              "timeout 50 onic play --random --env.id=corridor --env.max_steps=5 --episodes=1");
    pty_await(&t, "no keys in the background");
    assert_true(pty_is_restored(&t));
    assert_int_equal(pty_end(&t), 0);
    assert_true(vt_shows(&t.vt, "step 5"));
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

/* All fields are there for the picture; policy and reward model read those of the run alone. */
static void a_policy_of_some_fields_plays(void **state)
{
    (void)state;
    onic_says("train --run-dir=part --env.id=corridor --env.obs=position --reward.model=rnd "
              "--reward.coef_int=0.1 --actors.count=1 --frames=1024 --train.batch=512",
              0);
    says(onic_says("play part --episodes=1 --env.max_steps=3", 0), "episode 1  step 3  action ");
    says(onic_says("play part --episodes=1 --env.obs=all", 64), "with another network");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_frame_of_an_episode_is_seen),
        cmocka_unit_test(pause_and_speed_are_shown),
        cmocka_unit_test(the_value_of_the_first_observation_is_shown),
        cmocka_unit_test(what_draws_no_picture_shows_its_observation),
        cmocka_unit_test(what_a_plugin_left_out_is_listed),
        cmocka_unit_test(random_actions_need_no_run),
        cmocka_unit_test(a_policy_of_some_fields_plays),
        cmocka_unit_test(a_checkpoint_loads_no_plugin_by_its_name),
        cmocka_unit_test(nothing_scrolls_in_a_window_that_is_too_small),
        cmocka_unit_test(colours_are_left_out_where_they_are_not_wanted),
        cmocka_unit_test(the_terminal_is_restored_whatever_ends_it),
        cmocka_unit_test(the_terminal_is_restored_when_somebody_else_has_it),
        cmocka_unit_test(ctrl_z_gives_the_terminal_back_for_a_while),
        cmocka_unit_test(without_a_terminal_too_a_signal_ends_it_well),
        cmocka_unit_test(under_timeout_in_a_script_it_shows_and_ends),
    };
    return cmocka_run_group_tests(tests, play_setup, play_teardown);
}
