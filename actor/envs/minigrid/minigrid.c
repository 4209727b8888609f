/* SPDX-License-Identifier: MIT */
/* minigrid.c - MiniGrid tasks behind the contract of env.h.
 *
 * The same seed gives, bit for bit, the observations, rewards and ends of the published Python
 * package (minigrid 3.2.0) under the same actions, across resets; tests/golden/minigrid.txt was
 * recorded from it. What is added is the caption. The step's order is the package's: count, act,
 * look; then the task decides whether that was it. The reward is computed in double precision like
 * there, and handed on as the nearest float. */
#include "actor/envs/minigrid/minigrid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

extern const struct env_family env_minigrid; /* registered by ENV(minigrid) in envs.def */

static const struct mg_task tasks[] = {
#define TASK(name, rules, width, height, max_steps, a, b)                                          \
    {name, &mg_##rules, width, height, max_steps, a, b},
#include "actor/envs/minigrid/tasks.def"
#undef TASK
};

static const char *const names[] = {
#define TASK(name, rules, width, height, max_steps, a, b) name,
#include "actor/envs/minigrid/tasks.def"
#undef TASK
    NULL};

static const int minigrid_action_keys[MG_ACTIONS] = {ENV_KEY_LEFT, ENV_KEY_RIGHT, ENV_KEY_UP, 'p',
                                                     'd',          ' ',           '\r'};
static const char *const action_names[MG_ACTIONS] = {"left", "right",  "forward", "pickup",
                                                     "drop", "toggle", "done"};

static const struct mg_task *task_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        if (strcmp(tasks[i].name, name) == 0)
            return &tasks[i];
    return NULL;
}

static size_t interior_bytes(const struct mg_task *t)
{
    return (size_t)t->width * (size_t)t->height * sizeof(uint32_t);
}

_Static_assert((int)MG_CAPTION_MAX <= (int)ENV_CAPTION_MAX, "every sentence fits a result");

static struct minigrid *world_of(struct env *e)
{
    return &((struct minigrid_env *)e)->world;
}

static const struct minigrid *const_world_of(const struct env *e)
{
    return &((const struct minigrid_env *)e)->world;
}

/* The network pixels reads any picture, so that what it wants here has to be said here. */
static void add_fields(struct minigrid_env *e, const struct config *cfg)
{
    struct obs_spec *obs = &e->env.spec.obs;
    bool pictures = strcmp(cfg->policy_net, "pixels") == 0;
    const char *auto_fields = pictures ? "pixels" : "image,direction";
    int side = MG_VIEW * (int)cfg->env_tile;
    if (env_wants_field(cfg->env_obs, "image", auto_fields))
        obs_spec_add(obs, "image", OBS_U8, 3, (const int[]){MG_VIEW, MG_VIEW, 3});
    if (env_wants_field(cfg->env_obs, "direction", auto_fields))
        obs_spec_add(obs, "direction", OBS_U8, 1, (const int[]){1});
    if (env_wants_field(cfg->env_obs, "pixels", auto_fields))
        obs_spec_add(obs, "pixels", OBS_U8, 3, (const int[]){side, side, 3});
    e->image = obs_spec_find(obs, "image");
    e->direction = obs_spec_find(obs, "direction");
    e->pixels = obs_spec_find(obs, "pixels");
    if (e->pixels)
        e->tiles = mg_tiles_get((int)cfg->env_tile);
}

static void minigrid_fill_spec(struct minigrid_env *e, const struct config *cfg)
{
    struct minigrid *m = &e->world;
    struct env_spec *s = &e->env.spec;
    int max_steps = (int)cfg->env_max_steps; /* 0 = as the task has it */
    snprintf(s->id, sizeof s->id, "minigrid:%s", m->task->name);
    add_fields(e, cfg);
    s->actions.n = MG_ACTIONS;
    s->action_names = action_names;
    s->action_keys = minigrid_action_keys;
    s->max_steps = m->max_steps = max_steps ? max_steps : m->task->max_steps;
    s->has_success = true;
    s->default_net = e->pixels && !e->image ? "pixels" : "grid-small";
    s->default_goal = m->task->rules->goal;
    s->default_count = 64;
    s->state_bytes = sizeof m->s + interior_bytes(m->task);
}

static int minigrid_create(struct env **out, const struct env_family *family, const char *name,
                           const struct config *cfg, int index, struct onic_err *err)
{
    (void)index;
    (void)err;
    struct minigrid_env *e = xcalloc(1, sizeof *e);
    struct minigrid *m = &e->world;
    m->task = task_by_name(name);
    ONIC_ASSERT(m->task);
    e->env.family = family;
    minigrid_fill_spec(e, cfg);
    m->stride = m->task->width + 2 * MG_MARGIN;
    int count = m->stride * (m->task->height + 2 * MG_MARGIN);
    m->cells = xmalloc((size_t)count * sizeof *m->cells);
    for (int i = 0; i < count; i++)
        m->cells[i] = MG_WALL_CELL;
    m->origin = m->cells + MG_MARGIN * m->stride + MG_MARGIN;
    pcg64_seed(&m->s.rng, 0);
    *out = &e->env;
    return ONIC_OK;
}

static void minigrid_free(struct env *e)
{
    if (!e)
        return;
    free(world_of(e)->cells);
    free(e);
}

static void minigrid_seed(struct env *e, uint64_t seed)
{
    pcg64_seed(&world_of(e)->s.rng, seed);
}

