/* SPDX-License-Identifier: MIT */
/* task_multiroom.c - MultiRoom: a chain of rooms of random size, closed doors between them, the
 * goal in the last one.
 *
 * Rooms are placed one after the other, each at an exit of the one before; a room that finds no
 * successor in eight draws ends the chain, and chains are drawn until one is long enough. The
 * package's peculiarities decide the levels and are kept: the room before is left out of the
 * overlap test, and the limits in x and y differ by one cell. */
#include "actor/envs/minigrid/world.h"

enum { ROOMS_MAX = 6, SIZE_MIN = 4, EXIT_TRIES = 8, SIDES = 4 };

struct room {
    struct mg_pos top, size, entry; /* entry: where its door is */
};

struct chain {
    struct room room[ROOMS_MAX];
    int count;
};

static struct mg_pos pos(int x, int y)
{
    return (struct mg_pos){(int16_t)x, (int16_t)y};
}

/* The corner of a room of the given size that has its entry in wall `side` (numbered like
 * directions). */
static struct mg_pos draw_top(struct minigrid *m, int side, struct mg_pos entry, struct mg_pos size)
{
    if (side == 0 || side == 2) {
        int x = side == 0 ? entry.x - size.x + 1 : entry.x;
        return pos(x, mg_rand(m, entry.y - size.y + 2, entry.y));
    }
    int x = mg_rand(m, entry.x - size.x + 2, entry.x);
    return pos(x, side == 1 ? entry.y - size.y + 1 : entry.y);
}

static struct mg_pos draw_exit(struct minigrid *m, int side, const struct room *r)
{
    if (side == 0 || side == 2) {
        int x = side == 0 ? r->top.x + r->size.x - 1 : r->top.x;
        return pos(x, r->top.y + mg_rand(m, 1, r->size.y - 1));
    }
    int x = r->top.x + mg_rand(m, 1, r->size.x - 1);
    return pos(x, side == 1 ? r->top.y + r->size.y - 1 : r->top.y);
}

static bool multiroom_fits(const struct minigrid *m, const struct chain *c, struct mg_pos top,
                           struct mg_pos size)
{
    if (top.x < 0 || top.y < 0 || top.x + size.x > m->task->width ||
        top.y + size.y >= m->task->height)
        return false;
    for (int i = 0; i < c->count - 1; i++) {
        const struct room *r = &c->room[i];
        if (top.x + size.x >= r->top.x && r->top.x + r->size.x > top.x &&
            top.y + size.y >= r->top.y && r->top.y + r->size.y > top.y)
            return false;
    }
    return true;
}

/* Adds a room to the chain if it fits, and the rooms after it as far as they do. */
static bool add_room(struct minigrid *m, struct chain *c, int entry_side, struct mg_pos entry)
{
    int width = mg_rand(m, SIZE_MIN, m->task->b + 1);
    struct mg_pos size = pos(width, mg_rand(m, SIZE_MIN, m->task->b + 1));
    struct mg_pos top = c->count ? draw_top(m, entry_side, entry, size) : entry;
    if (!multiroom_fits(m, c, top, size))
        return false;
    struct room *room = &c->room[c->count++];
    *room = (struct room){top, size, entry};
    for (int tries = 0; c->count < m->task->a && tries < EXIT_TRIES; tries++) {
        int side = mg_rand(m, 0, SIDES - 1); /* any but the entry's */
        side += side >= entry_side;
        struct mg_pos exit = draw_exit(m, side, room);
        if (add_room(m, c, (side + 2) % SIDES, exit))
            break;
    }
    return true;
}

static enum mg_color draw_other_color(struct minigrid *m, int previous)
{
    static const enum mg_color alphabetical[MG_COLORS] = {MG_BLUE,   MG_GREEN, MG_GREY,
                                                          MG_PURPLE, MG_RED,   MG_YELLOW};
    int n = mg_rand(m, 0, MG_COLORS - 1), at = 0;
    while (alphabetical[at] == (enum mg_color)previous || n-- > 0)
        at++;
    return alphabetical[at];
}

static void multiroom_build(struct minigrid *m, const struct chain *c)
{
    int previous = -1;
    mg_clear(m);
    for (int i = 0; i < c->count; i++) {
        const struct room *r = &c->room[i];
        mg_wall_rect(m, r->top.x, r->top.y, r->size.x, r->size.y);
        if (i == 0)
            continue;
        enum mg_color color = previous < 0 ? mg_rand_color(m) : draw_other_color(m, previous);
        *mg_at(m, r->entry.x, r->entry.y) = mg_door(color, MG_CLOSED);
        previous = (int)color;
    }
}

static bool multiroom_generate(struct minigrid *m)
{
    struct chain c;
    ONIC_ASSERT(m->task->a <= ROOMS_MAX);
    do {
        c.count = 0;
        int x = mg_rand(m, 0, m->task->width - 2);
        int y = mg_rand(m, 0, m->task->width - 2);
        add_room(m, &c, 2, pos(x, y));
    } while (c.count < m->task->a);
    multiroom_build(m, &c);
    const struct room *first = &c.room[0], *last = &c.room[c.count - 1];
    struct mg_pos where;
    return mg_place_agent(m, first->top, first->size, 0) &&
           mg_place(m, MG_GOAL_CELL, last->top, last->size, 0, 0, &where);
}

const struct mg_rules mg_multiroom = {
    .goal = "MultiRoom",
    .mission = "traverse the rooms to get to the goal",
    .success = MG_REACH_GOAL,
    .generate = multiroom_generate,
};
