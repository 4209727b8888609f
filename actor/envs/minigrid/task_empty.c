/* SPDX-License-Identifier: MIT */
/* task_empty.c - Empty: a room without anything but the goal in its far corner. The package lets
 * the agent see through walls here; the start is the near corner, or random. */
#include "actor/envs/minigrid/world.h"

static bool empty_generate(struct minigrid *m)
{
    int size = m->task->width;
    mg_clear(m);
    mg_wall_rect(m, 0, 0, size, size);
    *mg_at(m, size - 2, size - 2) = MG_GOAL_CELL;
    if (m->task->a)
        return mg_place_agent(m, (struct mg_pos){0, 0},
                              (struct mg_pos){(int16_t)size, (int16_t)size}, 0);
    m->s.agent = (struct mg_pos){1, 1};
    m->s.dir = 0;
    return true;
}

const struct mg_rules mg_empty = {
    .goal = "Empty",
    .mission = "get to the green goal square",
    .success = MG_REACH_GOAL,
    .see_through = true,
    .generate = empty_generate,
};
