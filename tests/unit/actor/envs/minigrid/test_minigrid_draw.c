/* SPDX-License-Identifier: MIT */
/* test_minigrid_draw.c - the picture in pixels shows every thing in its place, colour and state,
 * which way the agent looks, and what it sees. */
#include "actor/envs/minigrid/minigrid.h"
#include "common/picture/text_pixels.h"
#include "tests/onic_test.h"

/* The mission has 53 characters and is wider than the grid. */
enum { TILE = 32, TOP = FONT_HEIGHT + 3, WIDTH = 53 * FONT_WIDTH, LEFT = (WIDTH - 8 * TILE) / 2 };

static struct {
    struct env *env;
    struct minigrid *m;
    struct pixels p;
} w;

/* An empty 8 x 8 room, the agent at (1, 1) looking left into the wall. */
static int draw_setup(void **state)
{
    (void)state;
    static struct config cfg;
    struct env_result r;
    uint8_t obs[152];
    config_defaults(&cfg);
    assert_ok(env_create(&w.env, "minigrid:DoorKey-8x8", &cfg, 0, &err));
    w.m = &((struct minigrid_env *)w.env)->world;
    w.env->family->seed(w.env, 1);
    assert_ok(w.env->family->reset(w.env, obs, &r, &err));
    mg_clear(w.m);
    mg_wall_rect(w.m, 0, 0, 8, 8);
    w.m->s.agent = (struct mg_pos){1, 1};
    w.m->s.dir = 2;
    return 0;
}

static int draw_teardown(void **state)
{
    (void)state;
    env_free(w.env);
    pixels_free(&w.p);
    return 0;
}

static void put(int x, int y, uint32_t cell)
{
    *mg_at(w.m, x, y) = cell;
    w.env->family->draw(w.env, &w.p);
}

/* At (u, v) hundredths of the tile. */
static int at(int x, int y, int u, int v)
{
    return w.p.at[(TOP + y * TILE + v * TILE / 100) * w.p.width + LEFT + x * TILE + u * TILE / 100];
}

static int colour(int r, int g, int b)
{
    return pixels_nearest(r, g, b);
}

static void things_have_their_colour_and_shape(void **state)
{
    static const int rgb[MG_COLORS][3] = {{255, 0, 0},    {0, 255, 0},   {0, 0, 255},
                                          {112, 39, 195}, {255, 255, 0}, {100, 100, 100}};
    const int black = colour(0, 0, 0), line = colour(100, 100, 100);
    (void)state;
    put(5, 5, MG_EMPTY_CELL);
    assert_int_equal(w.p.width, WIDTH);
    assert_int_equal(w.p.height, TOP + 8 * TILE + 3 + FONT_HEIGHT);
    assert_int_equal(at(5, 5, 50, 50), black);
    assert_int_equal(at(5, 5, 0, 50), line);
    assert_int_equal(at(7, 5, 50, 50), line); /* a wall */
    for (enum mg_color c = MG_RED; c < MG_COLORS; c++) {
        int want = colour(rgb[c][0], rgb[c][1], rgb[c][2]);
        put(5, 5, mg_make(w.m, MG_BALL, c));
        assert_int_equal(at(5, 5, 50, 50), want);
        assert_int_equal(at(5, 5, 10, 10), black);
        put(5, 5, mg_make(w.m, MG_BOX, c));
        assert_int_equal(at(5, 5, 15, 30), want);
        assert_int_equal(at(5, 5, 50, 30), black);
        put(5, 5, mg_make(w.m, MG_KEY, c));
        assert_int_equal(at(5, 5, 57, 70), want);  /* shaft */
        assert_int_equal(at(5, 5, 45, 84), want);  /* tooth */
        assert_int_equal(at(5, 5, 56, 28), black); /* through the ring */
        put(5, 5, mg_door(c, MG_CLOSED));
        assert_int_equal(at(5, 5, 1, 50), want);
        assert_int_equal(at(5, 5, 75, 50), want); /* handle */
        assert_int_equal(at(5, 5, 50, 50), black);
        put(5, 5, mg_door(c, MG_OPEN));
        assert_int_equal(at(5, 5, 98, 50), want);
        assert_int_equal(at(5, 5, 50, 50), black);
        put(5, 5, mg_door(c, MG_LOCKED));
        assert_int_equal(at(5, 5, 60, 53), want); /* keyhole */
        assert_int_equal(at(5, 5, 30, 30), colour((int)(rgb[c][0] * 0.45), (int)(rgb[c][1] * 0.45),
                                                  (int)(rgb[c][2] * 0.45)));
    }
    put(5, 5, MG_GOAL_CELL);
    assert_int_equal(at(5, 5, 50, 50), colour(0, 255, 0));
    put(5, 5, MG_CELL(MG_LAVA, MG_RED, 0));
    assert_int_equal(at(5, 5, 50, 90), colour(255, 128, 0));
}

