/* SPDX-License-Identifier: MIT */
/* test_char_view.c - characters as a picture, status as numbers. */
#include "common/policy/encoders/oni_default/char_view.h"

#include "common/policy/nethack_obs.h"
#include "tests/onic_test.h"
#include "tests/support/char_picture.h"

static uint8_t chars[NETHACK_ROWS * NETHACK_COLS], colors[NETHACK_ROWS * NETHACK_COLS];
static float picture[CHAR_SIDE * CHAR_SIDE * 3];

static void show(int64_t x, int64_t y)
{
    struct char_cell cells[CHAR_CELLS * CHAR_CELLS];
    char_view_crop(chars, colors, x, y, CHAR_HERO, cells);
    char_picture_draw(cells, 1.0f, picture);
}

/* Sum of one channel over one cell. */
static double cell(int row, int col, int channel)
{
    double sum = 0;
    for (int i = 0; i < CHAR_PIXELS; i++)
        for (int j = 0; j < CHAR_PIXELS; j++)
            sum +=
                (double)picture[((row * CHAR_PIXELS + i) * CHAR_SIDE + col * CHAR_PIXELS + j) * 3 +
                                channel];
    return sum;
}

static void put(int x, int y, char c, uint8_t colour)
{
    chars[y * NETHACK_COLS + x] = (uint8_t)c;
    colors[y * NETHACK_COLS + x] = colour;
}

static int clear(void **state)
{
    (void)state;
    memset(chars, ' ', sizeof chars);
    memset(colors, 0, sizeof colors);
    return 0;
}

static void like_oni_one_cell_lower_and_up_to_255(void **state)
{
    (void)state;
    struct char_cell cells[CHAR_CELLS * CHAR_CELLS];
    put(40, 10, '@', 15);
    show(40, 10);
    double plain = cell(6, 6, 0);
    char_view_crop(chars, colors, 40, 10, CHAR_HERO_ONI, cells);
    char_picture_draw(cells, 255.0f, picture);
    assert_close(cell(7, 6, 0), 255 * plain, 1e-5, 0);
    assert_close(cell(6, 6, 0), 0, 0, 0);
}

static void the_hero_stands_in_cell_6_6(void **state)
{
    (void)state;
    put(40, 10, '@', 15);
    put(39, 9, 'd', 1); /* dark red */
    show(40, 10);
    assert_true(cell(6, 6, 0) > 3 && cell(6, 6, 1) > 3 && cell(6, 6, 2) > 3);
    assert_close(cell(6, 6, 0), cell(6, 6, 2), 0, 0);
    assert_true(cell(5, 5, 0) > 1);
    assert_close(cell(5, 5, 1), 0, 0, 0);
    double all = 0;
    for (int i = 0; i < CHAR_CELLS * CHAR_CELLS; i++)
        all += cell(i / CHAR_CELLS, i % CHAR_CELLS, 0);
    assert_close(all, cell(6, 6, 0) + cell(5, 5, 0), 1e-6, 0);
    for (size_t i = 0; i < sizeof picture / sizeof *picture; i++)
        assert_true(picture[i] >= 0 && picture[i] <= 1);
}

static void outside_the_map_is_black(void **state)
{
    (void)state;
    put(0, 0, '@', 15);
    show(0, 0);
    assert_true(cell(6, 6, 0) > 3);
    assert_close(cell(0, 0, 0), 0, 0, 0);
    show(-1, 3); /* what a peer sent */
    assert_close(cell(6, 6, 0), 0, 0, 0);
    show(INT64_MAX, INT64_MIN);
    assert_close(cell(6, 6, 0), 0, 0, 0);
}

static void characters_differ_and_so_do_colours(void **state)
{
    (void)state;
    static const char some[] = "@#.|-+d<>{}^%$!?/";
    double seen[sizeof some][2];
    for (size_t i = 0; i + 1 < sizeof some; i++) {
        put(40, 10, some[i], 15);
        show(40, 10);
        seen[i][0] = cell(6, 6, 0);
        seen[i][1] = (double)picture[((6 * CHAR_PIXELS + 2) * CHAR_SIDE + 6 * CHAR_PIXELS + 2) * 3];
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i][0] != seen[k][0] || seen[i][1] != seen[k][1]);
    }
}

static void numbers_are_scaled_and_clipped(void **state)
{
    (void)state;
    int64_t b[NETHACK_BLSTATS] = {79, 21, 18, 10, 10, 10, 10, 10, 10, 99999, 12, 16, 4, 500};
    float v[NETHACK_BLSTATS];
    b[20] = 1000000;
    b[24] = 3;
    nethack_numbers(b, v);
    assert_close(v[0], 1, 1e-6, 0);
    assert_close(v[1], 1, 1e-6, 0);
    assert_close(v[2], 0, 0, 0);
    assert_close(v[3], 1, 1e-6, 0);
    assert_close(v[9], 0, 0, 0);  /* score */
    assert_close(v[12], 0, 0, 0); /* depth: ONI's policy does not see it */
    assert_close(v[13], 0.5, 1e-6, 0);
    assert_close(v[20], 5, 0, 0);
    assert_close(v[24], 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_hero_stands_in_cell_6_6, clear),
        cmocka_unit_test_setup(like_oni_one_cell_lower_and_up_to_255, clear),
        cmocka_unit_test_setup(outside_the_map_is_black, clear),
        cmocka_unit_test_setup(characters_differ_and_so_do_colours, clear),
        cmocka_unit_test(numbers_are_scaled_and_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
