/* SPDX-License-Identifier: MIT */
/* task_unlock.c - Unlock, UnlockPickup and BlockedUnlockPickup: two rooms and a locked door, each
 * task one obstacle more. */
#include "actor/envs/minigrid/room_grid.h"

/* Locked door between the rooms, [a ball in front of it,] its key and the agent on the left side.
 */
static bool lock(struct mg_rooms *r, bool blocked)
{
    struct minigrid *m = r->m;
    enum mg_color color = mg_rand_color(m);
    struct mg_pos door = mg_rooms_add_door(r, 0, 0, MG_SIDE_RIGHT, color, true);
    m->s.target_door = door;
    if (blocked) {
        enum mg_color ball = mg_rand_color(m);
        *mg_at(m, door.x - 1, door.y) = mg_make(m, MG_BALL, ball);
    }
    return mg_rooms_add(r, 0, 0, MG_KEY, color, NULL) && mg_rooms_place_agent(r, 0, 0);
}

static bool generate_unlock(struct minigrid *m)
{
    struct mg_rooms r;
    mg_rooms_init(&r, m, m->task->a, 2, m->task->b);
    return lock(&r, false);
}

static bool generate_pickup(struct minigrid *m, bool blocked)
{
    struct mg_rooms r;
    mg_rooms_init(&r, m, m->task->a, 2, m->task->b);
    enum mg_color color = mg_rand_color(m);
    return mg_rooms_add(&r, 1, 0, MG_BOX, color, &m->s.target) && lock(&r, blocked);
}

static bool generate_unlockpickup(struct minigrid *m)
{
    return generate_pickup(m, false);
}

static bool generate_blockedunlockpickup(struct minigrid *m)
{
    return generate_pickup(m, true);
}

const struct mg_rules mg_unlock = {
    .goal = "Unlock",
    .mission = "open the door",
    .success = MG_OPEN_DOOR,
    .generate = generate_unlock,
};

const struct mg_rules mg_unlockpickup = {
    .goal = "UnlockPickup",
    .success = MG_PICK_UP,
    .generate = generate_unlockpickup,
};

const struct mg_rules mg_blockedunlockpickup = {
    .goal = "BlockedUnlockPickup",
    .success = MG_PICK_UP,
    .generate = generate_blockedunlockpickup,
};
