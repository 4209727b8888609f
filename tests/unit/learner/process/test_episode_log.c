/* SPDX-License-Identifier: MIT */
/* test_episode_log.c - which episodes are kept, what is written, and the bounds. */
#include "learner/process/episode_log.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/data/episode.h"
#include "learner/process/learner_options.h"
#include "learner/reward/reward_options.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"
#include "tests/support/said.h"
#include "tests/support/skewed_clock.h"

enum { T = 4, ACTOR = 3 };

struct scene {
    char dir[256];
    struct config cfg;
    struct reward_mix *mix;
    struct episode_log *replays;
    struct batch *batch;
    struct trajectory *t;
    uint64_t seq, id;
    uint32_t step; /* of the episode that runs */
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    char path[300];
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "x", OBS_U8, 1, (int[]){8});
    temp_dir_create(s->dir);
    snprintf(path, sizeof path, "%s/replays", s->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    config_defaults(&s->cfg);
    strcpy(s->cfg.reward_model, "hash");
    s->cfg.run_seed = 5;
    s->cfg.replay_every_episodes = 1;
    assert_ok(reward_options_open(&s->mix, &s->cfg, &obs, &err));
    reward_mix_on_label(s->mix, &(struct label){.id = 1,
                                                .state = LABEL_ANSWERED,
                                                .value = 1,
                                                .confidence = 1,
                                                .question = "You see a key.",
                                                .question_len = 14});
    s->batch = batch_create();
    struct trajectory_shape shape = {.T = T, .E = 1, .obs_bytes = 8, .actions = {.n = 7}};
    s->t = trajectory_create(&shape);
    s->id = episode_id(ACTOR, 0, 10);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    episode_log_free(s->replays);
    trajectory_free(s->t);
    batch_free(s->batch);
    reward_mix_free(s->mix);
    temp_dir_remove(s->dir);
    free(s);
    return 0;
}

static void open_replays(struct scene *s)
{
    static const struct action_dist seven = {.space = {.n = 7}};
    s->replays = episode_log_of_options(&s->cfg, s->dir, "corridor", &seven);
}

static void add(struct scene *s, struct trajectory **t, int n, uint64_t env_steps)
{
    batch_lay_out(s->batch, t, n, 0, 0);
    reward_mix_bind(s->mix, &s->batch->reward, s->batch->r_env, s->batch->r_ext, s->batch->r_int);
    episode_log_add(s->replays, s->batch, s->mix, NULL, env_steps);
}

/* One trajectory of the same actor; flags of its T steps. Every step pays 0.5 and shows the caption
 * that is worth something. */
static void play_next(struct scene *s, const uint8_t flags[T])
{
    struct trajectory *t = s->t;
    trajectory_clear(t);
    t->actor_id = ACTOR;
    t->incarnation = 1;
    t->seq = ++s->seq;
    t->weights_version = 7 + s->seq;
    t->episode_id[0] = s->id;
    t->first_step[0] = s->step;
    for (int i = 0; i < T; i++) {
        t->action[i] = (int16_t)(s->step % 7);
        t->reward[i] = 0.5f;
        t->flags[i] = flags[i];
        t->caption[i] = trajectory_caption(t, "You see a key.", 14);
        t->caption_count[i] = (uint16_t)++s->step;
        if (flags[i]) {
            s->id = episode_next(s->id);
            s->step = 0;
        }
    }
}

static void play(struct scene *s, const uint8_t flags[T])
{
    play_next(s, flags);
    add(s, &s->t, 1, s->seq * T);
}

static const uint8_t quiet[T] = {0}, dies_late[T] = {0, 0, 0, STEP_TERMINATED},
                     dies_early[T] = {STEP_TERMINATED, 0, 0, 0},
                     dies_twice[T] = {0, STEP_TERMINATED, STEP_TRUNCATED | STEP_SUCCESS, 0},
                     breaks[T] = {0, STEP_FAILED, 0, 0};