/* In each direction the nose is red and the corners beside it are not. */
static void the_agent_points_where_it_looks(void **state)
{
    static const int nose[4][2] = {{80, 50}, {50, 80}, {20, 50}, {50, 20}};
    (void)state;
    w.m->s.agent = (struct mg_pos){4, 3};
    for (int dir = 0; dir < 4; dir++) {
        w.m->s.dir = dir;
        put(5, 5, MG_EMPTY_CELL);
        int red = at(4, 3, 50, 50);
        assert_int_equal(red, colour(255, 76, 76)); /* where it stands it sees */
        for (int i = 0; i < 4; i++)                 /* the nose and the middle of the back */
            assert_int_equal(at(4, 3, nose[i][0], nose[i][1]) == red, i % 2 == dir % 2);
        int ahead[2] = {50 + 34 * mg_dx(dir), 50 + 34 * mg_dy(dir)};
        int aside[2] = {50 - 34 * mg_dx(dir) + 26 * mg_dy(dir),
                        50 - 34 * mg_dy(dir) + 26 * mg_dx(dir)};
        assert_int_equal(at(4, 3, ahead[0], ahead[1]), red);
        assert_int_equal(at(4, 3, aside[0], aside[1]), red); /* wide behind, narrow before */
        assert_int_not_equal(at(4, 3, 100 - aside[0], 100 - aside[1]), red);
        assert_int_not_equal(at(4, 3, 8, 8), red);
    }
}

static void what_is_seen_is_lighter(void **state)
{
    (void)state;
    w.m->s.agent = (struct mg_pos){3, 5};
    w.m->s.dir = 3; /* up: rows 0 to 5 */
    put(3, 3, mg_make(w.m, MG_BALL, MG_BLUE));
    assert_int_equal(at(3, 3, 50, 50), colour(76, 76, 255));
    assert_int_equal(at(3, 4, 50, 50), colour(76, 76, 76));
    assert_int_equal(at(3, 6, 50, 50), colour(0, 0, 0)); /* behind it */
    w.m->s.dir = 1;
    put(3, 3, mg_make(w.m, MG_BALL, MG_BLUE));
    assert_int_equal(at(3, 3, 50, 50), colour(0, 0, 255));
}

static int lit(int y, int height)
{
    int n = 0;
    for (int i = y * w.p.width; i < (y + height) * w.p.width; i++)
        n += w.p.at[i] == TEXT_PIXELS_PLAIN;
    return n;
}

static void the_mission_and_what_is_carried_are_written(void **state)
{
    (void)state;
    put(5, 5, MG_EMPTY_CELL);
    int nothing = lit(TOP + 8 * TILE, 3 + FONT_HEIGHT);
    assert_true(lit(0, TOP) > 100);
    assert_true(nothing > 50);
    w.m->s.carrying = mg_make(w.m, MG_KEY, MG_YELLOW);
    put(5, 5, MG_EMPTY_CELL);
    assert_int_not_equal(lit(TOP + 8 * TILE, 3 + FONT_HEIGHT), nothing);
}

int main(void)
{
#define DRAWN(name) cmocka_unit_test_setup_teardown(name, draw_setup, draw_teardown)
    const struct CMUnitTest tests[] = {
        DRAWN(things_have_their_colour_and_shape),
        DRAWN(the_agent_points_where_it_looks),
        DRAWN(what_is_seen_is_lighter),
        DRAWN(the_mission_and_what_is_carried_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
