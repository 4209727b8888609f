/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_MINIGRID_WORLD_H
#define ONIC_ACTOR_ENVS_MINIGRID_WORLD_H

/* world.h - private to the folder: the grid world shared by all tasks. It knows nothing of env.h;
 * minigrid.c makes an environment of it.
 *
 * A cell is one 32-bit word whose three low bytes are what the agent sees (type, colour, state), so
 * that drawing the observation is copying cells. The top byte holds what it does not see: whether
 * the cell blocks the view, and the number of the object, because the pickup tasks ask for one
 * particular object and not for its looks.
 *
 * The grid has a margin of six wall cells on each side: the 7 x 7 view never needs a bounds check.
 *
 *   grid.c      cells, walls, random placement        view.c    what the agent sees
 *   physics.c   one action                            caption.c what happened, in words
 *   room_grid.c rooms and doors                       task_*.c  one family of tasks each
 *   pcg64.c     NumPy's generator                     render.c  a picture of text for people
 *   minigrid.c  the environment (env.h)               draw.c    a picture of pixels for people
 *   tiles.c     how things look, and the view as a picture for networks
 *   tasks.def   the list of tasks */

#include <stdbool.h>
#include <stdint.h>

#include "actor/envs/pcg64.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/picture/pixels.h"

enum mg_type {
    MG_UNSEEN,
    MG_EMPTY,
    MG_WALL,
    MG_FLOOR,
    MG_DOOR,
    MG_KEY,
    MG_BALL,
    MG_BOX,
    MG_GOAL,
    MG_LAVA,
    MG_TYPES
};
enum mg_color { MG_RED, MG_GREEN, MG_BLUE, MG_PURPLE, MG_YELLOW, MG_GREY, MG_COLORS };
enum mg_door { MG_OPEN, MG_CLOSED, MG_LOCKED };
enum mg_action {
    MG_LEFT,
    MG_RIGHT,
    MG_FORWARD,
    MG_PICKUP,
    MG_DROP,
    MG_TOGGLE,
    MG_DONE,
    MG_ACTIONS
};
enum {
    MG_VIEW = 7, /* side of the square view; the agent is in the middle of its last row */
    MG_MARGIN = MG_VIEW - 1, /* wall cells around the grid */
    MG_SIDE_MAX = 25,        /* largest grid of the package */
    MG_OBJECTS_MAX = 32,     /* keys, balls and boxes of a level */
    MG_IMAGE_BYTES = MG_VIEW * MG_VIEW * 3,
};

/* Cells. */
#define MG_OPAQUE 0x80000000U
#define MG_CELL(type, color, state)                                                                \
    ((uint32_t)(type) | (uint32_t)(color) << 8 | (uint32_t)(state) << 16)
#define MG_EMPTY_CELL MG_CELL(MG_EMPTY, 0, 0)
#define MG_WALL_CELL (MG_CELL(MG_WALL, MG_GREY, 0) | MG_OPAQUE)
#define MG_GOAL_CELL MG_CELL(MG_GOAL, MG_GREEN, 0)

static inline enum mg_type mg_type(uint32_t cell)
{
    return (enum mg_type)(cell & 0xff);
}
static inline enum mg_color mg_color(uint32_t cell)
{
    return (enum mg_color)(cell >> 8 & 0xff);
}
static inline enum mg_door mg_door_state(uint32_t cell)
{
    return (enum mg_door)(cell >> 16 & 0xff);
}
static inline int mg_object(uint32_t cell) /* 1.. for keys, balls, boxes; 0 = none */
{
    return (int)(cell >> 24 & 0x7f);
}

struct mg_pos {
    int16_t x, y;
};

/* When the task is done. */
enum mg_success { MG_REACH_GOAL, MG_OPEN_DOOR, MG_PICK_UP };

/* Everything that changes, but the cells: plain data, copied into snapshots. */
struct mg_state {
    struct pcg64 rng;
    uint64_t seen;     /* sights already announced in this episode: bits of caption.c */
    uint32_t carrying; /* cell of the carried object; 0 = nothing */
    uint32_t target;   /* cell of the object to pick up, as it was made; 0 = none */
    uint32_t content[MG_OBJECTS_MAX]; /* what a box contains, by its object number; 0 = nothing */
    int32_t steps, objects;           /* steps taken; objects made */
    struct mg_pos agent;
    struct mg_pos target_door; /* of MG_OPEN_DOOR */
    int32_t dir;               /* 0 right, 1 down, 2 left, 3 up */
};

struct minigrid;

/* What the tasks of a family have in common; one per task_*.c. */
struct mg_rules {
    const char *goal;    /* goal name for the annotator */
    const char *mission; /* NULL: "pick up the <colour> <type>" of the target */
    enum mg_success success;
    bool see_through; /* walls hide nothing */
    /* Fills grid and state of a new episode. False: the package's placement would have given up,
     * too. */
    bool (*generate)(struct minigrid *m);
};

/* One line of tasks.def. */
struct mg_task {
    const char *name;
    const struct mg_rules *rules;
    int width, height, max_steps;
    int a, b; /* parameters of generate, see tasks.def */
};

