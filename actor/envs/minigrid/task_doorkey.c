/* SPDX-License-Identifier: MIT */
/* task_doorkey.c - DoorKey: a wall with a locked door between the agent and the goal; the key is on
 * the agent's side. */
#include "actor/envs/minigrid/world.h"

static bool doorkey_generate(struct minigrid *m)
{
    int size = m->task->width;
    mg_clear(m);
    mg_wall_rect(m, 0, 0, size, size);
    *mg_at(m, size - 2, size - 2) = MG_GOAL_CELL;
    int split = mg_rand(m, 2, size - 2);
    mg_wall_vert(m, split, 0, size);
    struct mg_pos top = {0, 0}, left = {(int16_t)split, (int16_t)size}, where;
    if (!mg_place_agent(m, top, left, 0))
        return false;
    *mg_at(m, split, mg_rand(m, 1, size - 2)) = mg_door(MG_YELLOW, MG_LOCKED);
    return mg_place(m, mg_make(m, MG_KEY, MG_YELLOW), top, left, 0, 0, &where);
}

const struct mg_rules mg_doorkey = {
    .goal = "DoorKey",
    .mission = "use the key to open the door and then get to the goal",
    .success = MG_REACH_GOAL,
    .generate = doorkey_generate,
};
