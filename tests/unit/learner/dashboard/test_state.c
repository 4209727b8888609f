/* SPDX-License-Identifier: MIT */
/* test_state.c - progress, time that is left, what limits the speed, and that all of it is JSON. */
#include "learner/dashboard/state.h"

#include <jansson.h>

#include "tests/onic_test.h"

static const struct state_run by_frames = {.run_dir = "runs/l\xc3\xa4ufe",
                                           .env = "corridor",
                                           .reward_model = "hash",
                                           .annotator = "rules",
                                           .goal = "auto",
                                           .run_id = "00",
                                           .frames = 1000};

static void progress_is_that_of_the_end_that_comes_first(void **state)
{
    (void)state;
    struct state_run r = by_frames;
    struct state_now now = {.wall_s = 30};
    assert_close(state_progress(&r, &now, 250), 0.25, 1e-9, 0);
    r.stop_wall_s = 60;
    assert_close(state_progress(&r, &now, 250), 0.5, 1e-9, 0);
    assert_close(state_progress(&r, &now, 2000), 1, 0, 0);
    assert_close(state_progress(&r, &now, (double)NAN), 0.5, 1e-9, 0);
    r.stop_wall_s = 0;
    /* ended early because it succeeded: all of it is done; because it failed: it is not */
    r.stop_success = 0.9;
    now.phase = STATE_ENDED;
    assert_close(state_progress(&r, &now, 250), 1, 0, 0);
    now.exit_code = 70;
    assert_close(state_progress(&r, &now, 250), 0.25, 1e-9, 0);
}

static void the_time_left_is_at_most_that_of_both_ends(void **state)
{
    (void)state;
    struct state_run r = by_frames;
    struct state_now now = {.wall_s = 30};
    assert_close(state_eta_s(&r, &now, 250, 10), 75, 1e-9, 0);
    assert_true(isnan(state_eta_s(&r, &now, 250, 0)));
    r.stop_wall_s = 60;
    assert_close(state_eta_s(&r, &now, 250, 10), 30, 1e-9, 0);
    now.wall_s = 90;
    assert_close(state_eta_s(&r, &now, 250, 10), 0, 0, 0);
    now.phase = STATE_ENDED;
    assert_true(isnan(state_eta_s(&r, &now, 250, 10)));
}

static void what_waits_names_the_bottleneck(void **state)
{
    (void)state;
    struct state_wait w = {.count = 0};
    assert_true(isnan(state_wait_share(&w)));
    assert_string_equal(state_bottleneck(state_wait_share(&w), 0), "");
    for (int i = 0; i < 40; i++) /* only the last ones count */
        state_wait_add(&w, i, i < 20 ? i : 20);
    assert_close(state_wait_share(&w), 0, 0, 0);
    assert_string_equal(state_bottleneck(state_wait_share(&w), 0.1), "learner");
    assert_string_equal(state_bottleneck(state_wait_share(&w), 0.5), "reward model");
    for (int i = 0; i < 16; i++)
        state_wait_add(&w, 40 + i, 20 + 0.6 * i);
    assert_close(state_wait_share(&w), 0.6, 1e-9, 0);
    assert_string_equal(state_bottleneck(state_wait_share(&w), 0.5), "actors");
    /* a life that begins anew counts from 0 */
    state_wait_add(&w, 60, 0);
    assert_true(state_wait_share(&w) >= 0);
}

static void waits(struct state_now *now, const char *waiting, const char *annotator, double at)
{
    snprintf(now->waiting, sizeof now->waiting, "%s", waiting);
    snprintf(now->annotator, sizeof now->annotator, "%s", annotator);
    now->wall_s = at;
}

