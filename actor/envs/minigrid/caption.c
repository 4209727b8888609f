/* SPDX-License-Identifier: MIT */
/* caption.c - what happened in a step, as a sentence in the manner of NetHack's messages.
 *
 * MiniGrid itself says nothing but the mission; these sentences are onic's, and the annotators
 * judge them. A step gets one sentence at most:
 *   1. the event of the action: picked up, dropped, locked, unlocked, opened, closed, box, bumped,
 *      goal, lava;
 *   2. else the nearest thing in view whose kind (type and colour) has not been mentioned in this
 *      episode: "You see ...";
 *   3. else nothing.
 * A first sight that loses against an event, or against a nearer thing, is not lost: it comes with
 * the next step that has nothing else to say while the thing is still in view. A thing the agent
 * has handled counts as mentioned. There are 118 sentences in all (README.md), so episodic counts
 * and labels of them are small tables.
 *
 * Sentences are put together from pieces with memcpy: this runs at every step, and formatting would
 * cost more than the world does. */
#include "actor/envs/minigrid/world.h"

#include <stdlib.h>
#include <string.h>

const char *const mg_color_name[MG_COLORS] = {"red", "green", "blue", "purple", "yellow", "grey"};
const char *const mg_type_name[MG_TYPES] = {"unseen", "nothing", "wall", "floor", "door",
                                            "key",    "ball",    "box",  "goal",  "lava"};

struct words {
    char *text;
    int len;
};

static void caption_add(struct words *out, const char *piece)
{
    size_t n = strlen(piece);
    memcpy(out->text + out->len, piece, n + 1);
    out->len += (int)n;
}

static void add_thing(struct words *out, const char *before, uint32_t cell)
{
    caption_add(out, before);
    caption_add(out, mg_color_name[mg_color(cell)]);
    caption_add(out, " ");
    caption_add(out, mg_type_name[mg_type(cell)]);
    caption_add(out, ".");
}

static void say_box(const struct minigrid *m, uint32_t box, struct words *out)
{
    uint32_t content = m->s.content[mg_object(box)];
    if (!content) {
        caption_add(out, "The box is empty.");
        return;
    }
    caption_add(out, "The box contains a ");
    caption_add(out, mg_type_name[mg_type(content)]);
    caption_add(out, ".");
}

static void say_event(struct minigrid *m, struct mg_event event, struct words *out)
{
    uint32_t cell = event.cell;
    switch (event.kind) {
    case MG_NOTHING:
        return;
    case MG_PICKED_UP:
        m->s.seen |= mg_sight(cell);
        add_thing(out, "You pick up the ", cell);
        return;
    case MG_DROPPED:
        add_thing(out, "You drop the ", cell);
        return;
    case MG_DOOR_LOCKED:
        caption_add(out, "The door is locked.");
        return;
    case MG_UNLOCKED: /* the same door must not be announced again as an unlocked one */
        m->s.seen |= mg_sight(cell) | mg_sight(mg_door(mg_color(cell), MG_OPEN));
        add_thing(out, "You unlock the ", cell);
        return;
    case MG_OPENED:
        m->s.seen |= mg_sight(cell);
        add_thing(out, "You open the ", cell);
        return;
    case MG_CLOSED_DOOR:
        add_thing(out, "You close the ", cell);
        return;
    case MG_BOX_OPENED:
        say_box(m, cell, out);
        return;
    case MG_BUMPED:
        if (mg_type(cell) == MG_WALL)
            caption_add(out, "You bump into a wall.");
        else
            add_thing(out, "You bump into a ", cell);
        return;
    case MG_REACHED_GOAL:
        caption_add(out, "You reach the goal.");
        return;
    case MG_BURNED:
        caption_add(out, "You burn in lava.");
        return;
    }
}

/* The nearest visible cell with one of the wanted sights; ties go to the row next to the agent,
 * then to the left. */
static uint32_t caption_nearest(const struct minigrid *m, uint64_t wanted)
{
    uint64_t visible = mg_visible(m);
    uint32_t best = 0;
    int best_distance = 2 * MG_VIEW;
    for (int j = MG_VIEW - 1; j >= 0; j--) {
        for (int i = 0; i < MG_VIEW; i++) {
            uint32_t cell = *mg_view_cell(m, i, j);
            int distance = abs(i - MG_VIEW / 2) + MG_VIEW - 1 - j;
            if (visible >> (MG_VIEW * j + i) & 1 && mg_type(cell) >= MG_DOOR &&
                mg_sight(cell) & wanted && distance < best_distance) {
                best = cell;
                best_distance = distance;
            }
        }
    }
    return best;
}

static void say_sight(struct minigrid *m, uint64_t wanted, struct words *out)
{
    uint32_t cell = caption_nearest(m, wanted);
    m->s.seen |= mg_sight(cell);
    if (mg_type(cell) == MG_GOAL)
        caption_add(out, "You see the goal.");
    else if (mg_type(cell) == MG_LAVA)
        caption_add(out, "You see lava.");
    else if (mg_type(cell) == MG_DOOR && mg_door_state(cell) == MG_LOCKED)
        add_thing(out, "You see a locked ", cell);
    else
        add_thing(out, "You see a ", cell);
}

int mg_caption(struct minigrid *m, struct mg_event event, uint64_t sights, char *text)
{
    struct words out = {.text = text};
    text[0] = '\0';
    if (event.kind != MG_NOTHING)
        say_event(m, event, &out);
    else if (sights & ~m->s.seen)
        say_sight(m, sights & ~m->s.seen, &out);
    return out.len;
}
