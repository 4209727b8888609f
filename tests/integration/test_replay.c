/* SPDX-License-Identifier: MIT */
/* test_replay.c - episodes kept by a run of the real programs are played again exactly, and what
 * was paid in them is explained; files that are not whole get a sentence. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor/envs/nethack/replay_log.h"
#include "tests/onic_test.h"
#include "tests/support/program.h"

enum { TRAIN_MS = 120000, REPLAY_MS = 30000, KEPT_MAX = 8 };

struct scene {
    char dir[256];
    int count;
    char file[KEPT_MAX][300]; /* relative to dir */
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    temp_dir_create(s->dir);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    temp_dir_remove(((struct scene *)*state)->dir);
    free(*state);
    return 0;
}

static void train(struct scene *s, const char *env)
{
    struct program p;
    char args[1024], path[300];
    snprintf(args, sizeof args,
             "train --run-dir=run --annotator.id=rules --actors.count=1 --replay.every_episodes=20 "
             "--replay.keep=%d %s",
             KEPT_MAX, env);
    if (program_run(&p, s->dir, "train", "onic", args, TRAIN_MS) != 0)
        fail_msg("%s", program_text(p.err));
    snprintf(path, sizeof path, "%s/run/replays", s->dir);
    DIR *d = opendir(path);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".jsonl") && s->count < KEPT_MAX)
            snprintf(s->file[s->count++], sizeof s->file[0], "run/replays/%s", e->d_name);
    closedir(d);
    assert_true(s->count >= 3);
}

static json_t *replay_json(struct scene *s, const char *file, const char *args)
{
    struct program p;
    char line[1024];
    snprintf(line, sizeof line, "replay %s --json %s", file, args);
    if (program_run(&p, s->dir, "replay", "onic", line, REPLAY_MS) != 0)
        fail_msg("%s", program_text(p.err));
    json_t *o = json_loads(program_text(p.out), 0, NULL);
    assert_non_null(o);
    return o;
}