static void how_long_there_are_no_labels_is_counted_also_while_it_stands(void **state)
{
    static const char gone[] = "labels: http://h:1/v1: Failed to connect to h port 1: no";
    (void)state;
    struct state_since since = {.no_labels = false};
    struct state_now now = {.phase = STATE_TRAINING};
    state_since_look(&since, &now);
    assert_true(isnan(now.waiting_s));
    waits(&now, gone, gone, 10);
    state_since_look(&since, &now);
    assert_close(now.waiting_s, 0, 0, 0);
    waits(&now, "no actor", gone, 14);
    state_since_look(&since, &now);
    waits(&now, "another actor", gone, 17);
    state_since_look(&since, &now);
    assert_close(now.waiting_s, 3, 1e-9, 0);
    waits(&now, gone, gone, 20);
    state_since_look(&since, &now);
    assert_close(now.waiting_s, 10, 1e-9, 0);
    waits(&now, "no reward server answers at h:1 for 12 s; no new labels",
          "no reward server answers at h:1 for 12 s; no new labels", 21);
    state_since_look(&since, &now);
    assert_true(isnan(now.waiting_s));
    waits(&now, "", "", 22);
    state_since_look(&since, &now);
    assert_true(isnan(now.waiting_s));
    waits(&now, gone, gone, 30);
    state_since_look(&since, &now);
    assert_close(now.waiting_s, 0, 0, 0);
}

static void advice_is_given_where_something_can_be_done(void **state)
{
    static const char gone[] = "labels: http://h:1/v1: Failed to connect to h port 1: no";
    (void)state;
    struct state_now now = {.phase = STATE_TRAINING};
    assert_string_equal(state_advice(&now, 0), "");
    waits(&now, gone, gone, 1);
    assert_non_null(strstr(state_advice(&now, 0), "start it again at this address"));
    assert_non_null(strstr(state_advice(&now, (double)NAN), "with the labels there are"));
    assert_string_equal(state_advice(&now, 0.5), ""); /* another server answers */
    waits(&now, "no actor", gone, 1);                 /* training does not go on */
    assert_string_equal(state_advice(&now, 0), "");
    waits(&now, "labels: the budget is used up", "labels: the budget is used up", 1);
    assert_string_equal(state_advice(&now, 0), "training goes on with the labels there are");
    waits(&now, "labels: warming up: 1 of 9", "labels: warming up: 1 of 9", 1);
    assert_string_equal(state_advice(&now, 0), "training goes on meanwhile");
    now.phase = STATE_ENDED;
    assert_string_equal(state_advice(&now, 0), "");
}

static void what_is_not_finite_and_what_is_no_plain_text_is_json(void **state)
{
    (void)state;
    static struct numbers n;
    struct state_now now = {.time = 1e9, .waiting = "a \"b\"\n\x01 <script>\xff"};
    struct state_wait w = {.count = 0};
    struct buf b;
    numbers_put(&n, "env_steps", 500);
    numbers_put(&n, "train/nan", (double)NAN);
    numbers_put(&n, "train/inf", (double)INFINITY);
    buf_init(&b, 1 << 16);
    state_json(&by_frames, &now, &n, &w, &b);
    assert_null(strchr(b.data, '\n')); /* an event is one line */
    json_t *o = json_loads(b.data, 0, NULL);
    assert_non_null(o);
    const json_t *v = json_object_get(o, "v"), *run = json_object_get(o, "run");
    assert_string_equal(json_string_value(json_object_get(run, "dir")), "runs/l\xc3\xa4ufe");
    assert_true(json_is_null(json_object_get(v, "train/nan")));
    assert_true(json_is_null(json_object_get(v, "train/inf")));
    assert_close(json_number_value(json_object_get(o, "progress")), 0.5, 1e-9, 0);
    assert_non_null(strstr(json_string_value(json_object_get(o, "waiting")), "a \"b\"\n"));
    json_decref(o);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_that_of_the_end_that_comes_first),
        cmocka_unit_test(the_time_left_is_at_most_that_of_both_ends),
        cmocka_unit_test(what_waits_names_the_bottleneck),
        cmocka_unit_test(how_long_there_are_no_labels_is_counted_also_while_it_stands),
        cmocka_unit_test(advice_is_given_where_something_can_be_done),
        cmocka_unit_test(what_is_not_finite_and_what_is_no_plain_text_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
