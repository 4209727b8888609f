/* SPDX-License-Identifier: MIT */
/* grid.c - cells, walls and random placement.
 *
 * Every random draw here is one of the package's, in its order: x before y, a colour from the
 * alphabetical list, a placement that draws again until the cell suits. Changing the order of two
 * draws changes every level of every seed. */
#include "actor/envs/minigrid/world.h"

#include <stdlib.h>

void mg_clear(struct minigrid *m)
{
    for (int y = 0; y < m->task->height; y++)
        for (int x = 0; x < m->task->width; x++)
            *mg_at(m, x, y) = MG_EMPTY_CELL;
}

void mg_wall_horz(struct minigrid *m, int x, int y, int length)
{
    for (int i = 0; i < length; i++)
        *mg_at(m, x + i, y) = MG_WALL_CELL;
}

void mg_wall_vert(struct minigrid *m, int x, int y, int length)
{
    for (int i = 0; i < length; i++)
        *mg_at(m, x, y + i) = MG_WALL_CELL;
}

void mg_wall_rect(struct minigrid *m, int x, int y, int w, int h)
{
    mg_wall_horz(m, x, y, w);
    mg_wall_horz(m, x, y + h - 1, w);
    mg_wall_vert(m, x, y, h);
    mg_wall_vert(m, x + w - 1, y, h);
}

enum mg_color mg_rand_color(struct minigrid *m)
{
    static const enum mg_color alphabetical[MG_COLORS] = {MG_BLUE,   MG_GREEN, MG_GREY,
                                                          MG_PURPLE, MG_RED,   MG_YELLOW};
    return alphabetical[mg_rand(m, 0, MG_COLORS)];
}

uint32_t mg_make(struct minigrid *m, enum mg_type type, enum mg_color color)
{
    ONIC_ASSERT(m->s.objects + 1 < MG_OBJECTS_MAX);
    m->s.objects++;
    m->s.content[m->s.objects] = 0;
    return MG_CELL(type, color, 0) | (uint32_t)m->s.objects << 24;
}

uint32_t mg_door(enum mg_color color, enum mg_door state)
{
    return MG_CELL(MG_DOOR, color, state) | (state == MG_OPEN ? 0 : MG_OPAQUE);
}

bool mg_place(struct minigrid *m, uint32_t cell, struct mg_pos top, struct mg_pos size,
              int min_distance, int tries, struct mg_pos *where)
{
    int right = top.x + size.x < m->task->width ? top.x + size.x : m->task->width;
    int bottom = top.y + size.y < m->task->height ? top.y + size.y : m->task->height;
    for (int n = 0; tries == 0 || n <= tries; n++) {
        int x = mg_rand(m, top.x, right);
        int y = mg_rand(m, top.y, bottom);
        int distance = abs(x - m->s.agent.x) + abs(y - m->s.agent.y);
        if (*mg_at(m, x, y) != MG_EMPTY_CELL || distance == 0 || distance < min_distance)
            continue;
        if (cell)
            *mg_at(m, x, y) = cell;
        *where = (struct mg_pos){(int16_t)x, (int16_t)y};
        return true;
    }
    return false;
}

bool mg_place_agent(struct minigrid *m, struct mg_pos top, struct mg_pos size, int tries)
{
    m->s.agent = (struct mg_pos){-1, -1};
    struct mg_pos where;
    if (!mg_place(m, 0, top, size, 0, tries, &where))
        return false;
    m->s.agent = where;
    m->s.dir = mg_rand(m, 0, 4);
    return true;
}
