/* SPDX-License-Identifier: MIT */
/* tiles.c - six covered tiles, each to be uncovered once: the world for masks and for several
 * choices at once.
 *
 * The cue names a covered tile; uncovering it pays 1, another one nothing, and the cue moves on to
 * a tile that is still covered. Only covered tiles can be uncovered: the mask says which. In
 * tiles:colours a colour is chosen with the tile, and both must be as the cue says; of the three
 * colours one, never the cue's, is forbidden in each step. An option that the mask forbids is an
 * error, so a policy that took one would be noticed.
 *
 * A policy that reads the cue has a return of 6, a random one 1 + 1/2 + ... + 1/6 = 2.45, with
 * colours half of that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"

extern const struct env_family env_tiles;

enum { TILES = 6, COLOURS = 3 };

static const char *const tiles_names[] = {"", "colours", NULL};
static const char *const tile_names[TILES] = {"tile 1", "tile 2", "tile 3",
                                              "tile 4", "tile 5", "tile 6"};
static const char *const part_names[2] = {"tile", "colour"};

/* Everything that decides what follows; also the snapshot. */
struct tiles_state {
    struct rng rng;
    uint8_t open[TILES]; /* 1 = uncovered */
    uint8_t cue, colour, forbidden, right, steps;
};

struct tiles {
    struct env env;
    bool colours;
    const struct obs_field *field_open, *field_cue; /* NULL when env.obs leaves it out */
    struct tiles_state s;
};

static int tiles_create(struct env **out, const struct env_family *family, const char *name,
                        const struct config *cfg, int index, struct onic_err *err)
{
    (void)index, (void)err;
    struct tiles *t = xcalloc(1, sizeof *t);
    struct env_spec *s = &t->env.spec;
    t->colours = name[0] != '\0';
    snprintf(s->id, sizeof s->id, "tiles%s%s", name[0] ? ":" : "", name);
    if (env_wants_field(cfg->env_obs, "open", "open,cue"))
        obs_spec_add(&s->obs, "open", OBS_U8, 1, (const int[]){TILES});
    if (env_wants_field(cfg->env_obs, "cue", "open,cue")) /* tile, colour */
        obs_spec_add(&s->obs, "cue", OBS_U8, 1, (const int[]){2});
    t->field_open = obs_spec_find(&s->obs, "open");
    t->field_cue = obs_spec_find(&s->obs, "cue");
    if (t->colours)
        s->actions =
            (struct action_space){.kind = ACTION_MULTI, .n = 2, .choices = {TILES, COLOURS}};
    else
        s->actions.n = TILES;
    s->actions.masked = true;
    s->action_names = t->colours ? part_names : tile_names;
    s->max_steps = cfg->env_max_steps ? (int)cfg->env_max_steps : TILES;
    s->has_success = true;
    s->default_net = "mlp";
    s->default_goal = "none";
    s->default_count = 16;
    s->state_bytes = sizeof t->s;
    t->s.rng = rng_stream(0, "tiles", 0, 0, 0);
    t->env.family = family;
    *out = &t->env;
    return ONIC_OK;
}

static void tiles_free(struct env *e)
{
    free(e); /* env is the first member */
}

static void tiles_seed(struct env *e, uint64_t seed)
{
    ((struct tiles *)e)->s.rng = rng_stream(seed, "tiles", 0, 0, 0);
}

static void tiles_observe(const struct tiles *t, uint8_t *obs)
{
    memset(obs, 0, t->env.spec.obs.obs_bytes); /* the padding too */
    if (t->field_open)
        memcpy(obs + t->field_open->offset, t->s.open, TILES);
    if (t->field_cue) {
        obs[t->field_cue->offset] = t->s.cue;
        obs[t->field_cue->offset + 1] = t->colours ? t->s.colour : 0;
    }
}