/* Number of kept files; the text of the one whose name ends with `tail` goes to text. */
static int files(const struct scene *s, const char *tail, char *text, size_t size)
{
    char path[600];
    int n = 0;
    snprintf(path, sizeof path, "%s/replays", s->dir);
    DIR *d = opendir(path);
    if (text)
        text[0] = '\0';
    for (struct dirent *e; (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.')
            continue;
        n++;
        if (!text || len < strlen(tail) || strcmp(e->d_name + len - strlen(tail), tail) != 0)
            continue;
        snprintf(path, sizeof path, "%s/replays/%s", s->dir, e->d_name);
        FILE *f = fopen(path, "r");
        text[fread(text, 1, size - 1, f)] = '\0';
        fclose(f);
    }
    closedir(d);
    return n;
}

static int lines_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void an_episode_over_three_trajectories_is_kept_whole(void **state)
{
    struct scene *s = *state;
    char text[1 << 14], want[128];
    open_replays(s);
    play(s, quiet);
    play(s, quiet);
    assert_int_equal(files(s, "", NULL, 0), 0);
    play(s, dies_early);
    assert_int_equal(files(s, "-a3-e0-10.jsonl", text, sizeof text), 1);
    assert_int_equal(lines_of(text), 1 + 9);
    snprintf(want, sizeof want, "\"seed\":\"%llu\"",
             (unsigned long long)episode_seed(5, episode_id(ACTOR, 0, 10)));
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "\"steps\":9,\"end\":\"terminated\",\"success\":false"));
    assert_non_null(strstr(text, "\"weights_versions\":[8,10]"));
    assert_non_null(strstr(text, "\"return\":4.5"));
    /* the coefficient 0.2 of label 1, divided by N cubed */
    assert_non_null(strstr(text, "{\"t\":1,\"action\":0,\"reward\":0.5,\"ext\":0.5,"
                                 "\"int\":0.200000003,\"n\":1,\"caption\":\"You see a key.\","
                                 "\"score\":1,\"labelled\":true}"));
    assert_non_null(strstr(text, "{\"t\":2,\"action\":1,\"reward\":0.5,\"ext\":0.5,"
                                 "\"int\":0.0250000004,\"n\":2,"));
    assert_non_null(strstr(text, "{\"t\":9,\"action\":1,"));
    assert_true(episode_log_kept(s->replays) == 1);
}

static void episodes_within_a_trajectory_have_the_numbers_that_follow(void **state)
{
    struct scene *s = *state;
    char text[1 << 14], want[128];
    open_replays(s);
    play(s, dies_twice);
    assert_int_equal(files(s, "-e0-11.jsonl", text, sizeof text), 2);
    snprintf(want, sizeof want, "\"seed\":\"%llu\"",
             (unsigned long long)episode_seed(5, episode_id(ACTOR, 0, 11)));
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "\"steps\":1,\"end\":\"truncated\",\"success\":true"));
    play(s, dies_late); /* began with the last step of the trajectory before */
    assert_int_equal(files(s, "-e0-12.jsonl", text, sizeof text), 3);
    assert_int_equal(lines_of(text), 1 + 5);
}

static void an_episode_with_a_gap_is_not_kept(void **state)
{
    struct scene *s = *state;
    open_replays(s);
    play(s, quiet);
    s->step += T; /* a trajectory was dropped */
    s->seq++;
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 0);
    play(s, dies_late); /* the next one is whole */
    assert_int_equal(files(s, "", NULL, 0), 1);
}

static void another_life_of_the_actor_is_not_a_continuation(void **state)
{
    struct scene *s = *state;
    open_replays(s);
    play(s, quiet);
    s->id = episode_id(ACTOR, 0, 1 << 20); /* it restarted: other numbers */
    s->step = T;
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 0);
}

static void an_episode_that_broke_is_not_kept(void **state)
{
    struct scene *s = *state;
    open_replays(s);
    play(s, breaks);
    assert_int_equal(files(s, "", NULL, 0), 0);
    play(s, dies_early);
    assert_int_equal(files(s, "", NULL, 0), 1);
}

static void every_nth_is_kept(void **state)
{
    struct scene *s = *state;
    s->cfg.replay_every_episodes = 3;
    open_replays(s);
    for (int i = 0; i < 9; i++)
        play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 3);
    assert_int_equal(files(s, "-e0-13.jsonl", NULL, 0), 3);
}

