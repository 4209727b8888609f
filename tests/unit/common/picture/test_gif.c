/* SPDX-License-Identifier: MIT */
/* test_gif.c - what another reader finds in our GIFs: every picture, every colour, every time. */
#include "common/picture/gif.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "tests/onic_test.h"
#include "tests/support/gif_read.h"

static struct gif_movie movie;

static void movie_of(const struct buf *file)
{
    gif_read(&movie, (const uint8_t *)file->data, file->len);
}

static void shows(int frame, const struct pixels *want)
{
    assert_memory_equal(movie.frame[frame], want->at, (size_t)want->width * (size_t)want->height);
}

static void the_colours_are_those_of_terminals(void **state)
{
    struct pixels p = {.at = NULL};
    struct buf file;
    (void)state;
    buf_init(&file, 1 << 20);
    pixels_size(&p, 16, 16);
    for (int i = 0; i < 256; i++)
        p.at[i] = (uint8_t)i;
    struct gif *g = gif_create(&file);
    assert_ok(gif_frame(g, &p, 7, &err));
    assert_ok(gif_finish(g, &err));
    movie_of(&file);
    shows(0, &p);
    assert_true(movie.endless);
    static const struct {
        int colour;
        uint8_t rgb[3];
    } known[] = {{0, {0, 0, 0}},        {1, {205, 0, 0}},       {15, {255, 255, 255}},
                 {16, {0, 0, 0}},       {21, {0, 0, 255}},      {110, {135, 175, 215}},
                 {196, {255, 0, 0}},    {231, {255, 255, 255}}, {232, {8, 8, 8}},
                 {255, {238, 238, 238}}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_memory_equal(movie.rgb[known[i].colour], known[i].rgb, 3);
    assert_int_equal(pixels_nearest(255, 4, 0), 196);
    assert_int_equal(pixels_nearest(120, 117, 119), 243);
    gif_free(g);
    gif_movie_free(&movie);
    buf_release(&file);
    pixels_free(&p);
}

/* Noise needs every code there is, and more than once. */
static void any_picture_comes_back(void **state)
{
    static const int sizes[][2] = {{1, 1}, {3, 2}, {257, 131}, {1, 300}, {640, 400}};
    struct rng rng = rng_stream(5, "gif", 0, 0, 0);
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct pixels p = {.at = NULL};
        struct buf file;
        buf_init(&file, 1 << 24);
        pixels_size(&p, sizes[i][0], sizes[i][1]);
        int pixels = p.width * p.height, colours = i == 4 ? 3 : 256;
        for (int k = 0; k < pixels; k++)
            p.at[k] = (uint8_t)rng_below(&rng, (uint32_t)colours);
        struct gif *g = gif_create(&file);
        assert_ok(gif_frame(g, &p, 1, &err));
        assert_ok(gif_finish(g, &err));
        movie_of(&file);
        assert_int_equal(movie.frames, 1);
        assert_int_equal(movie.width, p.width);
        assert_int_equal(movie.height, p.height);
        shows(0, &p);
        gif_free(g);
        gif_movie_free(&movie);
        buf_release(&file);
        pixels_free(&p);
    }
}

/* Changes at the borders, none at all, and everywhere. */
static void what_changes_is_seen_when_and_as_long_as_it_should(void **state)
{
    enum { W = 40, H = 30 };
    static const struct {
        int x, y, width, height, hundredths;
    } change[] = {{0, 0, 0, 0, 10},  {39, 29, 1, 1, 17}, {0, 0, 1, 1, 3},   {0, 0, 0, 0, 5},
                  {5, 7, 9, 11, 20}, {0, 0, W, H, 1},    {0, 29, W, 1, 100}};
    struct pixels p = {.at = NULL}, want[7] = {{.at = NULL}};
    int hundredths[7] = {0}, n = 0;
    struct buf file;
    (void)state;
    buf_init(&file, 1 << 20);
    struct gif *g = gif_create(&file);
    pixels_size(&p, W, H);
    for (int i = 0; i < 7; i++) {
        pixels_fill(&p, change[i].x, change[i].y, change[i].width, change[i].height,
                    (uint8_t)(200 + i));
        assert_ok(gif_frame(g, &p, change[i].hundredths, &err));
        if (i == 0 || change[i].width > 0) { /* else it is the frame before that stays */
            pixels_size(&want[n], W, H);
            memcpy(want[n++].at, p.at, W * H);
        }
        hundredths[n - 1] += change[i].hundredths;
    }
    assert_ok(gif_finish(g, &err));
    movie_of(&file);
    assert_int_equal(movie.frames, n);
    assert_int_equal(n, 6);
    for (int i = 0; i < n; i++) {
        shows(i, &want[i]);
        assert_int_equal(movie.hundredths[i], hundredths[i]);
        pixels_free(&want[i]);
    }
    gif_free(g);
    gif_movie_free(&movie);
    buf_release(&file);
    pixels_free(&p);
}

static void a_long_stay_is_as_long(void **state)
{
    struct pixels p = {.at = NULL};
    struct buf file;
    (void)state;
    buf_init(&file, 1 << 20);
    pixels_size(&p, 4, 4);
    struct gif *g = gif_create(&file);
    for (int i = 0; i < 3; i++)
        assert_ok(gif_frame(g, &p, 60000, &err));
    assert_ok(gif_finish(g, &err));
    movie_of(&file);
    int total = 0;
    for (int i = 0; i < movie.frames; i++) {
        shows(i, &p);
        total += movie.hundredths[i];
    }
    assert_int_equal(total, 180000);
    gif_free(g);
    gif_movie_free(&movie);
    buf_release(&file);
    pixels_free(&p);
}

static void what_becomes_too_large_is_refused(void **state)
{
    struct rng rng = rng_stream(6, "gif", 0, 0, 0);
    struct pixels p = {.at = NULL};
    struct buf file;
    int rc = ONIC_OK;
    struct onic_err why = {0};
    (void)state;
    buf_init(&file, 1 << 20);
    pixels_size(&p, 500, 500);
    struct gif *g = gif_create(&file);
    for (int i = 0; !rc && i < 20; i++) {
        for (int k = 0; k < 500 * 500; k++)
            p.at[k] = (uint8_t)rng_below(&rng, 256);
        rc = gif_frame(g, &p, 10, &why);
    }
    assert_int_equal(rc, ONIC_ELIMIT);
    assert_non_null(strstr(why.msg, "larger than 1 MiB"));
    gif_free(g); /* without an end */
    buf_release(&file);
    pixels_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_colours_are_those_of_terminals),
        cmocka_unit_test(any_picture_comes_back),
        cmocka_unit_test(what_changes_is_seen_when_and_as_long_as_it_should),
        cmocka_unit_test(a_long_stay_is_as_long),
        cmocka_unit_test(what_becomes_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
