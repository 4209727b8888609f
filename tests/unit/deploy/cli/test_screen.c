/* SPDX-License-Identifier: MIT */
/* test_screen.c - frames in windows of every size: nothing wraps, nothing scrolls, and what is left
 * out is said. */
#include "deploy/cli/screen.h"

#include "tests/onic_test.h"
#include "tests/support/hostile_text.h"
#include "tests/support/vt.h"

static const struct screen_status status = {"playing, 6 steps/s", "space pauses, q quit", "q"};
static struct vt window;

static void draw(int rows, int cols, const char *picture, const char *text)
{
    struct screen s = {.rows = rows, .cols = cols, .colour = true};
    struct buf out;
    buf_init(&out, 1 << 20);
    vt_init(&window, rows, cols);
    for (int i = 0; i < 2; i++) { /* the second over the first */
        buf_reset(&out);
        screen_frame(&s, picture, text, &status, &out);
        vt_write(&window, out.data, out.len);
    }
    buf_release(&out);
    assert_int_equal(window.scrolled, 0);
    assert_int_equal(window.wrapped, 0);
    assert_int_equal(window.unknown, 0);
    assert_true(window.wrap);
}

/* A map as NetHack has it, full to the margin, in colours. */
static void put_map(char *out, int rows, int cols)
{
    *out = '\0';
    for (int r = 0; r < rows; r++) {
        strcat(out, r % 2 ? "\x1b[0;37m" : "\x1b[1;31m");
        for (int c = 0; c < cols; c++)
            strcat(out, c == cols - 1 ? "|" : r == rows - 1 ? "_" : ".");
        strcat(out, "\n");
    }
}

static void a_frame_never_leaves_its_window(void **state)
{
    static const int sizes[][2] = {{1, 1},   {2, 3},   {3, 80},  {16, 50}, {24, 80},
                                   {25, 40}, {28, 79}, {28, 80}, {29, 81}, {100, 200}};
    char map[8192];
    (void)state;
    put_map(map, 24, 80);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        draw(sizes[i][0], sizes[i][1], map,
             "episode 1  step 3  action run northwest  value ext +0.100 int +0.200\n"
             "caption \"You see here several things that take more than eighty characters to say "
             "of it all, at least.\"\nlabel 1\n");
}

/* Of a picture only colours pass, of other text not even these where they are not asked for. */
static void what_acts_on_a_terminal_is_left_out(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1 << 16);
    screen_lines(hostile_text, true, &out);
    assert_string_equal(out.data, "ab0;tc31md2Jefgh\n");
    buf_reset(&out);
    screen_lines("\x1b[1;31mred\x1b[>4;2m\x1b[?25l\x1b[2J", true, &out);
    assert_string_equal(out.data, "\x1b[1;31mred\x1b[0m\n");
    buf_reset(&out);
    screen_lines("\x1b[1;31mred", false, &out);
    assert_string_equal(out.data, "red\n");
    buf_release(&out);
}

static void a_window_that_holds_all_shows_all(void **state)
{
    char map[8192];
    (void)state;
    put_map(map, 24, 80);
    draw(27, 80, map, "step 1\nlabel 1\n");
    assert_true(vt_shows(&window, "_|") && vt_shows(&window, "step 1"));
    assert_true(vt_shows(&window, "label 1"));
    assert_true(vt_shows(&window, "playing, 6 steps/s: space pauses, q quit"));
    assert_false(vt_shows(&window, "needs"));
    assert_int_equal(window.cut, 0);
}

static void what_does_not_fit_is_said(void **state)
{
    char map[8192];
    (void)state;
    put_map(map, 24, 80);
    draw(26, 80, map, "step 1\nlabel 1\n");
    assert_true(vt_shows(&window, "playing, 6 steps/s, needs 80 x 27: space pauses, q quit"));
    assert_true(vt_shows(&window, "label 1"));
    draw(40, 50, map, "step 1\n");
    assert_true(vt_shows(&window, "playing, 6 steps/s, needs 80 x 26: q"));
    draw(16, 50, map, "step 1\nlabel 1\n");
    assert_true(vt_shows(&window, "label 1") && vt_shows(&window, "needs 80 x 27"));
}

static void long_lines_of_text_are_folded_where_there_is_room(void **state)
{
    (void)state;
    draw(10, 20, "@..\n", "caption \"You unlock the yellow door.\"\n");
    assert_true(vt_shows(&window, "caption \"You unlock "));
    assert_true(vt_shows(&window, "the yellow door.\""));
    assert_false(vt_shows(&window, "needs"));
}

static void pictures_may_colour_and_nothing_else(void **state)
{
    (void)state;
    draw(10, 40,
         "a\x1b[31mb\x1b[2Jc\x1b[5;5Hd\x1b]0;title\ae\x1b"
         "7f\tg\x80h\xc2\x9bi\xc3\xa4j\n",
         "t\n");
    assert_int_equal(window.colours, 4); /* red and its end, twice */
    assert_true(vt_shows(&window, "abcd0;titleefghi?j"));
}

static void lines_for_a_file_hold_no_sequences(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    screen_lines("\x1b[31m#\x1b[0m\n\nlast", false, &out);
    assert_string_equal(out.data, "#\n\nlast\n");
    buf_reset(&out);
    screen_lines("\x1b[31m#\n", true, &out);
    assert_string_equal(out.data, "\x1b[31m#\x1b[0m\n");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_acts_on_a_terminal_is_left_out),
        cmocka_unit_test(a_frame_never_leaves_its_window),
        cmocka_unit_test(a_window_that_holds_all_shows_all),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(long_lines_of_text_are_folded_where_there_is_room),
        cmocka_unit_test(pictures_may_colour_and_nothing_else),
        cmocka_unit_test(lines_for_a_file_hold_no_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
