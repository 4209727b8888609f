/* timeout: 300 */
/* SPDX-License-Identifier: MIT */
/* test_replay_run.c - `onic replay` where a run directory or a plug-in comes in, in a terminal and
 * without one, and the files that a run keeps for its actors. (Playing again exactly, and
 * explanations: test_replay.c.) */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/envs/nethack/replay_log.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"
#include "tests/support/pty.h"
#include "tests/support/scene.h"

enum { REPLAY_MS = 120000 };

static char dir[256], plugin[512], newest[300];
static int episodes;
static struct pty t;

/* The last of the kept episodes in order of time, which their names begin with. */
static void find_newest(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/coin/replays", dir);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".jsonl") && ++episodes && strcmp(e->d_name, newest) > 0)
            snprintf(newest, sizeof newest, "%s", e->d_name);
    closedir(d);
    assert_true(episodes > 1);
}

static int replay_setup(void **state)
{
    struct program p;
    char args[1024];
    (void)state;
    temp_dir_create(dir);
    snprintf(plugin, sizeof plugin, "--env.plugin=%s/tests/plugin_env.so", getenv("ONIC_BUILD"));
    snprintf(args, sizeof args,
             "train --run-dir=coin %s --env.id=coin --reward.model=none --reward.coef_int=0 "
             "--reward.coef_ext=2 --reward.scale=0.05 --actors.count=2 --frames=4096 "
             "--train.batch=512 --replay.every_episodes=20",
             plugin);
    if (program_run(&p, dir, "train", "onic", args, REPLAY_MS) != 0)
        fail_msg("%s", program_text(p.err));
    find_newest();
    return 0;
}