static void zero_keeps_nothing(void **state)
{
    struct scene *s = *state;
    s->cfg.replay_every_episodes = 0;
    open_replays(s);
    assert_null(s->replays);
    play(s, dies_late);
    assert_true(episode_log_kept(s->replays) == 0);
    assert_int_equal(files(s, "", NULL, 0), 0);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    struct scene *s = *state;
    char text[1 << 14];
    s->cfg.replay_keep = 2;
    open_replays(s);
    for (int i = 0; i < 5; i++)
        play(s, dies_late);
    assert_int_equal(files(s, "-e0-14.jsonl", text, sizeof text), 2);
    assert_true(text[0] != '\0');
    files(s, "-e0-12.jsonl", text, sizeof text);
    assert_true(text[0] == '\0');
    assert_true(episode_log_kept(s->replays) == 5);
}

static void the_oldest_go_when_they_are_too_big(void **state)
{
    struct scene *s = *state;
    s->cfg.replay_max_mb = 1;
    open_replays(s);
    for (int k = 0; k < 3; k++) { /* 450 kB each */
        for (int i = 0; i < 950; i++)
            play(s, quiet);
        play(s, dies_early);
        while (s->step) /* the rest of that trajectory belongs to the next one */
            s->step = 0, s->id = episode_next(s->id), s->seq = 0;
    }
    assert_true(episode_log_kept(s->replays) == 3);
    assert_int_equal(files(s, "", NULL, 0), 2);
}

/* A trajectory of another actor, whose episode does not end. */
static void go_on_next(struct trajectory *t, int actor, unsigned round)
{
    trajectory_clear(t);
    t->actor_id = (uint32_t)actor;
    t->incarnation = 1;
    t->seq = 1 + round;
    t->episode_id[0] = episode_id(actor, 0, 0);
    t->first_step[0] = round * T;
    for (int i = 0; i < T; i++) {
        t->flags[i] = 0;
        t->caption[i] = trajectory_caption(t, "You see a key.", 14);
    }
}

static void go_on(struct scene *s, int actor, unsigned round)
{
    go_on_next(s->t, actor, round);
    add(s, &s->t, 1, 1);
}

/* Those that were being recorded would keep the others from it for ever. */
static void who_is_gone_leaves_its_place(void **state)
{
    struct scene *s = *state;
    open_replays(s);
    skewed_clock_set(0);
    for (int k = 0; k < EPISODE_LOG_OPEN_MAX; k++)
        go_on(s, 100 + k, 0);
    play(s, dies_late);
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 0);
    skewed_clock_advance(61000000000);
    play(s, dies_late); /* from here on one is seen from its beginning */
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 1);
    clock_replace(NULL);
}

/* A trajectory of a slow world, or an update that waits for labels, takes longer than a minute. */
static void who_is_slow_is_recorded_all_the_same(void **state)
{
    struct scene *s = *state;
    open_replays(s);
    skewed_clock_set(0);
    play(s, quiet);
    skewed_clock_advance(300000000000);
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 1);
    clock_replace(NULL);
}

/* Whoever is in a batch is there, also if another one of it needs a place first. */
static void who_comes_with_a_newcomer_is_not_taken_for_gone(void **state)
{
    struct scene *s = *state;
    struct trajectory *both[2] = {trajectory_create(&s->t->shape), s->t};
    open_replays(s);
    skewed_clock_set(0);
    play(s, quiet);
    for (int k = 0; k < EPISODE_LOG_OPEN_MAX - 1; k++)
        go_on(s, 100 + k, 0);
    skewed_clock_advance(61000000000);
    go_on_next(both[0], 200, 0);
    play_next(s, dies_late);
    add(s, both, 2, 1);
    assert_int_equal(files(s, "", NULL, 0), 1);
    trajectory_free(both[0]);
    clock_replace(NULL);
}

static void who_is_gone_leaves_its_memory(void **state)
{
    struct scene *s = *state;
    s->cfg.replay_max_mb = 1;
    open_replays(s);
    skewed_clock_set(0);
    for (unsigned round = 0; round < 1000; round++) /* 460 kB */
        go_on(s, 100, round);
    skewed_clock_advance(61000000000);
    for (int i = 0; i < 1500; i++) /* 700 kB */
        play(s, quiet);
    play(s, dies_late);
    assert_int_equal(files(s, "", NULL, 0), 1);
    clock_replace(NULL);
}

