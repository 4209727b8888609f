/* SPDX-License-Identifier: MIT */
/* room_grid.c - see room_grid.h. Draws are the package's, in its order (see grid.c). */
#include "actor/envs/minigrid/room_grid.h"

enum { PLACE_TRIES = 1000, CONNECT_TRIES = 5000 };

static struct mg_room *room_at(struct mg_rooms *r, int column, int row)
{
    return &r->room[row * r->columns + column];
}

/* The room on a side, or NULL at the edge of the grid. */
static struct mg_room *neighbour(struct mg_rooms *r, int column, int row, int side)
{
    column += mg_dx(side);
    row += mg_dy(side);
    bool inside = column >= 0 && column < r->columns && row >= 0 && row < r->rows;
    return inside ? room_at(r, column, row) : NULL;
}

static struct mg_pos room_top(const struct mg_rooms *r, int column, int row)
{
    return (struct mg_pos){(int16_t)(column * (r->size - 1)), (int16_t)(row * (r->size - 1))};
}

static struct mg_pos room_size(const struct mg_rooms *r)
{
    return (struct mg_pos){(int16_t)r->size, (int16_t)r->size};
}

/* Draws the places of the doors to the right and below, and shares them with those neighbours. */
static void draw_door_places(struct mg_rooms *r, int column, int row)
{
    struct mg_pos top = room_top(r, column, row);
    int last = r->size - 1;
    struct mg_room *room = room_at(r, column, row);
    if (column < r->columns - 1) {
        room->door[MG_SIDE_RIGHT] = (struct mg_pos){
            (int16_t)(top.x + last), (int16_t)mg_rand(r->m, top.y + 1, top.y + last)};
        room_at(r, column + 1, row)->door[MG_SIDE_LEFT] = room->door[MG_SIDE_RIGHT];
    }
    if (row < r->rows - 1) {
        room->door[MG_SIDE_DOWN] = (struct mg_pos){(int16_t)mg_rand(r->m, top.x + 1, top.x + last),
                                                   (int16_t)(top.y + last)};
        room_at(r, column, row + 1)->door[MG_SIDE_UP] = room->door[MG_SIDE_DOWN];
    }
}

void mg_rooms_init(struct mg_rooms *r, struct minigrid *m, int size, int columns, int rows)
{
    ONIC_ASSERT(columns * rows <= MG_ROOMS_MAX);
    *r = (struct mg_rooms){.m = m, .size = size, .columns = columns, .rows = rows};
    mg_clear(m);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            mg_wall_rect(m, column * (size - 1), row * (size - 1), size, size);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            draw_door_places(r, column, row);
    m->s.agent.x = (int16_t)(columns / 2 * (size - 1) + size / 2);
    m->s.agent.y = (int16_t)(rows / 2 * (size - 1) + size / 2);
    m->s.dir = 0;
}

bool mg_rooms_add(struct mg_rooms *r, int column, int row, enum mg_type type, enum mg_color color,
                  uint32_t *made)
{
    uint32_t cell = mg_make(r->m, type, color);
    if (made)
        *made = cell;
    struct mg_pos where;
    return mg_place(r->m, cell, room_top(r, column, row), room_size(r), 2, PLACE_TRIES, &where);
}

struct mg_pos mg_rooms_add_door(struct mg_rooms *r, int column, int row, enum mg_side side,
                                enum mg_color color, bool locked)
{
    struct mg_room *room = room_at(r, column, row), *other = neighbour(r, column, row, (int)side);
    ONIC_ASSERT(other && !room->open[side]);
    room->locked = locked;
    room->open[side] = other->open[(side + 2) % 4] = true;
    struct mg_pos at = room->door[side];
    *mg_at(r->m, at.x, at.y) = mg_door(color, locked ? MG_LOCKED : MG_CLOSED);
    return at;
}

void mg_rooms_remove_wall_up(struct mg_rooms *r, int column, int row)
{
    struct mg_pos top = room_top(r, column, row);
    for (int i = 1; i < r->size - 1; i++)
        *mg_at(r->m, top.x + i, top.y) = MG_EMPTY_CELL;
    room_at(r, column, row)->open[MG_SIDE_UP] = true;
    room_at(r, column, row - 1)->open[MG_SIDE_DOWN] = true;
}

bool mg_rooms_place_agent(struct mg_rooms *r, int column, int row)
{
    struct minigrid *m = r->m;
    for (;;) {
        if (!mg_place_agent(m, room_top(r, column, row), room_size(r), PLACE_TRIES))
            return false;
        uint32_t ahead = *mg_at(m, m->s.agent.x + mg_dx(m->s.dir), m->s.agent.y + mg_dy(m->s.dir));
        if (ahead == MG_EMPTY_CELL || mg_type(ahead) == MG_WALL)
            return true;
    }
}

/* Rooms that can be reached from the agent's: spreads over open sides until nothing changes (nine
 * rooms at most). */
static int reachable(struct mg_rooms *r)
{
    bool reached[MG_ROOMS_MAX] = {false};
    int start_column = r->m->s.agent.x / (r->size - 1), start_row = r->m->s.agent.y / (r->size - 1);
    reached[start_row * r->columns + start_column] = true;
    int count = 0, before;
    do {
        before = count;
        count = 0;
        for (int i = 0; i < r->columns * r->rows; i++) {
            for (int side = 0; reached[i] && side < 4; side++) {
                struct mg_room *next = neighbour(r, i % r->columns, i / r->columns, side);
                if (r->room[i].open[side] && next)
                    reached[next - r->room] = true;
            }
            count += reached[i];
        }
    } while (count != before);
    return count;
}

bool mg_rooms_connect_all(struct mg_rooms *r)
{
    for (int tries = 0; reachable(r) < r->columns * r->rows; tries++) {
        if (tries > CONNECT_TRIES)
            return false;
        int column = mg_rand(r->m, 0, r->columns);
        int row = mg_rand(r->m, 0, r->rows);
        int side = mg_rand(r->m, 0, 4);
        struct mg_room *room = room_at(r, column, row), *other = neighbour(r, column, row, side);
        if (!other || room->open[side] || room->locked || other->locked)
            continue;
        enum mg_color color = mg_rand_color(r->m);
        mg_rooms_add_door(r, column, row, (enum mg_side)side, color, false);
    }
    return true;
}