static uint64_t minigrid_observe(const struct env *e, uint8_t *obs)
{
    const struct minigrid_env *me = (const struct minigrid_env *)e;
    uint64_t sights;
    /* the padding: equal states give equal bytes */
    memset(obs + e->spec.obs.obs_bytes - 8, 0, 8);
    mg_observe(&me->world, me->image ? obs + me->image->offset : NULL, &sights);
    if (me->direction)
        obs[me->direction->offset] = (uint8_t)me->world.s.dir;
    if (me->pixels)
        mg_picture(&me->world, me->tiles, obs + me->pixels->offset);
    return sights;
}

static void clear_result(struct env_result *out)
{
    out->reward = 0.0;
    out->fault = NULL;
    out->terminated = out->truncated = out->failed = out->success = false;
}

static int minigrid_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct minigrid *m = world_of(e);
    m->s.agent = (struct mg_pos){-1, -1};
    m->s.carrying = m->s.target = 0;
    m->s.seen = 0;
    m->s.steps = m->s.objects = 0;
    clear_result(out);
    /* Random placement gives up with a probability below 10^-50 per level; the package raises an
     * exception there. */
    out->failed = !m->task->rules->generate(m);
    if (out->failed) {
        m->s.agent = (struct mg_pos){1, 1};
        m->s.dir = 0;
    }
    out->caption_len =
        mg_caption(m, (struct mg_event){MG_NOTHING, 0}, minigrid_observe(e, obs), out->caption);
    return ONIC_OK;
}

/* Did the action complete the task? As in the package, which asks after the step and only for the
 * action that can. */
static bool succeeded(const struct minigrid *m, enum mg_action action, struct mg_event event)
{
    switch (m->task->rules->success) {
    case MG_REACH_GOAL:
        return event.kind == MG_REACHED_GOAL;
    case MG_OPEN_DOOR:
        return action == MG_TOGGLE &&
               mg_door_state(*mg_at(m, m->s.target_door.x, m->s.target_door.y)) == MG_OPEN;
    case MG_PICK_UP:
        return action == MG_PICKUP && m->s.carrying && m->s.carrying == m->s.target;
    }
    return false;
}

static int minigrid_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                         struct onic_err *err)
{
    (void)err;
    struct minigrid *m = world_of(e);
    clear_result(out);
    m->s.steps++;
    struct mg_event event = mg_act(m, (enum mg_action)action);
    if (succeeded(m, (enum mg_action)action, event)) {
        out->reward = 1.0 - 0.9 * ((double)m->s.steps / m->max_steps);
        out->terminated = out->success = true;
    }
    out->terminated |= event.kind == MG_BURNED;
    out->truncated = m->s.steps >= m->max_steps;
    out->caption_len = mg_caption(m, event, minigrid_observe(e, obs), out->caption);
    return ONIC_OK;
}

static void minigrid_render(const struct env *e, struct buf *out)
{
    mg_render(const_world_of(e), out);
}

static void minigrid_draw(const struct env *e, struct pixels *out)
{
    mg_draw(const_world_of(e), out);
}

static void minigrid_save(const struct env *e, uint8_t *state)
{
    const struct minigrid *m = const_world_of(e);
    memcpy(state, &m->s, sizeof m->s);
    state += sizeof m->s;
    size_t row = (size_t)m->task->width * sizeof(uint32_t);
    for (int y = 0; y < m->task->height; y++)
        memcpy(state + (size_t)y * row, mg_at(m, 0, y), row);
}

/* A snapshot comes from a file: nothing in it may lead outside of the grid or of a table. */
static bool plausible_cell(uint32_t cell)
{
    return mg_type(cell) < MG_TYPES && mg_color(cell) < MG_COLORS &&
           mg_door_state(cell) <= MG_LOCKED && mg_object(cell) < MG_OBJECTS_MAX;
}

static bool plausible(const struct minigrid *m, const struct mg_state *s, const uint8_t *cells)
{
    int w = m->task->width, h = m->task->height;
    bool ok = s->agent.x >= 0 && s->agent.x < w && s->agent.y >= 0 && s->agent.y < h &&
              s->target_door.x >= 0 && s->target_door.x < w && s->target_door.y >= 0 &&
              s->target_door.y < h && s->dir >= 0 && s->dir < 4 && s->objects >= 0 &&
              s->objects < MG_OBJECTS_MAX && plausible_cell(s->carrying) &&
              plausible_cell(s->target);
    for (int i = 0; i < MG_OBJECTS_MAX; i++)
        ok = ok && plausible_cell(s->content[i]);
    for (size_t at = 0; at < interior_bytes(m->task); at += sizeof(uint32_t)) {
        uint32_t cell;
        memcpy(&cell, cells + at, sizeof cell);
        ok = ok && plausible_cell(cell);
    }
    return ok;
}

static int minigrid_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct minigrid *m = world_of(e);
    struct mg_state s;
    memcpy(&s, state, sizeof s);
    state += sizeof s;
    if (!plausible(m, &s, state))
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    m->s = s;
    size_t row = (size_t)m->task->width * sizeof(uint32_t);
    for (int y = 0; y < m->task->height; y++)
        memcpy(mg_at(m, 0, y), state + (size_t)y * row, row);
    minigrid_observe(e, obs);
    return ONIC_OK;
}

const struct env_family env_minigrid = {
    .family = "minigrid",
    .domain = "minigrid",
    .summary = "grid worlds with exactly the levels of the Python package minigrid 3.2.0",
    .names = names,
    .create = minigrid_create,
    .free = minigrid_free,
    .seed = minigrid_seed,
    .reset = minigrid_reset,
    .step = minigrid_step,
    .render = minigrid_render,
    .draw = minigrid_draw,
    .save = minigrid_save,
    .load = minigrid_load,
};
