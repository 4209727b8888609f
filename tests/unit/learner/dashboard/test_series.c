/* SPDX-License-Identifier: MIT */
/* test_series.c - curves stay what they are in bounded memory, and lose what was rolled back. */
#include "learner/dashboard/series.h"

#include <jansson.h>

#include "tests/onic_test.h"

static struct numbers numbers;

static void push(struct series *s, double wall_s, double steps, double value)
{
    numbers.count = 0;
    numbers_put(&numbers, "env_steps", steps);
    numbers_put(&numbers, "a/b", value);
    series_push(s, wall_s, &numbers);
}

static json_t *read_back(const struct series *s, const char *names)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    series_json(s, names, &b);
    json_t *o = json_loads(b.data, 0, NULL);
    assert_non_null(o);
    buf_release(&b);
    return o;
}

static const json_t *column(const json_t *o, const char *tag)
{
    return json_object_get(json_object_get(o, "tags"), tag);
}

static double item(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static void what_is_pushed_comes_back(void **state)
{
    (void)state;
    struct series *s = series_create();
    push(s, 1, 100, 0.25);
    push(s, 2, 200, (double)NAN);
    push(s, 3, 300, 0.75);
    json_t *o = read_back(s, "nothing,a/b");
    const json_t *a = column(o, "a/b");
    assert_int_equal(json_array_size(a), 3);
    assert_close(item(a, 0), 0.25, 1e-6, 0);
    assert_true(json_is_null(json_array_get(a, 1)));
    assert_close(item(json_object_get(o, "env_steps"), 2), 300, 0, 0);
    assert_close(item(json_object_get(o, "wall_s"), 2), 3, 0, 0);
    assert_null(column(o, "env_steps"));
    assert_null(column(o, "nothing"));
    json_decref(o);
    series_free(s);
}

/* Means of means of equally many are the mean. */
static void a_long_run_keeps_its_mean_and_its_ends(void **state)
{
    (void)state;
    struct series *s = series_create();
    int n = 5 * SERIES_POINTS + 300; /* not at a halving */
    for (int i = 1; i <= n; i++)
        push(s, i, 10.0 * i, i % 2);
    assert_true(series_points(s) <= SERIES_POINTS);
    assert_true(series_points(s) >= SERIES_POINTS / 2);
    json_t *o = read_back(s, "a/b");
    const json_t *a = column(o, "a/b"), *steps = json_object_get(o, "env_steps");
    size_t last = json_array_size(a) - 1;
    assert_int_equal(json_array_size(steps), last + 1);
    assert_close(item(steps, last), 10.0 * n, 0.01, 0);
    for (size_t i = 0; i <= last; i++)
        assert_close(item(a, i), 0.5, 0, 1e-6);
    for (size_t i = 1; i <= last; i++)
        assert_true(item(steps, i) > item(steps, i - 1));
    json_decref(o);
    series_free(s);
}

static void what_a_checkpoint_rolled_back_goes(void **state)
{
    (void)state;
    struct series *s = series_create();
    for (int i = 1; i <= 10; i++)
        push(s, i, 100.0 * i, i);
    push(s, 11, 450, 77);
    json_t *o = read_back(s, "a/b");
    const json_t *a = column(o, "a/b");
    assert_int_equal(json_array_size(a), 5);
    assert_close(item(a, 3), 4, 0, 0);
    assert_close(item(a, 4), 77, 0, 0);
    json_decref(o);
    series_free(s);
}

/* One that comes late has a gap before it, in place. */
static void a_number_that_comes_late_has_a_gap_before(void **state)
{
    (void)state;
    struct series *s = series_create();
    push(s, 1, 1, 1);
    numbers.count = 0;
    numbers_put(&numbers, "env_steps", 2);
    numbers_put(&numbers, "late", 5);
    series_push(s, 2, &numbers);
    json_t *o = read_back(s, "late");
    assert_true(json_is_null(json_array_get(column(o, "late"), 0)));
    assert_close(item(column(o, "late"), 1), 5, 0, 0);
    json_decref(o);
    series_free(s);
}

static void more_names_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    struct series *s = series_create();
    for (int k = 0; k < 3; k++) {
        numbers.count = 0;
        for (int i = 0; i < NUMBERS_MAX + 5; i++) {
            char name[32];
            snprintf(name, sizeof name, "x/%d", i + 300 * k);
            numbers_put(&numbers, name, i);
        }
        assert_int_equal(numbers.count, NUMBERS_MAX);
        series_push(s, k + 1, &numbers);
    }
    assert_int_equal(series_points(s), 3);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pushed_comes_back),
        cmocka_unit_test(a_long_run_keeps_its_mean_and_its_ends),
        cmocka_unit_test(what_a_checkpoint_rolled_back_goes),
        cmocka_unit_test(a_number_that_comes_late_has_a_gap_before),
        cmocka_unit_test(more_names_than_there_is_room_for_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
