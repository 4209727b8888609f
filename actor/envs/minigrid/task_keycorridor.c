/* SPDX-License-Identifier: MIT */
/* task_keycorridor.c - KeyCorridor: rooms on both sides of a corridor. The ball is behind a locked
 * door on the right, the key in one of the rooms on the left, and the agent must explore to find
 * either. */
#include "actor/envs/minigrid/room_grid.h"

static bool keycorridor_generate(struct minigrid *m)
{
    struct mg_rooms r;
    int rows = m->task->b;
    mg_rooms_init(&r, m, m->task->a, 3, rows);
    for (int row = 1; row < rows; row++)
        mg_rooms_remove_wall_up(&r, 1, row);
    int ball_row = mg_rand(m, 0, rows);
    enum mg_color door = mg_rand_color(m);
    mg_rooms_add_door(&r, 2, ball_row, MG_SIDE_LEFT, door, true);
    enum mg_color ball = mg_rand_color(m);
    if (!mg_rooms_add(&r, 2, ball_row, MG_BALL, ball, &m->s.target))
        return false;
    int key_row = mg_rand(m, 0, rows);
    return mg_rooms_add(&r, 0, key_row, MG_KEY, door, NULL) &&
           mg_rooms_place_agent(&r, 1, rows / 2) && mg_rooms_connect_all(&r);
}

const struct mg_rules mg_keycorridor = {
    .goal = "KeyCorridor",
    .success = MG_PICK_UP,
    .generate = keycorridor_generate,
};
