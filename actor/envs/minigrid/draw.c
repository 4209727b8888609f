/* SPDX-License-Identifier: MIT */
/* draw.c - the world in pixels, for recordings: things look as in the package, the agent is a red
 * triangle, the visible cells are lighter; the mission stands above, what the agent carries below.
 *
 * A tile is drawn pixel by pixel: (u, v) is a point of it, from (0, 0) top left to (1, 1). */
#include <math.h>

#include "actor/envs/minigrid/world.h"
#include "common/picture/text_pixels.h"

enum { GRID_SIDE_MAX = 416, TILE_MAX = 32 }; /* pixels */

struct shade {
    int rgb[3];
};

static const struct shade mg_shade[MG_COLORS] = {{{255, 0, 0}},   {{0, 255, 0}},
                                                 {{0, 0, 255}},   {{112, 39, 195}},
                                                 {{255, 255, 0}}, {{100, 100, 100}}};
static const struct shade black = {{0, 0, 0}}, line = {{100, 100, 100}}, lava = {{255, 128, 0}};

/* --- shapes ---------------------------------------------------------------------------------- */

static bool in_rect(double u, double v, double left, double right, double top, double bottom)
{
    return u >= left && u < right && v >= top && v < bottom;
}

static bool in_circle(double u, double v, double x, double y, double radius)
{
    return (u - x) * (u - x) + (v - y) * (v - y) <= radius * radius;
}

/* Within so far of the border of the tile. */
static bool in_frame(double u, double v, double from, double to)
{
    double edge = fmin(fmin(u, 1 - u), fmin(v, 1 - v));
    return edge >= from && edge < to;
}

static struct shade dimmed(struct shade c, double share)
{
    for (int i = 0; i < 3; i++)
        c.rgb[i] = (int)(c.rgb[i] * share);
    return c;
}

static bool key_covers(double u, double v)
{
    bool ring = in_circle(u, v, 0.56, 0.28, 0.19) && !in_circle(u, v, 0.56, 0.28, 0.064);
    return ring || in_rect(u, v, 0.50, 0.63, 0.40, 0.88) || in_rect(u, v, 0.38, 0.50, 0.59, 0.66) ||
           in_rect(u, v, 0.38, 0.50, 0.81, 0.88);
}

static bool box_covers(double u, double v)
{
    return in_frame(u, v, 0.12, 0.18) || in_rect(u, v, 0.16, 0.84, 0.47, 0.53);
}

static struct shade draw_door(enum mg_door state, struct shade c, double u, double v,
                              struct shade ground)
{
    if (state == MG_OPEN)
        return u < 0.88 ? ground : in_rect(u, v, 0.92, 0.96, 0.04, 0.96) ? black : c;
    if (state == MG_LOCKED)
        return in_frame(u, v, 0, 0.06) || in_rect(u, v, 0.52, 0.75, 0.50, 0.56) ? c
                                                                                : dimmed(c, 0.45);
    bool wood =
        in_frame(u, v, 0, 0.04) || in_frame(u, v, 0.08, 0.12) || in_circle(u, v, 0.75, 0.50, 0.08);
    return wood ? c : black;
}

static bool lava_wave(double u, double v)
{
    double height = 0.08 * sin(u * 4 * 3.14159265358979);
    for (int i = 0; i < 3; i++)
        if (fabs(v - (0.3 + 0.2 * i) - height) < 0.03)
            return true;
    return false;
}

static struct shade draw_thing(uint32_t cell, double u, double v)
{
    struct shade ground = u < 0.031 || v < 0.031 ? line : black, c = mg_shade[mg_color(cell)];
    switch (mg_type(cell)) {
    case MG_WALL:
        return line;
    case MG_FLOOR:
        return u < 0.031 || v < 0.031 ? line : dimmed(c, 0.5);
    case MG_DOOR:
        return draw_door(mg_door_state(cell), c, u, v, ground);
    case MG_KEY:
        return key_covers(u, v) ? c : ground;
    case MG_BALL:
        return in_circle(u, v, 0.5, 0.5, 0.31) ? c : ground;
    case MG_BOX:
        return box_covers(u, v) ? c : ground;
    case MG_GOAL:
        return c;
    case MG_LAVA:
        return lava_wave(u, v) ? black : lava;
    default:
        return ground;
    }
}

