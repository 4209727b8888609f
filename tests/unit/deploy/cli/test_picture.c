/* SPDX-License-Identifier: MIT */
/* test_picture.c - what an environment that draws nothing observes, as lines of text: tables, and
 * pictures in half blocks. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "deploy/cli/picture.h"
#include "tests/onic_test.h"

#define BLOCK "\xe2\x96\x80"

static const struct env_family silent = {.family = "silent"};

/* A picture whose channel c at (y, x) is value(y, x, c), drawn. */
static const char *drawn(int h, int w, int c, bool first, int (*value)(int y, int x, int c))
{
    static char text[1 << 20];
    struct env e = {.family = &silent};
    struct buf out;
    snprintf(e.spec.id, sizeof e.spec.id, "silent");
    obs_spec_add(&e.spec.obs, "view", OBS_U8, 3,
                 first ? (const int[]){c, h, w} : (const int[]){h, w, c});
    uint8_t *obs = xmalloc(e.spec.obs.obs_bytes);
    for (int i = 0; i < h * w; i++)
        for (int k = 0; k < c; k++)
            obs[first ? k * h * w + i : i * c + k] = (uint8_t)value(i / w, i % w, k);
    buf_init(&out, sizeof text);
    picture_draw(&e, obs, &out);
    snprintf(text, sizeof text, "%s", out.data);
    buf_release(&out);
    free(obs);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static int red_above_blue(int y, int x, int c)
{
    (void)x;
    return c == (y % 2 ? 2 : 0) ? 255 : 0;
}

/* Red and blue of the cube are 196 and 21. */
static void two_pixels_are_a_character(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        const char *text = drawn(16, 20, 3, first, red_above_blue);
        assert_int_equal(count(text, "\x1b[38;5;196;48;5;21m" BLOCK), 8 * 20);
        assert_int_equal(count(text, BLOCK), 8 * 20);
        assert_int_equal(count(text, "\x1b[0m\n"), 8);
        assert_non_null(strstr(text, "view:\n"));
    }
}

static int last_is_bright(int y, int x, int c)
{
    (void)y, (void)x;
    return c == 3 ? 255 : 0;
}

static void of_a_stack_of_frames_the_last_is_shown(void **state)
{
    (void)state;
    const char *text = drawn(84, 84, 4, true, last_is_bright);
    int blocks = count(text, BLOCK);
    assert_true(blocks > 0 && blocks <= 64 * 24);
    assert_int_equal(count(text, "\x1b[38;5;231;48;5;231m" BLOCK), blocks);
}

static int columns_alternate(int y, int x, int c)
{
    (void)y, (void)c;
    return x % 4 < 2 ? 255 : 0;
}

static void a_large_picture_is_made_small_by_means(void **state)
{
    (void)state;
    const char *text = drawn(256, 256, 3, false, columns_alternate);
    /* 48 x 48 of 5 or 6 columns each: greys between, no black and no white */
    assert_int_equal(count(text, BLOCK), 48 * 24);
    assert_int_equal(count(text, "38;5;16;"), 0);
    assert_int_equal(count(text, "38;5;231;"), 0);
    text = drawn(16, 256, 1, false, columns_alternate);
    assert_int_equal(count(text, BLOCK), 64 * 2);
}

static void what_is_too_small_is_a_table(void **state)
{
    (void)state;
    const char *text = drawn(7, 7, 3, false, red_above_blue);
    assert_int_equal(count(text, BLOCK), 0);
    assert_non_null(strstr(text, " 255 0 0\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_pixels_are_a_character),
        cmocka_unit_test(of_a_stack_of_frames_the_last_is_shown),
        cmocka_unit_test(a_large_picture_is_made_small_by_means),
        cmocka_unit_test(what_is_too_small_is_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
