/* SPDX-License-Identifier: MIT */
/* physics.c - one action, and what it did.
 *
 * The cell ahead is read before the agent turns or moves; whatever does not apply (picking up with
 * full hands, dropping onto something, toggling a wall) does nothing and costs a step. A locked
 * door opens only for the key of its colour, which is kept. Bumping into something changes nothing,
 * but it is reported: it is an event for a reader. */
#include "actor/envs/minigrid/world.h"

static bool can_pick_up(uint32_t cell)
{
    return mg_type(cell) >= MG_KEY && mg_type(cell) <= MG_BOX;
}

static bool can_enter(uint32_t cell)
{
    switch (mg_type(cell)) {
    case MG_EMPTY:
    case MG_FLOOR:
    case MG_GOAL:
    case MG_LAVA:
        return true;
    case MG_DOOR:
        return mg_door_state(cell) == MG_OPEN;
    default:
        return false;
    }
}

static enum mg_event_kind physics_forward(struct minigrid *m, uint32_t ahead)
{
    if (!can_enter(ahead))
        return MG_BUMPED;
    m->s.agent.x = (int16_t)(m->s.agent.x + mg_dx(m->s.dir));
    m->s.agent.y = (int16_t)(m->s.agent.y + mg_dy(m->s.dir));
    if (mg_type(ahead) == MG_GOAL)
        return MG_REACHED_GOAL;
    return mg_type(ahead) == MG_LAVA ? MG_BURNED : MG_NOTHING;
}

static enum mg_event_kind toggle_door(struct minigrid *m, uint32_t *ahead)
{
    enum mg_color color = mg_color(*ahead);
    enum mg_event_kind kind = MG_UNLOCKED;
    enum mg_door state = MG_OPEN;
    if (mg_door_state(*ahead) == MG_LOCKED) {
        if (mg_type(m->s.carrying) != MG_KEY || mg_color(m->s.carrying) != color)
            return MG_DOOR_LOCKED;
    } else if (mg_door_state(*ahead) == MG_CLOSED) {
        kind = MG_OPENED;
    } else {
        kind = MG_CLOSED_DOOR;
        state = MG_CLOSED;
    }
    *ahead = mg_door(color, state);
    return kind;
}

static enum mg_event_kind toggle(struct minigrid *m, uint32_t *ahead)
{
    if (mg_type(*ahead) == MG_DOOR)
        return toggle_door(m, ahead);
    if (mg_type(*ahead) != MG_BOX)
        return MG_NOTHING;
    uint32_t content = m->s.content[mg_object(*ahead)];
    *ahead = content ? content : MG_EMPTY_CELL;
    return MG_BOX_OPENED;
}

struct mg_event mg_act(struct minigrid *m, enum mg_action action)
{
    uint32_t *ahead = mg_at(m, m->s.agent.x + mg_dx(m->s.dir), m->s.agent.y + mg_dy(m->s.dir));
    struct mg_event event = {MG_NOTHING, *ahead};
    switch (action) {
    case MG_LEFT:
        m->s.dir = (m->s.dir + 3) & 3;
        break;
    case MG_RIGHT:
        m->s.dir = (m->s.dir + 1) & 3;
        break;
    case MG_FORWARD:
        event.kind = physics_forward(m, *ahead);
        break;
    case MG_PICKUP:
        if (!m->s.carrying && can_pick_up(*ahead)) {
            m->s.carrying = *ahead;
            *ahead = MG_EMPTY_CELL;
            event.kind = MG_PICKED_UP;
        }
        break;
    case MG_DROP:
        if (m->s.carrying && *ahead == MG_EMPTY_CELL) {
            event = (struct mg_event){MG_DROPPED, m->s.carrying};
            *ahead = m->s.carrying;
            m->s.carrying = 0;
        }
        break;
    case MG_TOGGLE:
        event.kind = toggle(m, ahead);
        break;
    default: /* done: no task here uses it */
        break;
    }
    return event;
}