/* A triangle that points to the right, turned by quarters. */
static bool agent_covers(int dir, double u, double v)
{
    double ahead = (u - 0.5) * mg_dx(dir) + (v - 0.5) * mg_dy(dir) + 0.5;
    double aside = (v - 0.5) * mg_dx(dir) - (u - 0.5) * mg_dy(dir);
    return ahead >= 0.12 && fabs(aside) <= 0.31 * (0.87 - ahead) / 0.75;
}

/* --- the grid -------------------------------------------------------------------------------- */

struct mg_canvas {
    const struct minigrid *m;
    struct pixels *out;
    int tile, left, top; /* pixels: side of a tile; where the grid begins */
    /* colours that were looked up: of 5 bits of red, green and blue each, 0 = not yet */
    uint8_t found[1 << 15];
};

static uint8_t mg_colour(struct mg_canvas *c, struct shade s, bool visible)
{
    int *rgb = s.rgb;
    for (int i = 0; visible && i < 3; i++)
        rgb[i] += (255 - rgb[i]) * 3 / 10;
    uint8_t *known = &c->found[rgb[0] >> 3 << 10 | rgb[1] >> 3 << 5 | rgb[2] >> 3];
    if (!*known) /* the colours of the table that are looked for are never number 0 */
        *known = pixels_nearest(rgb[0], rgb[1], rgb[2]);
    return *known;
}

static void mg_draw_tile(struct mg_canvas *c, int x, int y, bool visible)
{
    const struct minigrid *m = c->m;
    bool agent = m->s.agent.x == x && m->s.agent.y == y;
    for (int py = 0; py < c->tile; py++)
        for (int px = 0; px < c->tile; px++) {
            double u = (px + 0.5) / c->tile, v = (py + 0.5) / c->tile;
            struct shade s = draw_thing(*mg_at(m, x, y), u, v);
            if (agent && agent_covers(m->s.dir, u, v))
                s = mg_shade[MG_RED];
            pixels_fill(c->out, c->left + x * c->tile + px, c->top + y * c->tile + py, 1, 1,
                        mg_colour(c, s, visible));
        }
}

static void mg_draw_text(const struct mg_canvas *c, int y, const char *text)
{
    struct text_area area = {.y = y, .rows = 1, .cols = c->out->width / FONT_WIDTH};
    text_pixels_draw(c->out, &area, text);
}

void mg_draw(const struct minigrid *m, struct pixels *out)
{
    struct mg_canvas c = {.m = m, .out = out, .top = FONT_HEIGHT + 3};
    int w = m->task->width, h = m->task->height, side = w > h ? w : h, rows, cols;
    uint64_t visible = mg_visible(m);
    struct buf mission, carried;
    buf_init(&mission, 4096);
    buf_init(&carried, 4096);
    mg_mission(m, &mission);
    mg_carried(m, &carried);
    text_pixels_measure(mission.data, &rows, &cols);
    c.tile = GRID_SIDE_MAX / side < TILE_MAX ? GRID_SIDE_MAX / side : TILE_MAX;
    int wide = cols * FONT_WIDTH > w * c.tile ? cols * FONT_WIDTH : w * c.tile;
    c.left = (wide - w * c.tile) / 2;
    pixels_size(out, wide, c.top + h * c.tile + 3 + FONT_HEIGHT);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            mg_draw_tile(&c, x, y, mg_is_visible(m, visible, x, y));
    mg_draw_text(&c, 0, mission.data);
    mg_draw_text(&c, c.top + h * c.tile + 3, carried.data);
    buf_release(&mission);
    buf_release(&carried);
}
