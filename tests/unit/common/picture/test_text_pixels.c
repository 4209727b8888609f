/* SPDX-License-Identifier: MIT */
/* test_text_pixels.c - every character where it belongs, in its colours, and nothing elsewhere. */
#include "common/picture/text_pixels.h"

#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"

static struct pixels p;

static int text_setup(void **state)
{
    (void)state;
    pixels_size(&p, 20 * FONT_WIDTH, 6 * FONT_HEIGHT);
    return 0;
}

static int text_teardown(void **state)
{
    (void)state;
    pixels_free(&p);
    return 0;
}

static int draw(int rows, int cols, bool fold, const char *lines)
{
    struct text_area area = {
        .x = FONT_WIDTH, .y = FONT_HEIGHT, .rows = rows, .cols = cols, .fold = fold};
    return text_pixels_draw(&p, &area, lines);
}

/* The cell of the area holds exactly this character. */
static void cell_is(int row, int col, uint32_t character, uint8_t front, uint8_t back)
{
    const uint8_t *glyph = font_glyph(character);
    assert_non_null(glyph);
    for (int y = 0; y < FONT_HEIGHT; y++)
        for (int x = 0; x < FONT_WIDTH; x++) {
            int at = ((row + 1) * FONT_HEIGHT + y) * p.width + (col + 1) * FONT_WIDTH + x;
            uint8_t want = glyph[y] >> (7 - x) & 1 ? front : back;
            if (p.at[at] != want)
                fail_msg("U+%04X at row %d, column %d: pixel %d, %d is %d and not %d", character,
                         row, col, x, y, p.at[at], want);
        }
}

/* Everything outside of the area is as it was. */
static void nothing_is_outside(int rows, int cols)
{
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++) {
            bool inside = y >= FONT_HEIGHT && y < (rows + 1) * FONT_HEIGHT && x >= FONT_WIDTH &&
                          x < (cols + 1) * FONT_WIDTH;
            assert_true(inside || p.at[y * p.width + x] == 0);
        }
}

static void characters_are_those_of_the_font(void **state)
{
    static const uint8_t letter_a[FONT_HEIGHT] = {0,    0,    0x18, 0x24, 0x42, 0x42, 0x42,
                                                  0x7e, 0x42, 0x42, 0x42, 0,    0};
    (void)state;
    assert_memory_equal(font_glyph('A'), letter_a, FONT_HEIGHT);
    assert_null(font_glyph(0x7f));
    assert_null(font_glyph(0x4e00));
    for (uint32_t c = 0x21; c < 0x7f; c++) { /* no two look the same */
        assert_non_null(font_glyph(c));
        for (uint32_t d = 0x20; d < c; d++)
            assert_memory_not_equal(font_glyph(c), font_glyph(d), FONT_HEIGHT);
    }
    assert_int_equal(draw(3, 10, false, "Ab\n \xc3\xa9\xe2\x94\x80\n"), 2);
    cell_is(0, 0, 'A', TEXT_PIXELS_PLAIN, 0);
    cell_is(0, 1, 'b', TEXT_PIXELS_PLAIN, 0);
    cell_is(1, 1, 0xe9, TEXT_PIXELS_PLAIN, 0);
    cell_is(1, 2, 0x2500, TEXT_PIXELS_PLAIN, 0);
    nothing_is_outside(2, 3);
}

static void colours_are_those_of_the_sequences(void **state)
{
    (void)state;
    draw(4, 18, false,
         "\x1b[31ma\x1b[1mb\x1b[0mc\x1b[7md\x1b[0;1;33me\x1b[m\x1b[91;44mf\x1b[49mg\n"
         "\x1b[0;38;5;208;48;5;238mh\x1b[39mi\x1b[0;38;2;255;0;0mj\x1b[0m\x1b[3zk\x1b[38;5ml\n");
    cell_is(0, 0, 'a', 1, 0);
    cell_is(0, 1, 'b', 9, 0);
    cell_is(0, 2, 'c', 7, 0);
    cell_is(0, 3, 'd', 0, 7);
    cell_is(0, 4, 'e', 11, 0);
    cell_is(0, 5, 'f', 9, 4);
    cell_is(0, 6, 'g', 9, 0);
    cell_is(1, 0, 'h', 208, 238);
    cell_is(1, 1, 'i', 7, 238);
    cell_is(1, 2, 'j', 196, 0);
    cell_is(1, 3, 'k', 7, 0);
    cell_is(1, 4, 'l', 7, 0);
}

static void what_does_not_fit_is_cut_or_folded(void **state)
{
    (void)state;
    assert_int_equal(draw(2, 4, false, "abcdefgh\nij\nkl\n"), 2);
    cell_is(0, 3, 'd', 7, 0);
    cell_is(1, 0, 'i', 7, 0);
    nothing_is_outside(2, 4);
    text_setup(NULL);
    assert_int_equal(draw(4, 6, true, "ab cdefgh\nx\n"), 3);
    cell_is(0, 1, 'b', 7, 0); /* "ab " is less than half of a row: the word is broken */
    cell_is(0, 5, 'e', 7, 0);
    cell_is(1, 0, 'f', 7, 0);
    cell_is(2, 0, 'x', 7, 0);
    nothing_is_outside(3, 6);
    text_setup(NULL);
    assert_int_equal(draw(4, 6, true, "abcd efg"), 2);
    cell_is(1, 0, 'e', 7, 0);
    text_setup(NULL);
    draw(2, 3, true, "a\xe4\xb8\x80\xe4\xb8\x80"); /* two columns each: "a one", "one" */
    nothing_is_outside(2, 3);
    assert_true(p.at[(FONT_HEIGHT + 1) * p.width + 2 * FONT_WIDTH + 1] == 7);
}

static void hostile_text_stays_inside(void **state)
{
    int rows, cols;
    (void)state;
    draw(2, 5, true, hostile_text);
    nothing_is_outside(2, 5);
    draw(2, 5, false,
         "\x1b[999999999;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m!\x1b[38;5;m\x1b[\n\x1b");
    draw(2, 5, true, "\x1b[48;2;9m\xff\xfe\xe2\x82");
    nothing_is_outside(2, 5);
    text_pixels_measure("", &rows, &cols);
    assert_int_equal(rows + cols, 0);
    text_pixels_measure("\x1b[31mab\x1b[0m\n\xe4\xb8\x80\xe4\xb8\x80\n\n", &rows, &cols);
    assert_int_equal(rows, 3);
    assert_int_equal(cols, 4);
}

int main(void)
{
#define TEXT(name) cmocka_unit_test_setup_teardown(name, text_setup, text_teardown)
    const struct CMUnitTest tests[] = {
        TEXT(characters_are_those_of_the_font),
        TEXT(colours_are_those_of_the_sequences),
        TEXT(what_does_not_fit_is_cut_or_folded),
        TEXT(hostile_text_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
