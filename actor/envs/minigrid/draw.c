/* SPDX-License-Identifier: MIT */
/* draw.c - the world in pixels, for recordings: things look as in the package, the agent is a red
 * triangle, the visible cells are lighter; the mission stands above, what the agent carries below.
 *
 * A tile is drawn pixel by pixel: (u, v) is a point of it, from (0, 0) top left to (1, 1). */
#include "actor/envs/minigrid/tiles.h"
#include "common/picture/text_pixels.h"

enum { GRID_SIDE_MAX = 416, TILE_MAX = 32 }; /* pixels */

/* --- the grid -------------------------------------------------------------------------------- */

struct mg_canvas {
    const struct minigrid *m;
    struct pixels *out;
    int tile, left, top; /* pixels: side of a tile; where the grid begins */
    /* colours that were looked up: of 5 bits of red, green and blue each, 0 = not yet */
    uint8_t found[1 << 15];
};

static uint8_t mg_colour(struct mg_canvas *c, struct mg_shade s, bool visible)
{
    if (visible)
        s = mg_lighter(s);
    const int *rgb = s.rgb;
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
            struct mg_shade s = mg_point(*mg_at(m, x, y), u, v);
            if (agent && mg_agent_covers(m->s.dir, u, v))
                s = (struct mg_shade){{255, 0, 0}};
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
