/* SPDX-License-Identifier: MIT */
/* corridor.c - a corridor with one closed door, and the template for a new environment: copy this
 * folder.
 *
 * The agent starts at cell 0 and is paid 1 for reaching the last cell. A door, at a random cell,
 * must be opened on the way. That is enough to show every part of the contract in env.h: an
 * observation written in place, a seeded generator, the three ways an episode ends, captions, a
 * snapshot and a picture.
 *
 * Captions tell what happened, one per step, "" when nothing did; the reward server judges them, so
 * they are plain sentences about events and not about the agent's state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"

extern const struct env_family env_corridor; /* registered by ENV(corridor) in envs.def */

enum { LEFT, RIGHT, OPEN, ACTIONS };
enum { NOTHING_NEAR, DOOR_CLOSED, DOOR_OPEN }; /* field `door` */

static const char *const action_names[ACTIONS] = {"left", "right", "open"};
static const int action_keys[ACTIONS] = {ENV_KEY_LEFT, ENV_KEY_RIGHT, 'o'};
/* corridor:N has N cells, corridor 16 */
static const char *const names[] = {"", "8", "32", "64", NULL};

struct state { /* plain data: a snapshot is a copy of it */
    struct rng rng;
    int32_t position, door, steps;
    bool open, seen;
};

struct corridor {
    struct env env;
    int length;
    const struct obs_field *field_position, *field_door; /* NULL when env.obs leaves it out */
    struct state s;
};

static int corridor_create(struct env **out, const struct env_family *family, const char *name,
                           const struct config *cfg, int index, struct onic_err *err)
{
    (void)index; /* no private folder needed */
    (void)err;   /* and nothing here can fail */
    struct corridor *c = xcalloc(1, sizeof *c);
    c->length = name[0] ? (int)strtol(name, NULL, 10) : 16;
    struct env_spec *s = &c->env.spec;
    snprintf(s->id, sizeof s->id, "corridor%s%s", name[0] ? ":" : "", name);
    const char *auto_fields = "position,door";
    if (env_wants_field(cfg->env_obs, "position", auto_fields))
        obs_spec_add(&s->obs, "position", OBS_U8, 1, (const int[]){1});
    if (env_wants_field(cfg->env_obs, "door", auto_fields))
        obs_spec_add(&s->obs, "door", OBS_U8, 1, (const int[]){1});
    c->field_position = obs_spec_find(&s->obs, "position");
    c->field_door = obs_spec_find(&s->obs, "door");
    s->actions.n = ACTIONS;
    s->action_names = action_names;
    s->action_keys = action_keys;
    s->max_steps = cfg->env_max_steps ? (int)cfg->env_max_steps : 8 * c->length;
    s->has_success = true;
    s->default_net = "mlp";
    s->default_goal = "corridor";
    s->default_count = 16;
    s->state_bytes = sizeof c->s;
    c->s.rng = rng_stream(0, "corridor", 0, 0, 0);
    c->env.family = family;
    *out = &c->env;
    return ONIC_OK;
}

static void corridor_free(struct env *e)
{
    free(e); /* env is the first member */
}

static void corridor_seed(struct env *e, uint64_t seed)
{
    ((struct corridor *)e)->s.rng = rng_stream(seed, "corridor", 0, 0, 0);
}

static void corridor_observe(struct corridor *c, uint8_t *obs)
{
    memset(obs, 0, c->env.spec.obs.obs_bytes); /* the padding too: equal states give equal bytes */
    bool near_door = abs(c->s.door - c->s.position) <= 1;
    if (c->field_position)
        obs[c->field_position->offset] = (uint8_t)c->s.position;
    if (c->field_door)
        obs[c->field_door->offset] = !near_door  ? NOTHING_NEAR
                                     : c->s.open ? DOOR_OPEN
                                                 : DOOR_CLOSED;
}

static void say(struct env_result *out, const char *caption)
{
    out->caption_len = (int)strlen(caption);
    memcpy(out->caption, caption, (size_t)out->caption_len + 1);
}

static void corridor_clear(struct env_result *out)
{
    out->reward = 0.0;
    out->fault = NULL;
    out->terminated = out->truncated = out->failed = out->success = false;
    say(out, "");
}

static int corridor_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct corridor *c = (struct corridor *)e;
    c->s.position = c->s.steps = 0;
    c->s.door = 2 + (int32_t)rng_below(&c->s.rng, (uint32_t)c->length - 3); /* 2 .. length-2 */
    c->s.open = c->s.seen = false;
    corridor_clear(out);
    corridor_observe(c, obs);
    return ONIC_OK;
}

static void move(struct corridor *c, int to, struct env_result *out)
{
    if (to < 0) {
        say(out, "You bump into a wall.");
    } else if (to == c->s.door && !c->s.open) {
        say(out, "You bump into the door.");
    } else {
        c->s.position = to;
    }
}

static int corridor_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                         struct onic_err *err)
{
    (void)err;
    struct corridor *c = (struct corridor *)e;
    corridor_clear(out);
    c->s.steps++;
    if (action == OPEN && !c->s.open && c->s.position + 1 == c->s.door) {
        c->s.open = true;
        say(out, "You open the door.");
    } else if (action != OPEN) {
        move(c, c->s.position + (action == RIGHT ? 1 : -1), out);
    }
    if (c->s.position == c->length - 1) {
        out->reward = 1.0;
        out->terminated = out->success = true;
        say(out, "You reach the end of the corridor.");
    } else if (out->caption_len == 0 && !c->s.seen && c->s.position + 1 == c->s.door) {
        c->s.seen = true;
        say(out, "You see a door.");
    }
    out->truncated = c->s.steps >= c->env.spec.max_steps && !out->terminated;
    corridor_observe(c, obs);
    return ONIC_OK;
}

static void corridor_render(const struct env *e, struct buf *out)
{
    const struct corridor *c = (const struct corridor *)e;
    for (int i = 0; i < c->length; i++) {
        char cell = i == c->length - 1 ? '>' : i == c->s.door ? (c->s.open ? '\'' : '+') : '.';
        buf_append(out, i == c->s.position ? "@" : &cell, 1);
    }
    buf_puts(out, "\n");
}

static void corridor_save(const struct env *e, uint8_t *state)
{
    memcpy(state, &((const struct corridor *)e)->s, sizeof(struct state));
}

static int corridor_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct corridor *c = (struct corridor *)e;
    struct state s;
    memcpy(&s, state, sizeof s);
    if (s.position < 0 || s.position >= c->length || s.door < 2 || s.door > c->length - 2)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    c->s = s;
    corridor_observe(c, obs);
    return ONIC_OK;
}

const struct env_family env_corridor = {
    .family = "corridor",
    .domain = "corridor",
    .summary = "a corridor with a door: the template for a new environment",
    .names = names,
    .create = corridor_create,
    .free = corridor_free,
    .seed = corridor_seed,
    .reset = corridor_reset,
    .step = corridor_step,
    .render = corridor_render,
    .save = corridor_save,
    .load = corridor_load,
};
