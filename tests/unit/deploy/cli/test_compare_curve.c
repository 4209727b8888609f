/* SPDX-License-Identifier: MIT */
/* test_compare_curve.c - what is read of metrics.jsonl, whole or not. */
#include <math.h>

#include "deploy/cli/compare_curve.h"
#include "tests/onic_test.h"
#include "tests/support/files.h"

enum { Y = COMPARE_METRICS };
static const char *const names[] = {"policy_stats/success_rate", "reward/reward"};

static struct compare_curve curve_of(const char *text)
{
    struct compare_curve c;
    files_write(files_in("metrics.jsonl"), text);
    assert_ok(compare_curve_read(&c, files_folder(), names, 2, &err));
    return c;
}

#define ROW(frames, seconds, success)                                                              \
    "{\"time\":1,\"wall_s\":" #seconds ",\"env_steps\":" #frames                                   \
    ",\"policy_stats/success_rate\":" #success "}\n"

static void numbers_are_found_by_their_whole_names(void **state)
{
    (void)state;
    double v = 7;
    const char *line = "{\"a\":1,\"ab\":-2.5e3,\"say\":\"\\\"c\\\":4\",\"d\":null,\"e\":NaN,"
                       "\"f\":1e999,\"g\":3x,\"h\":\"5\",\"b\":6}";
    assert_true(compare_scan_number(line, "ab", &v) && v == -2500);
    assert_true(compare_scan_number(line, "b", &v) && v == 6);
    v = 7;
    for (const char *key = "cdefghz"; *key; key++)
        assert_false(compare_scan_number(line, (char[]){*key, 0}, &v));
    assert_true(v == 7);
}

static void what_is_damaged_is_left_out_and_counted(void **state)
{
    (void)state;
    struct compare_curve c =
        curve_of(ROW(100, 1, 0.1) "{\"wall_s\":2,\"env_st\n" ROW(200, 2, NaN) "garbage\n" ROW(
            300, 3, 0.3) "{\"wall_s\":4,\"env_steps\":null}\n" ROW(400, 4, null) "{\"wall_s\":5,"
                                                                                 "\"env_ste");
    assert_int_equal(c.n, 4);
    assert_int_equal(c.skipped, 2); /* not the last one, which is being written */
    assert_true(isnan(compare_at(&c, 1, Y)) && isnan(compare_at(&c, 3, Y)));
    assert_close(compare_at(&c, 2, Y), 0.3, 0, 1e-12);
    assert_close(compare_curve_last(&c, Y), 0.3, 0, 1e-12);
    assert_true(isnan(compare_curve_last(&c, Y + 1)));
    compare_curve_free(&c);
}

/* As a file has them after a power cut. */
static void a_zero_byte_damages_its_own_line_alone(void **state)
{
    (void)state;
    static const char text[] = ROW(100, 1, 0.1) "\0\0\0\n" ROW(200, 2, 0.2) "{\"a\":1}\0{}\n" ROW(
        300, 3, 0.3) "\0" ROW(400, 4, 0.4) ROW(500, 5, 0.5);
    struct compare_curve c;
    FILE *f = fopen(files_in("metrics.jsonl"), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, sizeof text - 1, f), sizeof text - 1);
    assert_int_equal(fclose(f), 0);
    assert_ok(compare_curve_read(&c, files_folder(), names, 2, &err));
    assert_int_equal(c.n, 4);
    assert_int_equal(c.skipped, 3);
    assert_close(compare_at(&c, 3, Y), 0.5, 0, 1e-12);
    compare_curve_free(&c);
}

static void an_endless_line_is_one_damaged_line(void **state)
{
    (void)state;
    static char text[600000];
    int n = snprintf(text, sizeof text, "%s", ROW(100, 1, 0.1));
    memset(text + n, 'x', 500000);
    snprintf(text + n + 500000, sizeof text - (size_t)n - 500000, "\n%s", ROW(200, 2, 0.2));
    struct compare_curve c = curve_of(text);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.skipped, 1);
    compare_curve_free(&c);
}

static void what_was_rolled_back_is_no_part_of_it(void **state)
{
    (void)state;
    struct compare_curve c = curve_of(ROW(100, 1, 0.1) ROW(200, 2, 0.2) ROW(300, 3, 0.9)
                                          ROW(150, 4, 0.15) ROW(300, 5, 0.3));
    assert_int_equal(c.n, 3);
    assert_close(compare_at(&c, 1, COMPARE_FRAMES), 150, 0, 0);
    assert_close(compare_at(&c, 1, COMPARE_SECONDS), 4, 0, 0);
    assert_close(compare_curve_value(&c, COMPARE_FRAMES, Y, 225), 0.225, 1e-12, 0);
    compare_curve_free(&c);
}