/* The next cue, of the tiles that are covered; without one the old stays. */
static void tiles_draw_cue(struct tiles_state *s)
{
    int covered = 0;
    for (int i = 0; i < TILES; i++)
        covered += !s->open[i];
    if (covered == 0)
        return;
    int left = (int)rng_below(&s->rng, (uint32_t)covered);
    for (int i = 0; i < TILES; i++)
        if (!s->open[i] && left-- == 0)
            s->cue = (uint8_t)i;
    s->colour = (uint8_t)rng_below(&s->rng, COLOURS);
    s->forbidden = (uint8_t)((s->colour + 1 + rng_below(&s->rng, COLOURS - 1)) % COLOURS);
}

static void tiles_say(struct env_result *out, const char *caption)
{
    out->caption_len = (int)strlen(caption);
    memcpy(out->caption, caption, (size_t)out->caption_len + 1);
}

static int tiles_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct tiles *t = (struct tiles *)e;
    memset(t->s.open, 0, sizeof t->s.open);
    t->s.right = t->s.steps = 0;
    tiles_draw_cue(&t->s);
    memset(out, 0, sizeof *out);
    tiles_observe(t, obs);
    return ONIC_OK;
}

static int tiles_turn(struct tiles *t, int tile, int colour, uint8_t *obs, struct env_result *out,
                      struct onic_err *err)
{
    struct tiles_state *s = &t->s;
    if (s->open[tile] || (t->colours && colour == s->forbidden))
        return err_set(err, ONIC_EINVAL, "%s: an option that the mask forbids was taken",
                       t->env.spec.id);
    bool right = tile == s->cue && (!t->colours || colour == s->colour);
    memset(out, 0, sizeof *out);
    tiles_say(out, right ? "You uncover the right tile." : "You uncover a wrong tile.");
    s->open[tile] = 1;
    s->steps++;
    s->right = (uint8_t)(s->right + right);
    out->reward = right ? 1.0 : 0.0;
    out->terminated = s->steps == TILES;
    out->truncated = s->steps >= t->env.spec.max_steps && !out->terminated;
    out->success = out->terminated && s->right == TILES;
    tiles_draw_cue(s);
    tiles_observe(t, obs);
    return ONIC_OK;
}

static int tiles_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                      struct onic_err *err)
{
    return tiles_turn((struct tiles *)e, action, 0, obs, out, err);
}

static int tiles_step_many(struct env *e, const union action_cell *action, uint8_t *obs,
                           struct env_result *out, struct onic_err *err)
{
    return tiles_turn((struct tiles *)e, action[0].choice, action[1].choice, obs, out, err);
}

static void tiles_mask(const struct env *e, uint8_t *possible)
{
    const struct tiles *t = (const struct tiles *)e;
    for (int i = 0; i < TILES; i++)
        possible[i] = !t->s.open[i];
    for (int i = 0; t->colours && i < COLOURS; i++)
        possible[TILES + i] = i != t->s.forbidden;
}

static void tiles_render(const struct env *e, struct buf *out)
{
    const struct tiles *t = (const struct tiles *)e;
    for (int i = 0; i < TILES; i++)
        buf_puts(out, t->s.open[i] ? "[ ]" : i == t->s.cue ? "[*]" : "[#]");
    if (t->colours)
        buf_printf(out, "  colour %d, not %d", t->s.colour, t->s.forbidden);
    buf_puts(out, "\n");
}

static void tiles_save(const struct env *e, uint8_t *state)
{
    memcpy(state, &((const struct tiles *)e)->s, sizeof(struct tiles_state));
}

static int tiles_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct tiles *t = (struct tiles *)e;
    struct tiles_state s;
    memcpy(&s, state, sizeof s);
    if (s.cue >= TILES || s.colour >= COLOURS || s.forbidden >= COLOURS || s.steps > TILES ||
        s.right > s.steps)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    t->s = s;
    tiles_observe(t, obs);
    return ONIC_OK;
}

const struct env_family env_tiles = {
    .family = "tiles",
    .domain = "tiles",
    .summary = "uncover the tile that the cue names: masked choices, one or two at once",
    .names = tiles_names,
    .create = tiles_create,
    .free = tiles_free,
    .seed = tiles_seed,
    .reset = tiles_reset,
    .step = tiles_step,
    .step_many = tiles_step_many,
    .mask = tiles_mask,
    .render = tiles_render,
    .save = tiles_save,
    .load = tiles_load,
};
