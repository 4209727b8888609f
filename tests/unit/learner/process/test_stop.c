/* SPDX-License-Identifier: MIT */
/* test_stop.c - when a run is at its end, and that it still is in its next life. */
#include "learner/process/report.h"
#include "learner/process/stop.h"
#include "tests/onic_test.h"

static void each_end_is_told_apart(void **state)
{
    struct stop_params ends = {.frames = 1000};
    struct stop_state at = {
        .env_steps = 999, .success = 0.9, .episodes = STOP_WINDOW, .wall_s = 50};
    (void)state;
    assert_int_equal(stop_reached(&ends, &at), 0); /* no other end was asked for */
    assert_null(stop_text(0));
    ends.success = 0.9;
    ends.wall_s = 50;
    assert_int_equal(stop_reached(&ends, &at), STOP_SUCCESS | STOP_WALL);
    at.env_steps = 1000;
    assert_int_equal(stop_reached(&ends, &at), STOP_SUCCESS | STOP_WALL | STOP_FRAMES);
    at = (struct stop_state){.success = 1, .episodes = STOP_WINDOW - 1}; /* too few to be sure */
    assert_int_equal(stop_reached(&ends, &at), 0);
    assert_string_equal(stop_text(STOP_WALL), "stop.wall_s reached");
}

/* The rate of the next life begins with the window of the last one. */
static void a_checkpoint_carries_the_window_of_success(void **state)
{
    char dir[256], path[300];
    struct checkpoint *c = checkpoint_create();
    struct checkpoint_file *file;
    struct metrics *m;
    struct metrics_params p = {.quiet = true, .every_s = 10};
    struct stop_state at = {0};
    const char *name = "policy_stats/success_rate";
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c", dir);
    assert_ok(metrics_create(&m, &p, &err));
    for (int i = 0; i < STOP_WINDOW + 100; i++) /* the oldest 100 are forgotten */
        metrics_mean_over(m, name, i < 100 || i >= STOP_WINDOW, STOP_WINDOW);
    report_save(m, c);
    checkpoint_add_meta_u64(c, "env_steps", 123);
    assert_ok(checkpoint_write(c, path, &err));
    metrics_free(m);
    assert_ok(checkpoint_open(&file, path, &err));
    stop_of_checkpoint(file, &at);
    assert_int_equal(at.env_steps, 123);
    assert_int_equal(at.episodes, STOP_WINDOW);
    assert_close(at.success, 0.25, 0, 1e-12);
    assert_ok(metrics_create(&m, &p, &err));
    report_load(m, file);
    at = (struct stop_state){0};
    report_success(m, &at);
    assert_int_equal(at.episodes, STOP_WINDOW);
    assert_close(at.success, 0.25, 0, 1e-12);
    for (int i = 0; i < 100; i++) /* 300 failures are older than the 100 that succeeded */
        metrics_mean_over(m, name, 1, STOP_WINDOW);
    report_success(m, &at);
    assert_close(at.success, 0.5, 0, 1e-12);
    metrics_free(m);
    checkpoint_close(file);
    checkpoint_free(c);
    temp_dir_remove(dir);
}

static void a_checkpoint_without_a_window_says_nothing_of_success(void **state)
{
    char dir[256], path[300];
    struct checkpoint *c = checkpoint_create();
    struct checkpoint_file *file;
    struct stop_state at = {.episodes = 7};
    (void)state;
    temp_dir_create(dir);
    snprintf(path, sizeof path, "%s/c", dir);
    checkpoint_add_bytes(c, "success_window", "not numbers", 11);
    assert_ok(checkpoint_write(c, path, &err));
    assert_ok(checkpoint_open(&file, path, &err));
    stop_of_checkpoint(file, &at);
    assert_int_equal(at.episodes, 0);
    checkpoint_close(file);
    checkpoint_free(c);
    temp_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_is_told_apart),
        cmocka_unit_test(a_checkpoint_carries_the_window_of_success),
        cmocka_unit_test(a_checkpoint_without_a_window_says_nothing_of_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