/* A megabyte for all that are open, not for each. */
static void episodes_that_do_not_end_leave_room_for_others(void **state)
{
    struct scene *s = *state;
    s->cfg.replay_max_mb = 1;
    open_replays(s);
    for (unsigned round = 0; round < 300; round++) /* 150 kB of each */
        for (int k = 0; k < EPISODE_LOG_OPEN_MAX; k++)
            go_on(s, 100 + k, round);
    play(s, dies_late);
    play(s, dies_late);
    assert_in_range(files(s, "", NULL, 0), 1, 2);
}

static void a_folder_that_is_gone_stops_nothing(void **state)
{
    struct scene *s = *state;
    char path[300];
    open_replays(s);
    snprintf(path, sizeof path, "%s/replays", s->dir);
    assert_int_equal(rmdir(path), 0);
    said_begin(LOG_WARN);
    play(s, dies_late);
    said_end();
    assert_said("an episode could not be kept file=");
    assert_said("/replays/0000000000004-a3-e0-10.jsonl\" why=\"No such file or directory\"");
    assert_true(episode_log_kept(s->replays) == 0);
    assert_int_equal(mkdir(path, 0700), 0);
    play(s, dies_late);
    assert_true(episode_log_kept(s->replays) == 1);
}

static void home_path(const struct scene *s, const char *name, char out[300])
{
    snprintf(out, 300, "%s/home/%s", s->dir, name);
}

static void make_home(const struct scene *s, struct run_home *home)
{
    char path[300];
    uint8_t id[RUN_ID_BYTES];
    home_path(s, "", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(run_id_ensure(path, id, &err));
    if (home)
        assert_ok(run_home_open(home, path, &err));
    home_path(s, "replays", path);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* Of the old run, and then of the new one that is in its place. */
static void the_episodes_of_a_new_run_in_its_place_are_left_alone(void **state)
{
    struct scene *s = *state;
    struct run_home home;
    char path[300], away[300];
    static const struct action_dist seven = {.space = {.n = 7}};
    make_home(s, &home);
    home_path(s, "", path);
    s->cfg.replay_keep = 1;
    s->replays = episode_log_of_options(&s->cfg, path, "corridor", &seven);
    episode_log_ask(s->replays, &home);
    play(s, dies_late);
    assert_int_equal(episode_log_kept(s->replays), 1);
    snprintf(away, sizeof away, "%s/away", s->dir);
    assert_int_equal(rename(path, away), 0);
    make_home(s, NULL);
    for (int i = 0; i < 2; i++) {
        home_path(s, i ? "replays/0000000000001-a0-e0-1.jsonl" : "replays/0-a0-e0-0.jsonl", path);
        files_write(path, "{}\n");
    }
    play(s, dies_late);
    assert_int_equal(episode_log_kept(s->replays), 1);
    for (int i = 0; i < 2; i++) {
        home_path(s, i ? "replays/0000000000001-a0-e0-1.jsonl" : "replays/0-a0-e0-0.jsonl", path);
        assert_int_equal(unlink(path), 0);
    }
    home_path(s, "replays", path);
    assert_int_equal(rmdir(path), 0); /* nothing else was in it */
    run_home_close(&home);
}

int main(void)
{
#define IN_SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        IN_SCENE(an_episode_over_three_trajectories_is_kept_whole),
        IN_SCENE(episodes_within_a_trajectory_have_the_numbers_that_follow),
        IN_SCENE(an_episode_with_a_gap_is_not_kept),
        IN_SCENE(another_life_of_the_actor_is_not_a_continuation),
        IN_SCENE(an_episode_that_broke_is_not_kept),
        IN_SCENE(every_nth_is_kept),
        IN_SCENE(zero_keeps_nothing),
        IN_SCENE(the_oldest_go_when_there_are_too_many),
        IN_SCENE(the_oldest_go_when_they_are_too_big),
        IN_SCENE(who_is_gone_leaves_its_place),
        IN_SCENE(who_is_slow_is_recorded_all_the_same),
        IN_SCENE(who_comes_with_a_newcomer_is_not_taken_for_gone),
        IN_SCENE(who_is_gone_leaves_its_memory),
        IN_SCENE(episodes_that_do_not_end_leave_room_for_others),
        IN_SCENE(a_folder_that_is_gone_stops_nothing),
        IN_SCENE(the_episodes_of_a_new_run_in_its_place_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
