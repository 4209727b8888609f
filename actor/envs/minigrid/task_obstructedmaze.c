/* SPDX-License-Identifier: MIT */
/* task_obstructedmaze.c - ObstructedMaze: a blue ball behind locked doors, with keys hidden in
 * boxes and balls in front of the doors.
 *
 * Two rooms, or nine: then the doors from the middle room to the rooms beside it are closed, those
 * from there to the corners locked, and their keys are in the room beside the middle. Where balls
 * block the doors the newest version places the keys of a room after all of its doors, so that no
 * ball replaces a key; the other tasks place each key right after its door. */
#include "actor/envs/minigrid/room_grid.h"

enum { HIDDEN = 1, BLOCKED = 2, FROM_MIDDLE = 4, SIDES = 4 }; /* bits of task->b */

struct maze {
    struct mg_rooms rooms;
    enum mg_color door[MG_COLORS]; /* all six colours in random order */
};

static void obstructedmaze_begin(struct maze *z, struct minigrid *m, int columns, int rows)
{
    enum mg_color left[MG_COLORS] = {MG_BLUE, MG_GREEN, MG_GREY, MG_PURPLE, MG_RED, MG_YELLOW};
    mg_rooms_init(&z->rooms, m, 6, columns, rows);
    for (int n = MG_COLORS, i = 0; n > 0; n--, i++) {
        int at = mg_rand(m, 0, n);
        z->door[i] = left[at];
        for (int k = at; k < n - 1; k++)
            left[k] = left[k + 1];
    }
}

static void add_locked_door(struct maze *z, int column, int row, int side, enum mg_color color)
{
    struct minigrid *m = z->rooms.m;
    struct mg_pos at = mg_rooms_add_door(&z->rooms, column, row, (enum mg_side)side, color, true);
    if (m->task->b & BLOCKED)
        *mg_at(m, at.x - mg_dx(side), at.y - mg_dy(side)) = mg_make(m, MG_BALL, MG_GREEN);
}

static bool add_key(struct maze *z, int column, int row, enum mg_color color)
{
    struct minigrid *m = z->rooms.m;
    uint32_t box;
    if (!(m->task->b & HIDDEN))
        return mg_rooms_add(&z->rooms, column, row, MG_KEY, color, NULL);
    if (!mg_rooms_add(&z->rooms, column, row, MG_BOX, MG_GREY, &box))
        return false;
    m->s.content[mg_object(box)] = mg_make(m, MG_KEY, color);
    return true;
}

static bool generate_two_rooms(struct minigrid *m)
{
    struct maze z;
    obstructedmaze_begin(&z, m, 2, 1);
    add_locked_door(&z, 0, 0, MG_SIDE_RIGHT, z.door[0]);
    return add_key(&z, 0, 0, z.door[0]) &&
           mg_rooms_add(&z.rooms, 1, 0, MG_BALL, MG_BLUE, &m->s.target) &&
           mg_rooms_place_agent(&z.rooms, 0, 0);
}

/* The room on `side` of the middle one: its closed door, the two locked ones to the corners beside
 * it, their keys. */
static bool add_quarter(struct maze *z, int side)
{
    int column = 1 + mg_dx(side), row = 1 + mg_dy(side);
    bool keys_last = z->rooms.m->task->b & BLOCKED, ok = true;
    mg_rooms_add_door(&z->rooms, 1, 1, (enum mg_side)side, z->door[side], false);
    for (int k = -1; k <= 1; k += 2) {
        enum mg_color color = z->door[(side + k + MG_COLORS) % MG_COLORS];
        add_locked_door(z, column, row, (side + k + SIDES) % SIDES, color);
        ok = ok && (keys_last || add_key(z, column, row, color));
    }
    for (int k = -1; keys_last && k <= 1; k += 2)
        ok = ok && add_key(z, column, row, z->door[(side + k + MG_COLORS) % MG_COLORS]);
    return ok;
}

static bool generate_nine_rooms(struct minigrid *m)
{
    static const struct mg_pos corner[SIDES] = {{2, 0}, {2, 2}, {0, 2}, {0, 0}};
    struct maze z;
    obstructedmaze_begin(&z, m, 3, 3);
    for (int side = 0; side < m->task->a; side++)
        if (!add_quarter(&z, side))
            return false;
    struct mg_pos ball = corner[mg_rand(m, 0, m->task->a)];
    return mg_rooms_add(&z.rooms, ball.x, ball.y, MG_BALL, MG_BLUE, &m->s.target) &&
           mg_rooms_place_agent(&z.rooms, m->task->b & FROM_MIDDLE ? 1 : 2, 1);
}

static bool obstructedmaze_generate(struct minigrid *m)
{
    return m->task->a ? generate_nine_rooms(m) : generate_two_rooms(m);
}

const struct mg_rules mg_obstructedmaze = {
    .goal = "ObstructedMaze",
    .success = MG_PICK_UP,
    .generate = obstructedmaze_generate,
};