static int replay_teardown(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

/* What it says on both outputs, the first one first. */
static const char *replay(const char *args, int code)
{
    static struct program p;
    static char text[1 << 17];
    char line[1500];
    snprintf(line, sizeof line, "replay %s", args);
    int rc = program_run(&p, dir, "replay", "onic", line, REPLAY_MS);
    int n = snprintf(text, sizeof text / 2, "%s", program_text(p.out));
    snprintf(text + n, sizeof text / 2, "%s", program_text(p.err));
    if (rc != code)
        fail_msg("`onic %s` ended with %d: %s", line, rc, text);
    return text;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in: %s", part, text);
}

static void shell(const char *line)
{
    char command[3000];
    snprintf(command, sizeof command, "cd '%s' && %s", dir, line);
    assert_int_equal(system(command), 0);
}

/* --- a record that needs no run --------------------------------------------------------------- */

static const char turns[] =
    "{\"onic_replay\":1,\"env\":\"minigrid:Empty-5x5\",\"options\":{\"env.max_steps\":\"3\"},"
    "\"seed\":\"1\",\"end\":\"truncated\",\"return\":0}\n"
    "{\"t\":1,\"action\":0,\"reward\":0}\n{\"t\":2,\"action\":0,\"reward\":0}\n"
    "{\"t\":3,\"action\":0,\"reward\":0}\n";

/* Three turns to the left; the goal is in view at first, and the caption says so. */
static void write_turns(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/turns.jsonl", dir);
    FILE *f = fopen(path, "w");
    assert_true(fputs(turns, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* --- run directories ------------------------------------------------------------------------- */

static void of_a_run_the_newest_episode_is_played(void **state)
{
    char args[700], want[400];
    (void)state;
    static const char *const given[] = {"coin", "coin/", "coin/replays"};
    snprintf(want, sizeof want, "coin/replays/%s, the newest of %d kept episodes", newest,
             episodes);
    for (int i = 0; i < 3; i++) {
        snprintf(args, sizeof args, "%s %s", given[i], plugin);
        const char *text = replay(args, 0);
        says(text, "step 1 of 1  action ");
        says(text, want);
    }
}

/* Of the environment's reward of 1, which was scaled before the coefficient. */
static void what_was_paid_is_a_product(void **state)
{
    char args[1000], path[300];
    double paid, coef, of, reward;
    (void)state;
    shell("grep -l '\"reward\":1,' coin/replays/*.jsonl | head -n 1 | tr -d '\\n' >heads.txt");
    snprintf(path, sizeof path, "%s/heads.txt", dir);
    snprintf(args, sizeof args, "%s %s --explain=1", program_text(path), plugin);
    const char *line = strstr(replay(args, 0), "environment   paid ");
    assert_non_null(line);
    assert_int_equal(sscanf(line,
                            "environment   paid %lf = %lf x %lf (a reward of %lf before scale",
                            &paid, &coef, &of, &reward),
                     4);
    assert_close(reward, 1, 0, 0);
    assert_close(coef, 2, 0, 0);
    assert_close(of, 0.05, 1e-6, 0);
    assert_close(paid, 0.1, 1e-6, 0);
}

static void a_folder_without_episodes_is_told_what_there_is(void **state)
{
    (void)state;
    shell("mkdir -p empty/replays crashed/replays folder && "
          "echo >crashed/replays/crash-0-0-0.replay && echo >folder/notes.txt");
    says(replay("empty", 64), "empty keeps no episode yet: the first one and then every "
                              "replay.every_episodes-th one");
    says(replay("crashed", 64), "only 1 game that crashed: give its file, for example "
                                "crashed/replays/crash-0-0-0.replay");
    says(replay("folder", 64), "folder is a folder without kept episodes");
    says(replay("nowhere", 64), "nowhere cannot be opened");
}

/* --- plug-ins -------------------------------------------------------------------------------- */

static void a_record_loads_no_plugin_by_its_name(void **state)
{
    char args[700], line[1900];
    (void)state;
    const char *text = replay("coin", 64);
    says(text, "was played in coin of a plug-in, plugin_env.so: give --env.plugin=PATH");
    /* As an older onic kept it, and as somebody would who wants code to be run. */
    snprintf(line, sizeof line,
             "sed '1s/,\"plugin\":\"[^\"]*\"//' coin/replays/%s >old.jsonl && "
             "sed '1s|\"options\":{|&\"env.plugin\":\"%s\",|' old.jsonl >bad.jsonl && "
             "grep -q env.plugin bad.jsonl && "
             "sed '1s|\"plugin\":\"|&/a/\\\\u001b[2J|' coin/replays/%s >esc.jsonl && "
             "grep -q u001b esc.jsonl",
             newest, plugin + strlen("--env.plugin="), newest);
    shell(line);
    says(replay("old.jsonl", 64), "which this onic does not have: if it is of a plug-in, give "
                                  "--env.plugin=PATH");
    says(replay("bad.jsonl", 64), "give --env.plugin=PATH");
    text = replay("esc.jsonl", 64);
    says(text, "of a plug-in,  [2Jplugin_env.so: give --env.plugin=PATH");
    assert_null(strchr(text, '\x1b'));
    snprintf(args, sizeof args, "bad.jsonl %s", plugin);
    says(replay(args, 0), "terminated after 1 steps, as recorded");
}

/* Nor one that nobody needs. */
static void a_record_of_a_known_world_loads_nothing(void **state)
{
    (void)state;
    write_turns();
    shell("sed '1s|\"options\":{|&\"env.plugin\":\"/nowhere/x.so\",\"env.nle\":\"/nowhere\",|' "
          "turns.jsonl >named.jsonl && grep -q nowhere named.jsonl");
    says(replay("named.jsonl", 0), "truncated after 3 steps, as recorded");
}

/* --- terminals ------------------------------------------------------------------------------- */

static void what_goes_to_a_file_has_no_colours(void **state)
{
    (void)state;
    write_turns();
    const char *text = replay("turns.jsonl --explain=2", 0);
    says(text, "##########");
    says(text, "step 2 of 3   action left");
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(replay("turns.jsonl", 0), '\x1b'));
    pty_start(&t, 40, 100, dir, "exec onic replay turns.jsonl --explain=2");
    assert_int_equal(pty_end(&t), 0);
    assert_true(t.vt.colours > 0);
    pty_close(&t);
    pty_start(&t, 40, 100, dir, "NO_COLOR=1 exec onic replay turns.jsonl --explain=2");
    assert_int_equal(pty_end(&t), 0);
    assert_null(strchr(t.bytes, '\x1b'));
    pty_close(&t);
    pty_start(&t, 40, 100, dir, "TERM=dumb exec onic replay turns.jsonl");
    assert_int_equal(pty_end(&t), 0);
    assert_null(strchr(t.bytes, '\x1b'));
    assert_true(vt_shows(&t.vt, "step 3 of 3"));
    pty_close(&t);
}

static void the_start_and_the_last_frame_are_seen(void **state)
{
    (void)state;
    write_turns();
    pty_start(&t, 40, 100, dir, "exec onic replay turns.jsonl --speed=0.1");
    pty_await(&t, "the start of 3 steps");
    for (int i = 1; i <= 3; i++) {
        char want[40];
        snprintf(want, sizeof want, "step %d of 3  action left", i);
        pty_type(&t, "n");
        pty_await(&t, want);
        pty_await(&t, "paused, 0.1 steps/s");
        assert_false(pty_is_restored(&t)); /* it waits, also after the last one */
    }
    pty_type(&t, "n");
    assert_int_equal(pty_end(&t), 0);
    assert_true(vt_shows(&t.vt, "truncated after 3 steps, as recorded"));
    assert_true(pty_is_restored(&t));
    pty_close(&t);
}

/* The action that ended the process is not played again, but it is named. */
static void a_crash_by_an_action_that_is_none_is_refused(void **state)
{
    char path[300], args[600];
    struct replay_head head = {.magic = REPLAY_MAGIC,
                               .id = "nethack:Score",
                               .clock = 1700500000,
                               .actions = 23,
                               .running = 1,
                               .count = 2,
                               .capacity = 5000};
    (void)state;
    snprintf(path, sizeof path, "%s/crash-1-1-1.replay", dir);
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(&head, sizeof head, 1, f), 1);
    assert_int_equal(fwrite("\x02\xc8", 1, 2, f), 2);
    fclose(f);
    snprintf(args, sizeof args, "crash-1-1-1.replay --env.nle=%s/tests/fake_libnethack/1.3",
             getenv("ONIC_BUILD"));
    says(replay(args, 64), "step 2 takes action 200, nethack:Score has 0..22");
}

/* --- files of the actors --------------------------------------------------------------------- */

static bool exists(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void pages_of_actors_lie_by_themselves(void **state)
{
    (void)state;
    assert_true(exists("coin/actors/actor-0.ledger") && exists("coin/actors/actor-1.ledger"));
    assert_false(exists("coin/replays/actor-0.ledger"));
}

/* A run of an older onic, killed: what its actors had produced is in the books of the next life. */
static void pages_of_an_older_run_are_taken_along(void **state)
{
    struct scene s = {0};
    struct program p;
    (void)state;
    snprintf(s.dir, sizeof s.dir, "%s", dir);
    snprintf(s.run, sizeof s.run, "%s/run", dir);
    scene_train(&s, "--actors.count=1");
    program_kill(&s.a);
    assert_true(exists("run/actors/actor-0.ledger"));
    shell("mv run/actors/actor-0.ledger run/replays/"); /* its key stays: it is what proves it */
    scene_train(&s, "--actors.count=1");
    scene_trains_on(&s);
    assert_true(exists("run/actors/actor-0.ledger"));
    assert_false(exists("run/replays/actor-0.ledger"));
    scene_drain(&s.a);
    scene_ledger_is_balanced(&s);
    assert_int_equal(program_run(&p, dir, "ledger", "onic", "ledger run", REPLAY_MS), 0);
    const char *text = program_text(p.out);
    says(text, "lost");
    assert_null(strstr(text, "unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_run_the_newest_episode_is_played),
        cmocka_unit_test(what_was_paid_is_a_product),
        cmocka_unit_test(a_folder_without_episodes_is_told_what_there_is),
        cmocka_unit_test(a_record_loads_no_plugin_by_its_name),
        cmocka_unit_test(a_record_of_a_known_world_loads_nothing),
        cmocka_unit_test(what_goes_to_a_file_has_no_colours),
        cmocka_unit_test(the_start_and_the_last_frame_are_seen),
        cmocka_unit_test(a_crash_by_an_action_that_is_none_is_refused),
        cmocka_unit_test(pages_of_actors_lie_by_themselves),
        cmocka_unit_test(pages_of_an_older_run_are_taken_along),
    };
    return cmocka_run_group_tests(tests, replay_setup, replay_teardown);
}