static void between_rows_it_is_linear_and_beyond_it_stays(void **state)
{
    (void)state;
    struct compare_curve c =
        curve_of(ROW(100, 1, null) ROW(200, 2, 0.2) ROW(250, 3, null) ROW(300, 4, 0.4));
    double first, last;
    assert_true(compare_curve_range(&c, COMPARE_FRAMES, Y, &first, &last));
    assert_close(first, 200, 0, 0);
    assert_close(last, 300, 0, 0);
    assert_close(compare_curve_value(&c, COMPARE_FRAMES, Y, 275), 0.35, 1e-12, 0);
    assert_close(compare_curve_value(&c, COMPARE_SECONDS, Y, 3), 0.3, 1e-12, 0);
    assert_close(compare_curve_value(&c, COMPARE_FRAMES, Y, 1), 0.2, 1e-12, 0);
    assert_close(compare_curve_value(&c, COMPARE_FRAMES, Y, 900), 0.4, 1e-12, 0);
    assert_false(compare_curve_range(&c, COMPARE_FRAMES, Y + 1, &first, &last));
    compare_curve_free(&c);
}

static void a_threshold_counts_where_it_is_held(void **state)
{
    (void)state;
    /* one good value is chance; five are there, or as many as there are until the end */
    struct compare_curve c = curve_of(
        ROW(1, 1, 0.9) ROW(2, 2, 0.1) ROW(3, 3, 0.9) ROW(4, 4, 0.9) ROW(5, 5, null) ROW(6, 6, 0.9)
            ROW(7, 7, 0.9) ROW(8, 8, 0.9) ROW(9, 9, 0.1) ROW(10, 10, 0.95) ROW(11, 12, 0.96));
    assert_close(compare_curve_reaches(&c, COMPARE_FRAMES, Y, 0.9), 3, 0, 0);
    assert_close(compare_curve_reaches(&c, COMPARE_SECONDS, Y, 0.95), 10, 0, 0);
    assert_true(isnan(compare_curve_reaches(&c, COMPARE_FRAMES, Y, 0.97)));
    compare_curve_free(&c);
}

/* The first episodes to end are short, and were solved by chance. */
static void the_first_hundred_episodes_are_no_beginning(void **state)
{
    (void)state;
#define OF_EPISODES(frames, episodes, success)                                                     \
    "{\"wall_s\":" #frames ",\"env_steps\":" #frames ",\"train/episodes_total\":" #episodes        \
    ",\"policy_stats/success_rate\":" #success ",\"reward/reward\":1}\n"
    struct compare_curve c = curve_of(OF_EPISODES(10, 2, 1.0) OF_EPISODES(20, 99, 0.3) OF_EPISODES(
        30, 100, 0.1) OF_EPISODES(40, 5, 0.2)); /* the last in another life, which goes on */
    assert_int_equal(c.n, 4);
    assert_true(isnan(compare_at(&c, 0, Y)) && isnan(compare_at(&c, 1, Y)));
    assert_true(isnan(compare_at(&c, 1, Y + 1)));
    assert_close(compare_at(&c, 2, Y), 0.1, 1e-12, 0);
    assert_close(compare_at(&c, 3, Y), 0.2, 1e-12, 0);
    compare_curve_free(&c);
    c = curve_of(OF_EPISODES(10, 2, 1.0) OF_EPISODES(20, 3, 0.5)); /* there are no others yet */
    assert_close(compare_at(&c, 0, Y), 1.0, 1e-12, 0);
    compare_curve_free(&c);
}

static void a_run_without_metrics_is_named(void **state)
{
    (void)state;
    struct compare_curve c;
    assert_err(compare_curve_read(&c, files_in("nowhere"), names, 2, &err), ONIC_ENOTFOUND,
               "nowhere/metrics.jsonl");
    compare_curve_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found_by_their_whole_names),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_left_out_and_counted, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_zero_byte_damages_its_own_line_alone, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(an_endless_line_is_one_damaged_line, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(what_was_rolled_back_is_no_part_of_it, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(between_rows_it_is_linear_and_beyond_it_stays, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_threshold_counts_where_it_is_held, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(the_first_hundred_episodes_are_no_beginning, files_setup,
                                        files_teardown),
        cmocka_unit_test_setup_teardown(a_run_without_metrics_is_named, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