static double number(json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static const char *text(json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    assert_non_null(s);
    return s;
}

/* What a step with intrinsic reward says of itself, as JSON and as text. */
static void check_explanation(struct scene *s, const char *file, json_t *step)
{
    struct program p;
    char args[600];
    snprintf(args, sizeof args, "--explain=%d", (int)number(step, "t"));
    json_t *o = replay_json(s, file, args), *label = json_object_get(o, "label");
    assert_string_equal(text(o, "caption"), text(step, "caption"));
    assert_close(number(o, "int"), number(step, "int"), 0, 0);
    double n = number(o, "n");
    assert_close(number(o, "int"), number(o, "coef_int") * number(label, "label") / (n * n * n),
                 1e-6, 0);
    assert_string_equal(text(o, "decided_by"), "label");
    assert_close(number(o, "score"), number(label, "label"), 0, 0);
    assert_true(json_is_true(json_object_get(o, "labelled")));
    assert_string_equal(text(label, "kind"), "class");
    assert_null(json_object_get(label, "other"));
    assert_string_equal(text(label, "annotator"), "rules");
    assert_true(strncmp(text(label, "raw"), "rule ", 5) == 0);
    assert_int_equal(strlen(text(label, "prompt_version")), 32);
    assert_true(number(label, "id") >= 1 && number(label, "answered_at") > 1e9);
    snprintf(args, sizeof args, "replay %s --explain %d", file, (int)number(step, "t"));
    assert_int_equal(program_run(&p, s->dir, "explain", "onic", args, REPLAY_MS), 0);
    const char *shown = program_text(p.out);
    assert_non_null(strstr(shown, text(o, "caption")));
    assert_non_null(strstr(shown, text(label, "raw")));
    assert_non_null(strstr(shown, text(label, "prompt_version")));
    assert_null(strstr(shown, "decided by"));
    json_decref(o);
}

/* Every kept episode plays again; at least one paid step of them is explained. */
static void check_all(struct scene *s)
{
    int explained = 0;
    for (int i = 0; i < s->count; i++) {
        json_t *o = replay_json(s, s->file[i], ""), *steps = json_object_get(o, "step");
        assert_true(json_is_true(json_object_get(o, "exact")));
        assert_int_equal(json_array_size(steps), number(o, "steps"));
        double ret = 0;
        for (size_t k = 0; k < json_array_size(steps); k++) {
            json_t *step = json_array_get(steps, k);
            ret += number(step, "reward");
            if (number(step, "int") > 0 && explained < 2 && ++explained)
                check_explanation(s, s->file[i], step);
        }
        assert_close(ret, number(o, "return"), 1e-6, 1e-6);
        json_decref(o);
    }
    assert_true(explained > 0);
}

/* Deterministic: labels are waited for, or on a busy machine the run is over before one came. */
static void corridor_episodes_play_again(void **state)
{
    train(*state, "--env.id=corridor --frames=40000 --deterministic");
    check_all(*state);
}

static void minigrid_episodes_play_again(void **state)
{
    train(*state,
          "--env.id=minigrid:DoorKey-6x6 --env.max_steps=50 --frames=60000 --deterministic");
    check_all(*state);
}

static void ends(struct scene *s, const char *args, int exit_code, const char *says)
{
    struct program p;
    int rc = program_run(&p, s->dir, "fails", "onic", args, REPLAY_MS);
    if (rc != exit_code || !strstr(program_text(p.err), says))
        fail_msg("`onic %s` ended with %d: %s", args, rc, program_text(p.err));
}

static void nethack_episodes_play_again(void **state)
{
    char args[600];
    snprintf(args, sizeof args,
             "--env.id=nethack:Score --env.nle=%s/tests/fake_libnethack/1.3 --env.count=4 "
             "--env.max_steps=60 --frames=8000",
             getenv("ONIC_BUILD"));
    train(*state, args);
    struct scene *s = *state;
    char nle[400];
    snprintf(nle, sizeof nle, "%s/tests/fake_libnethack/1.3", getenv("ONIC_BUILD"));
    for (int i = 0; i < s->count; i++) { /* where the library lies is not in the file */
        snprintf(args, sizeof args, "--env.nle=%s", nle);
        json_t *o = replay_json(s, s->file[i], args);
        assert_true(json_is_true(json_object_get(o, "exact")));
        json_decref(o);
    }
    ends(s, "eval run --episodes=1", 64, "give --env.nle=PATH, or --env.nle= for the fetched one");
    snprintf(args, sizeof args, "eval run --episodes=1 --env.nle=%s", nle);
    ends(s, args, 0, "");
    snprintf(args, sizeof args, "ONIC_ENV_NLE=%s play run --episodes=1", nle);
    ends(s, args, 0, "");
}

static void rewrite(struct scene *s, const char *from, const char *to, const char *sed)
{
    char command[1200];
    snprintf(command, sizeof command, "cd '%s' && sed '%s' '%s' >'%s'", s->dir, sed, from, to);
    assert_int_equal(system(command), 0);
}

static void another_world_is_noticed_and_nonsense_is_named(void **state)
{
    struct scene *s = *state;
    train(s, "--env.id=minigrid:DoorKey-6x6 --env.max_steps=50 --frames=60000");
    const char *file = s->file[0];
    rewrite(s, file, "other.jsonl", "s/\"seed\":\"[0-9]/\"seed\":\"/");
    ends(s, "replay other.jsonl", 78, "cannot be played again");
    rewrite(s, file, "short.jsonl", "$d");
    ends(s, "replay short.jsonl", 78, "the end of the episode is not what was recorded");
    rewrite(s, file, "caption.jsonl", "s/You see/You saw/");
    ends(s, "replay caption.jsonl --json", 78, "the caption is not what was recorded");
    rewrite(s, file, "reward.jsonl", "5s/\"reward\":[^,]*/\"reward\":3/");
    ends(s, "replay reward.jsonl", 78, "step 4 of reward.jsonl cannot be played again: the reward");
    rewrite(s, file, "action.jsonl", "3s/\"action\":[0-9]*/\"action\":99/");
    ends(s, "replay action.jsonl", 64, "step 2 takes action 99, minigrid:DoorKey-6x6 has 0..6");
    rewrite(s, file, "several.jsonl", "3s/\"action\":[0-9]*/\"action\":[1,2]/");
    ends(s, "replay several.jsonl", 64,
         "several.jsonl: step 2 takes no action of minigrid:DoorKey-6x6");
    rewrite(s, file, "line.jsonl", "4s/.*/{}/");
    ends(s, "replay line.jsonl", 64, "line 4 is not a step");
    rewrite(s, file, "empty.jsonl", "2,$d");
    ends(s, "replay empty.jsonl", 64, "holds no steps");
    rewrite(s, file, "no.jsonl", "1d");
    ends(s, "replay no.jsonl", 64, "is not an episode that onic kept");
    ends(s, "replay nowhere.jsonl", 64, "cannot be opened");
    ends(s, "replay", 64, "nothing to play");
    char args[400];
    snprintf(args, sizeof args, "replay %s --explain=51", file);
    ends(s, args, 64, "the episode has");
    snprintf(args, sizeof args, "replay %s --explain=0", file);
    ends(s, args, 64, "--explain is '0', must be a whole number from 1");
}

static void the_game_before_a_crash_is_shown(void **state)
{
    struct scene *s = *state;
    struct program p;
    char path[300], args[600];
    struct replay_head head = {.magic = REPLAY_MAGIC,
                               .id = "nethack:Score",
                               .seed = 42,
                               .clock = 1700500000,
                               .actions = 23,
                               .running = 1,
                               .count = 3,
                               .capacity = 5000};
    snprintf(path, sizeof path, "%s/crash-0-0-0.replay", s->dir);
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(&head, sizeof head, 1, f), 1);
    assert_int_equal(fwrite("\x02\x16\x0c", 1, 3, f),
                     3); /* east, search, run west: it hangs there */
    fclose(f);
    snprintf(args, sizeof args, "replay crash-0-0-0.replay --env.nle=%s/tests/fake_libnethack/1.3",
             getenv("ONIC_BUILD"));
    assert_int_equal(program_run(&p, s->dir, "crash", "onic", args, REPLAY_MS), 0);
    const char *shown = program_text(p.out);
    assert_non_null(strstr(shown, "step 2 of 3  action search"));
    assert_non_null(strstr(shown, "the next action, run west, ended the process"));
    assert_null(strstr(shown, "step 3"));
    strcat(args, " --explain=1");
    ends(s, args, 64, "no rewards to explain");
    assert_int_equal(truncate(path, sizeof head + 1), 0);
    ends(s, "replay crash-0-0-0.replay", 64, "is cut short");
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(corridor_episodes_play_again),
        IN_SCENE(minigrid_episodes_play_again),
        IN_SCENE(nethack_episodes_play_again),
        IN_SCENE(another_world_is_noticed_and_nonsense_is_named),
        IN_SCENE(the_game_before_a_crash_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
