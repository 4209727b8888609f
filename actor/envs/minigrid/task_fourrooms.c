/* SPDX-License-Identifier: MIT */
/* task_fourrooms.c - FourRooms: two crossing walls with one gap in each of the four arms; agent and
 * goal anywhere. */
#include "actor/envs/minigrid/world.h"

static bool fourrooms_generate(struct minigrid *m)
{
    int w = m->task->width, h = m->task->height;
    int room_w = w / 2, room_h = h / 2;
    mg_clear(m);
    mg_wall_rect(m, 0, 0, w, h);
    for (int j = 0; j < 2; j++) {
        for (int i = 0; i < 2; i++) {
            int left = i * room_w, top = j * room_h;
            if (i == 0) {
                mg_wall_vert(m, left + room_w, top, room_h);
                *mg_at(m, left + room_w, mg_rand(m, top + 1, top + room_h)) = MG_EMPTY_CELL;
            }
            if (j == 0) {
                mg_wall_horz(m, left, top + room_h, room_w);
                *mg_at(m, mg_rand(m, left + 1, left + room_w), top + room_h) = MG_EMPTY_CELL;
            }
        }
    }
    struct mg_pos top = {0, 0}, size = {(int16_t)w, (int16_t)h}, where;
    return mg_place_agent(m, top, size, 0) && mg_place(m, MG_GOAL_CELL, top, size, 0, 0, &where);
}

const struct mg_rules mg_fourrooms = {
    .goal = "FourRooms",
    .mission = "reach the goal",
    .success = MG_REACH_GOAL,
    .generate = fourrooms_generate,
};
