/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_MINIGRID_ROOM_GRID_H
#define ONIC_ACTOR_ENVS_MINIGRID_ROOM_GRID_H

/* room_grid.h - rooms of equal size that share walls, and the doors between them (the package's
 * RoomGrid).
 *
 * Needed while a level is made, not afterwards: a generator keeps it on its stack. Rooms are named
 * (column, row); sides are numbered right 0, down 1, left 2, up 3. Functions return false where the
 * package gives up after 1000 or 5000 tries. */

#include "actor/envs/minigrid/world.h"

enum { MG_ROOMS_MAX = 9 };
enum mg_side { MG_SIDE_RIGHT, MG_SIDE_DOWN, MG_SIDE_LEFT, MG_SIDE_UP };

struct mg_rooms {
    struct minigrid *m;
    int size, columns, rows;
    struct mg_room {
        struct mg_pos door[4]; /* place for a door; x = 0: no neighbour on that side */
        bool open[4];          /* a door or a removed wall leads to the neighbour */
        bool locked;
    } room[MG_ROOMS_MAX];
};

/* Walls, one place for a door between any two neighbours, the agent provisionally in the middle. */
void mg_rooms_init(struct mg_rooms *r, struct minigrid *m, int size, int columns, int rows);
/* Makes a key, ball or box at a random place of a room, at least two steps from the agent. *made
 * (may be NULL) is its cell. */
bool mg_rooms_add(struct mg_rooms *r, int column, int row, enum mg_type type, enum mg_color color,
                  uint32_t *made);
struct mg_pos mg_rooms_add_door(struct mg_rooms *r, int column, int row, enum mg_side side,
                                enum mg_color color, bool locked);
void mg_rooms_remove_wall_up(struct mg_rooms *r, int column, int row);
/* Random place and direction in a room, facing an empty cell or a wall. */
bool mg_rooms_place_agent(struct mg_rooms *r, int column, int row);
/* Adds closed doors at random until every room can be reached; rooms behind a locked door get no
 * other door. */
bool mg_rooms_connect_all(struct mg_rooms *r);

#endif /* ONIC_ACTOR_ENVS_MINIGRID_ROOM_GRID_H */