struct minigrid {
    const struct mg_task *task;
    int max_steps;    /* the task's, or env.max_steps */
    int stride;       /* cells from one row to the next */
    uint32_t *cells;  /* [height + 2 * MG_MARGIN, stride]; margin included */
    uint32_t *origin; /* cell (0, 0) */
    struct mg_state s;
};

static inline uint32_t *mg_at(const struct minigrid *m, int x, int y)
{
    return m->origin + y * m->stride + x;
}
static inline int mg_dx(int dir)
{
    return (dir == 0) - (dir == 2);
}
static inline int mg_dy(int dir)
{
    return (dir == 1) - (dir == 3);
}
static inline int mg_rand(struct minigrid *m, int low, int high) /* [low, high) */
{
    return pcg64_integers(&m->s.rng, low, high);
}

/* grid.c */
void mg_clear(struct minigrid *m);                                 /* all cells empty, no objects */
void mg_wall_rect(struct minigrid *m, int x, int y, int w, int h); /* outline */
void mg_wall_vert(struct minigrid *m, int x, int y, int length);
void mg_wall_horz(struct minigrid *m, int x, int y, int length);
enum mg_color mg_rand_color(struct minigrid *m); /* from the alphabetical list */
/* a numbered key, ball or box */
uint32_t mg_make(struct minigrid *m, enum mg_type type, enum mg_color color);
uint32_t mg_door(enum mg_color color, enum mg_door state);
/* Puts `cell` (0: nothing, only looks for a place) on a random empty cell of the rectangle that is
 * not the agent's and at least `min_distance` (Manhattan) from it; false after `tries` failed draws
 * (0 = no limit). */
bool mg_place(struct minigrid *m, uint32_t cell, struct mg_pos top, struct mg_pos size,
              int min_distance, int tries, struct mg_pos *where);
bool mg_place_agent(struct minigrid *m, struct mg_pos top, struct mg_pos size, int tries);

/* physics.c: applies an action and says what happened. */
struct mg_event {
    enum mg_event_kind {
        MG_NOTHING,
        MG_PICKED_UP,
        MG_DROPPED,
        MG_DOOR_LOCKED,
        MG_UNLOCKED,
        MG_OPENED,
        MG_CLOSED_DOOR,
        MG_BOX_OPENED,
        MG_BUMPED,
        MG_REACHED_GOAL,
        MG_BURNED
    } kind;
    uint32_t cell; /* the thing it happened to, as it was before */
};
struct mg_event mg_act(struct minigrid *m, enum mg_action action);

/* view.c: writes image [7, 7, 3] (x first), and the sights in view (bits of mg_sight) to *sights.
 * image may be NULL. */
void mg_observe(const struct minigrid *m, uint8_t *image, uint64_t *sights);
/* Bit mask of the visible cells: bit 7 * j + i for view cell (i, j). */
uint64_t mg_visible(const struct minigrid *m);
/* Whether cell (x, y) of the grid is one of them. */
bool mg_is_visible(const struct minigrid *m, uint64_t visible, int x, int y);
static inline uint32_t *mg_view_cell(const struct minigrid *m, int i,
                                     int j) /* the world cell behind a view cell */
{
    int dx = mg_dx(m->s.dir), dy = mg_dy(m->s.dir), ahead = MG_VIEW - 1 - j,
        right = i - MG_VIEW / 2;
    return mg_at(m, m->s.agent.x + dx * ahead - dy * right, m->s.agent.y + dy * ahead + dx * right);
}

/* A sight is a (type, colour) worth a first-sight caption; a locked door is another sight than an
 * unlocked one. The bit of the sight of a cell of type door .. lava. */
static inline uint64_t mg_sight(uint32_t cell)
{
    bool locked = mg_type(cell) == MG_DOOR && mg_door_state(cell) == MG_LOCKED;
    unsigned kind = locked ? MG_LAVA + 1 - MG_DOOR : (unsigned)mg_type(cell) - MG_DOOR;
    return 1ULL << (kind * MG_COLORS + (unsigned)mg_color(cell));
}

/* caption.c: the one sentence of a step or reset ("" when there is nothing to say) into
 * text [MG_CAPTION_MAX + 1]; returns its length. Updates s.seen. */
enum { MG_CAPTION_MAX = 79 };
int mg_caption(struct minigrid *m, struct mg_event event, uint64_t sights, char *text);
extern const char *const mg_color_name[MG_COLORS];
extern const char *const mg_type_name[MG_TYPES];

/* render.c */
/* what the package calls the mission of this episode */
void mg_mission(const struct minigrid *m, struct buf *out);
void mg_carried(const struct minigrid *m, struct buf *out); /* "carrying: yellow key" */
void mg_render(const struct minigrid *m, struct buf *out);

/* draw.c */
void mg_draw(const struct minigrid *m, struct pixels *out);

/* task_*.c */
extern const struct mg_rules mg_empty, mg_fourrooms, mg_doorkey, mg_unlock, mg_unlockpickup,
    mg_blockedunlockpickup, mg_keycorridor, mg_multiroom, mg_obstructedmaze;

#endif /* ONIC_ACTOR_ENVS_MINIGRID_WORLD_H */
