/* SPDX-License-Identifier: MIT */
/* test_run_files.c - what a page reads of a run directory, whatever lies there. */
#define _GNU_SOURCE
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "learner/dashboard/episodes.h"
#include "learner/dashboard/history.h"
#include "tests/onic_test.h"

static char dir[256];

static int make_dir(void **state)
{
    char path[300];
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/replays", dir);
    return mkdir(path, 0700);
}

static int remove_dir(void **state)
{
    (void)state;
    temp_dir_remove(dir);
    return 0;
}

static void put_file(const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void earlier_lives_come_back_in_slices(void **state)
{
    (void)state;
    struct series *s = series_create();
    put_file("metrics.jsonl", "{\"time\":1,\"wall_s\":1,\"env_steps\":10,\"a\":1}\n"
                              "no JSON at all\n"
                              "[1,2]\n"
                              "{\"wall_s\":2,\"env_steps\":20,\"a\":null,\"waiting_for\":\"x\"}\n"
                              "{\"env_steps\":30}\n"
                              "{\"wall_s\":3,\"env_steps\":15,\"a\":3}\n"
                              "{\"wall_s\":4,\"env_st");
    struct history *h = history_open(dir);
    assert_non_null(h);
    assert_false(history_read(h, s, 3));
    assert_int_equal(series_points(s), 1);
    assert_true(history_read(h, s, 100));
    assert_int_equal(series_points(s), 2); /* 20 was rolled back to 15 */
    history_free(h);
    series_free(s);
}

static void a_run_without_a_past_has_none(void **state)
{
    char path[300];
    (void)state;
    assert_null(history_open(dir));
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody must wait for who writes into it */
    assert_null(history_open(dir));
}

static void kept_episodes_are_listed_newest_first(void **state)
{
    struct buf b;
    (void)state;
    put_file("replays/000000000100-a0-e1-5.jsonl",
             "{\"env\":\"corridor\",\"steps\":7,\"end\":\"terminated\",\"return\":1}\n{\"t\":1}\n");
    put_file("replays/000000000200-a0-e1-6.jsonl",
             "{\"env\":\"<b>\\\"\",\"steps\":\"many\",\"end\":3,\"return\":null}\n");
    put_file("replays/000000000300-a0-e1-7.jsonl", "torn {");
    put_file("replays/000000000400-a0-e1-8.jsonl", "");
    put_file("replays/crash-1.replay", "x");
    put_file("replays/notes.txt", "x");
    buf_init(&b, 1 << 16);
    episodes_json(dir, &b);
    json_t *o = json_loads(b.data, 0, NULL), *list = json_object_get(o, "episodes");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0), *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(first, "env")), "<b>\"");
    assert_true(json_is_null(json_object_get(first, "steps")));
    assert_int_equal((int)json_number_value(json_object_get(second, "env_steps")), 100);
    assert_int_equal((int)json_number_value(json_object_get(second, "steps")), 7);
    json_decref(o);
    buf_release(&b);
}

static void a_name_of_an_episode_is_no_path_and_no_option(void **state)
{
    static const char *const bad[] = {"",          ".jsonl",        "a.json",       "../a.jsonl",
                                      "a/b.jsonl", "-f.jsonl",      "a b.jsonl",    "a\n.jsonl",
                                      "%2e.jsonl", ".hidden.jsonl", "a.jsonl/../b", "a;b.jsonl"};
    char longest[400];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(episodes_name_is_plain(bad[i]));
    memset(longest, 'a', sizeof longest);
    snprintf(longest + 300, 10, ".jsonl");
    assert_false(episodes_name_is_plain(longest));
    assert_true(episodes_name_is_plain("000000000100-a0-e1-5.jsonl"));
}

/* The learner keeps the newest and removes the others, on an easy task within seconds. */
static void an_episode_that_is_looked_at_stays(void **state)
{
    char path[600], name[64], other[600];
    (void)state;
    put_file("replays/a.jsonl", "{}");
    episodes_hold(dir, NULL, "a.jsonl", path, sizeof path);
    snprintf(other, sizeof other, "%s/replays/a.jsonl", dir);
    assert_int_equal(unlink(other), 0);
    for (int i = 0; i < 3 * EPISODES_HELD; i++) {
        snprintf(name, sizeof name, "replays/b%d.jsonl", i);
        put_file(name, "{}");
        episodes_hold(dir, NULL, name + strlen("replays/"), other, sizeof other);
        assert_int_equal(access(other, R_OK), 0);
        if (i < EPISODES_HELD + 5) { /* asked for again and again */
            episodes_hold(dir, NULL, "a.jsonl", path, sizeof path);
            assert_int_equal(access(path, R_OK), 0);
        }
    }
    assert_int_equal(access(path, R_OK), -1);
    episodes_hold(dir, NULL, "none.jsonl", path, sizeof path);
    assert_int_equal(access(path, R_OK), -1);
}

/* dir/run, with one kept episode. */
static void make_run(struct run_home *home)
{
    char path[300];
    uint8_t id[RUN_ID_BYTES];
    snprintf(path, sizeof path, "%s/run", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_ok(run_id_ensure(path, id, &err));
    if (home)
        assert_ok(run_home_open(home, path, &err));
    snprintf(path, sizeof path, "%s/run/replays", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file("run/replays/a.jsonl", "{}");
}

static void episodes_of_a_new_run_in_its_place_get_no_second_name(void **state)
{
    struct run_home home;
    char run[300], away[300], path[600], name[64];
    (void)state;
    make_run(&home);
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(away, sizeof away, "%s/away", dir);
    episodes_hold(run, &home, "a.jsonl", path, sizeof path);
    assert_non_null(strstr(path, ".shown"));
    assert_int_equal(rename(run, away), 0);
    make_run(NULL);
    for (int i = 0; i < 2 * EPISODES_HELD; i++) { /* which the new run holds */
        snprintf(name, sizeof name, "run/replays/b%d.jsonl.shown", i);
        put_file(name, "{}");
    }
    episodes_hold(run, &home, "a.jsonl", path, sizeof path);
    assert_null(strstr(path, ".shown"));
    snprintf(path, sizeof path, "%s/run/replays/a.jsonl.shown", dir);
    assert_int_equal(access(path, F_OK), -1);
    for (int i = 0; i < 2 * EPISODES_HELD; i++) {
        snprintf(path, sizeof path, "%s/run/replays/b%d.jsonl.shown", dir, i);
        assert_int_equal(access(path, F_OK), 0);
    }
    run_home_close(&home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(earlier_lives_come_back_in_slices, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_run_without_a_past_has_none, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(kept_episodes_are_listed_newest_first, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(an_episode_that_is_looked_at_stays, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(episodes_of_a_new_run_in_its_place_get_no_second_name,
                                        make_dir, remove_dir),
        cmocka_unit_test(a_name_of_an_episode_is_no_path_and_no_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
