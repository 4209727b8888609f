/* SPDX-License-Identifier: MIT */
/* test_usage.c - a leak is seen: memory and descriptors of a process, and the slope of a row of
 * numbers with its interval. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/chaos/usage.h"
#include "tests/onic_test.h"

static void what_a_process_takes_is_seen(void **state)
{
    enum { MB = 40, FILES = 30 };
    struct usage before, after;
    int fd[FILES];
    (void)state;
    assert_true(usage_of(getpid(), &before));
    char *memory = malloc(MB * 1000000);
    assert_non_null(memory);
    memset(memory, 1, MB * 1000000);
    for (int i = 0; i < FILES; i++)
        fd[i] = open("/dev/null", O_RDONLY);
    assert_true(usage_of(getpid(), &after));
    assert_int_equal(after.files - before.files, FILES);
    assert_close(after.rss_mb - before.rss_mb, MB, 0.05, 0);
    assert_close(after.anon_mb - before.anon_mb, MB, 0.05, 0);
    for (int i = 0; i < FILES; i++)
        close(fd[i]);
    free(memory);
    assert_false(usage_of(-5, &after));
}

/* Two hours, a value each ten seconds, 0.3 of noise: two more an hour are told from none. */
static void a_slope_is_told_from_noise(void **state)
{
    enum { N = 720 };
    static double t[N], y[N];
    struct rng rng = rng_stream(3, "slope", 0, 0, 0);
    struct slope s;
    (void)state;
    for (int leaks = 0; leaks < 2; leaks++) {
        for (int i = 0; i < N; i++) {
            t[i] = i / 360.0;
            y[i] = 30 + 2.0 * leaks * t[i] + 0.6 * (rng_below(&rng, 1000) / 1000.0 - 0.5);
        }
        assert_true(slope_of(t, y, N, 12, &s));
        assert_int_equal(s.blocks, 60);
        assert_true(s.half_width > 0 && s.half_width < 0.2);
        assert_true(fabs(s.per_unit - 2.0 * leaks) <= 1.5 * s.half_width);
    }
    assert_false(slope_of(t, y, 40, 12, &s)); /* three blocks are none */
}

/* 1, 2, 4, 8 at 0, 1, 2, 3: 2.3 a unit; the squares of what is left are 2.3 together, and the
 * half width 4.303 sqrt(2.3 / 2 / 5). */
static void the_numbers_are_those_of_least_squares(void **state)
{
    static const double t[] = {0, 1, 2, 3}, y[] = {1, 2, 4, 8};
    static const int files[] = {9, 2, 7, 7, 1};
    struct slope s;
    (void)state;
    assert_true(slope_of(t, y, 4, 1, &s));
    assert_close(s.per_unit, 2.3, 1e-12, 0);
    assert_close(s.half_width, 4.303 * sqrt(2.3 / 2 / 5), 1e-6, 0);
    assert_int_equal(median_of(files, 5), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_process_takes_is_seen),
        cmocka_unit_test(a_slope_is_told_from_noise),
        cmocka_unit_test(the_numbers_are_those_of_least_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
