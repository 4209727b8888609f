/* SPDX-License-Identifier: MIT */
/* gym.c - any environment of Gymnasium: the family over Python processes (gym_worker.h).
 *
 * gym:NAME is an environment that Gymnasium itself registers, gym:MODULE:NAME one that is there
 * once MODULE is imported. Importing runs code, so a module must have been named on this machine
 * (gym.modules; what the user writes in env.id is in it, common/config/named_modules.c): never by a
 * learner, a checkpoint or a record.
 *
 * A vector begins the step of each of its environments before it asks for the first result (begin),
 * so that one message to a worker carries them all. An environment that is stepped alone does both
 * at once. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/envs/env.h"
#include "actor/envs/gym/gym_pool.h"
#include "actor/envs/gym/gym_spawn.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"
#include "common/policy/obs_picture.h"
#include "common/policy/policy.h"

extern const struct env_family env_gym;

enum { GYM_COUNT = 16, GYM_START_MS = 120000, SMALL_PICTURE = 32 };

/* Examples: every other name may exist too. */
static const char *const gym_names[] = {"CartPole-v1", "Pendulum-v1", NULL};

struct gym_copy {
    size_t from, to, bytes;
};

struct gym_env {
    struct env env;
    struct gym_worker *worker;
    int row;
    uint64_t life; /* of the worker, when this environment was reset last */
    bool begun;    /* a step is posted */
    bool seeded;
    uint64_t seed;
    int steps;
    int ncopies; /* fields that are wanted: from the worker's observation to ours */
    struct gym_copy copy[OBS_FIELDS_MAX];
    bool padded; /* our observation has bytes that no field fills */
    char *names; /* of the actions, one after the other */
    const char **action_names;
    char why[GYM_WORD_MAX]; /* the last episode broke */
};

/* --- what is asked for ----------------------------------------------------------------------- */

static bool gym_word(const char *s, size_t n, const char *more)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr(more, s[i]))
            return false;
    return n > 0;
}

/* "NAME" or "MODULE:NAME". */
static int gym_split(struct gym_order *out, const char *name, struct onic_err *err)
{
    const char *colon = strchr(name, ':'), *last = colon ? colon + 1 : name;
    size_t n = colon ? (size_t)(colon - name) : 0;
    if (strlen(name) + strlen("gym:") >= sizeof out->id || (colon && !gym_word(name, n, "_.")) ||
        !gym_word(last, strlen(last), "_.-/"))
        return err_set(err, ONIC_ECONFIG,
                       "'gym:%.80s' is no environment: it is gym:NAME of Gymnasium, or "
                       "gym:MODULE:NAME, at most %zu characters",
                       name, sizeof out->id - 1);
    snprintf(out->id, sizeof out->id, "gym:%s", name);
    snprintf(out->module, sizeof out->module, "%.*s", (int)n, name);
    snprintf(out->name, sizeof out->name, "%s", last);
    return ONIC_OK;
}

/* Is it in the list "a,b"? */
static bool gym_is_named(const char *modules, const char *module)
{
    size_t len = strlen(module);
    for (const char *p = modules; *p;) {
        p += strspn(p, " ,");
        size_t n = strcspn(p, " ,");
        if (n == len && memcmp(p, module, n) == 0)
            return true;
        p += n;
    }
    return false;
}

static size_t gym_memory_limit(int64_t asked_mb, int64_t workers)
{
    double group = limits_group_memory(""),
           all = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (asked_mb > 0)
        return (size_t)asked_mb;
    return (size_t)((group > 0 && group < all ? group : all) * 0.75) / (size_t)workers >> 20;
}

static int gym_read_order(struct gym_order *out, const char *name, const struct config *cfg,
                          struct onic_err *err)
{
    memset(out, 0, sizeof *out); /* compared as bytes */
    int rc = gym_split(out, name, err);
    if (!rc && out->module[0] && !gym_is_named(cfg->gym_modules, out->module))
        rc = err_set(err, ONIC_ECONFIG,
                     "%s is of the Python module %s: give --gym.modules=%s if it may be imported "
                     "here, since no code is loaded that only a file or a learner names",
                     out->id, out->module, out->module);
    if (!rc)
        rc = gym_find_python(cfg->gym_python, out->python, sizeof out->python, err);
    if (rc)
        return rc;
    snprintf(out->options, sizeof out->options, "%s", cfg->env_options);
    int workers = (int)cfg->gym_workers, count = (int)cfg->env_count;
    out->rows = count > 4 * GYM_COUNT ? (count + workers - 1) / workers : 4 * GYM_COUNT;
    out->max_steps = (int)cfg->env_max_steps;
    out->step_ms = (int)cfg->actors_step_timeout_s * 1000 * 2 / 3; /* the watchdog comes later */
    out->start_ms = GYM_START_MS;
    out->restarts = (int)cfg->gym_restarts;
    out->memory_mb = gym_memory_limit(cfg->gym_memory_mb, cfg->gym_workers);
    return ONIC_OK;
}

static int gym_available(const struct config *cfg, struct onic_err *err)
{
    char python[4096];
    return gym_find_python(cfg->gym_python, python, sizeof python, err);
}

/* --- making one ------------------------------------------------------------------------------ */

static bool gym_is_picture(const struct obs_field *f)
{
    if (f->type != OBS_U8 || f->ndim < 2 || f->ndim > 3)
        return false;
    struct obs_picture p = obs_picture_of(f); /* also [frames, height, width], and grey ones */
    return p.H >= SMALL_PICTURE && p.W >= SMALL_PICTURE;
}

static bool gym_net_takes(const char *net, const struct obs_spec *obs)
{
    struct policy_config c = {
        .core = POLICY_CORE_NONE, .actions = {.kind = ACTION_DISCRETE, .n = 1}, .obs = *obs};
    struct onic_err why = {0};
    struct policy *p = NULL;
    snprintf(c.net, sizeof c.net, "%s", net);
    bool takes = policy_create(&p, &c, &why) == ONIC_OK;
    policy_free(p);
    return takes;
}

static const char *gym_net(const struct obs_spec *obs)
{
    const struct obs_field *image = obs_spec_find(obs, "image");
    const struct obs_field *direction = obs_spec_find(obs, "direction");
    if (image && direction && direction->type == OBS_U8 && image->type == OBS_U8 &&
        image->ndim == 3 && image->shape[0] < SMALL_PICTURE && image->shape[2] == 3)
        return "grid-small"; /* MiniGrid's codes */
    bool pictures = false;
    for (int i = 0; i < obs->nfields; i++)
        pictures |= gym_is_picture(&obs->field[i]);
    return pictures && gym_net_takes("pixels", obs) ? "pixels" : "mlp";
}

static void gym_name_actions(struct gym_env *g, const struct gym_about *about)
{
    int n = about->actions.n;
    bool named = about->names[0] != '\0';
    g->action_names = xcalloc((size_t)n, sizeof *g->action_names);
    g->names = xcalloc(named ? 1 : (size_t)n, named ? sizeof about->names : 12);
    if (named)
        memcpy(g->names, about->names, sizeof about->names);
    char *at = g->names;
    for (int i = 0; i < n; i++) {
        if (!named)
            snprintf(at, 12, "%d", i);
        g->action_names[i] = at[0] ? at : "?";
        at += named ? strcspn(at, ",") : 12;
        if (named && *at)
            *at++ = '\0';
    }
    g->env.spec.action_names = g->action_names;
}

static void gym_choose_fields(struct gym_env *g, const struct obs_spec *all, const char *wanted)
{
    char names[OBS_FIELDS_MAX * (OBS_NAME_MAX + 1) + 1] = "";
    for (int i = 0; i < all->nfields; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? "," : "",
                 all->field[i].name);
    struct obs_spec *obs = &g->env.spec.obs;
    size_t copied = 0;
    for (int i = 0; i < all->nfields; i++) {
        const struct obs_field *f = &all->field[i];
        if (!env_wants_field(wanted, f->name, names))
            continue;
        obs_spec_add(obs, f->name, f->type, f->ndim, f->shape);
        g->copy[g->ncopies++] =
            (struct gym_copy){f->offset, obs->field[obs->nfields - 1].offset, f->bytes};
        copied += f->bytes;
    }
    g->padded = copied < obs->obs_bytes;
}

static void gym_fill_spec(struct gym_env *g, const struct config *cfg)
{
    const struct gym_about *about = gym_worker_about(g->worker);
    struct env_spec *s = &g->env.spec;
    snprintf(s->id, sizeof s->id, "%s", gym_worker_order(g->worker)->id);
    gym_choose_fields(g, &about->obs, cfg->env_obs);
    gym_name_actions(g, about);
    s->actions = about->actions;
    s->max_steps = about->max_steps ? about->max_steps : ENV_NO_LIMIT;
    s->has_success = about->success;
    s->no_captions = !about->captions;
    s->default_net = gym_net(&s->obs);
    s->default_goal = "none";
    s->default_count = GYM_COUNT;
}

static void gym_free(struct env *e)
{
    struct gym_env *g = (struct gym_env *)e;
    if (!g)
        return;
    if (g->worker)
        gym_pool_leave(g->worker, g->row);
    free(g->action_names);
    free(g->names);
    free(g);
}

static int gym_create(struct env **out, const struct env_family *family, const char *name,
                      const struct config *cfg, int index, struct onic_err *err)
{
    struct gym_order *order = xcalloc(1, sizeof *order);
    struct gym_env *g = xcalloc(1, sizeof *g);
    g->env.family = family;
    int rc = gym_read_order(order, name, cfg, err);
    if (!rc)
        rc = gym_pool_join(&g->worker, &g->row, order, index % (int)cfg->gym_workers, err);
    free(order);
    if (rc) {
        g->worker = NULL;
        gym_free(&g->env);
        return rc;
    }
    g->life = gym_life(g->worker) - 1; /* not reset in this one */
    gym_fill_spec(g, cfg);
    *out = &g->env;
    return ONIC_OK;
}

/* --- playing it ------------------------------------------------------------------------------ */

static void gym_seed(struct env *e, uint64_t seed)
{
    struct gym_env *g = (struct gym_env *)e;
    g->seeded = true;
    g->seed = seed;
}

/* The episode cannot go on. */
static void gym_broke(struct gym_env *g, uint8_t *obs, struct env_result *out)
{
    memset(obs, 0, g->env.spec.obs.obs_bytes);
    *out = (struct env_result){.failed = true, .fault = g->why};
}

/* What the row says after a step or reset. */
static void gym_read_row(struct gym_env *g, uint8_t *obs, struct env_result *out)
{
    const struct gym_memory *m = gym_rows(g->worker);
    if (g->life != gym_life(g->worker)) {
        snprintf(g->why, sizeof g->why, "%s", gym_why(g->worker));
        gym_broke(g, obs, out);
        return;
    }
    size_t row = (size_t)g->row;
    int flags = m->at[m->offset.flags + row], len;
    const char *text = (const char *)m->at + m->offset.texts + row * GYM_TEXT_MAX;
    memcpy(&len, m->at + m->offset.lengths + row * sizeof len, sizeof len);
    len = len < 0 ? 0 : len > GYM_TEXT_MAX ? GYM_TEXT_MAX : len;
    if (flags & GYM_FAILED) {
        snprintf(g->why, sizeof g->why, "%.*s", len, text);
        gym_broke(g, obs, out);
        return;
    }
    memset(out, 0, sizeof *out);
    memcpy(&out->reward, m->at + m->offset.rewards + row * sizeof out->reward, sizeof out->reward);
    out->terminated = flags & GYM_TERMINATED;
    out->truncated = !out->terminated && flags & GYM_TRUNCATED;
    out->success = flags & GYM_SUCCESS;
    out->caption_len = (int)strnlen(text, (size_t)len);
    memcpy(out->caption, text, (size_t)out->caption_len);
    const uint8_t *from = m->at + m->offset.obs + row * m->obs_bytes;
    if (g->padded)
        memset(obs, 0, g->env.spec.obs.obs_bytes);
    for (int i = 0; i < g->ncopies; i++)
        memcpy(obs + g->copy[i].to, from + g->copy[i].from, g->copy[i].bytes);
}

static int gym_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    struct gym_env *g = (struct gym_env *)e;
    int rc = gym_begin_life(g->worker, err);
    if (rc)
        return rc;
    const struct gym_memory *m = gym_rows(g->worker);
    m->at[m->offset.seeded + (size_t)g->row] = g->seeded;
    memcpy(m->at + m->offset.seeds + (size_t)g->row * sizeof g->seed, &g->seed, sizeof g->seed);
    g->seeded = g->begun = false;
    g->life = gym_life(g->worker);
    gym_post(g->worker, GYM_RESET, g->row);
    gym_flush(g->worker);
    gym_wait(g->worker);
    gym_read_row(g, obs, out);
    return ONIC_OK;
}

static void gym_begin(struct env *e, const union action_cell *action)
{
    struct gym_env *g = (struct gym_env *)e;
    const struct gym_memory *m = gym_rows(g->worker);
    g->begun = true;
    if (g->life != gym_life(g->worker))
        return;
    size_t bytes = m->parts * sizeof *action;
    memcpy(m->at + m->offset.actions + (size_t)g->row * bytes, action, bytes);
    gym_post(g->worker, GYM_STEP, g->row);
}

static int gym_step_many(struct env *e, const union action_cell *action, uint8_t *obs,
                         struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct gym_env *g = (struct gym_env *)e;
    if (!g->begun)
        gym_begin(e, action);
    g->begun = false;
    gym_pool_flush();
    gym_flush(g->worker); /* it may be of another thread than this one */
    gym_wait(g->worker);
    gym_read_row(g, obs, out);
    return ONIC_OK;
}

static int gym_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                    struct onic_err *err)
{
    return gym_step_many(e, &(union action_cell){.choice = action}, obs, out, err);
}

static void gym_mask(const struct env *e, uint8_t *possible)
{
    const struct gym_env *g = (const struct gym_env *)e;
    const struct gym_memory *m = gym_rows(g->worker);
    if (!m->at || !m->options) { /* its process has just died */
        memset(possible, 1, (size_t)action_space_all_options(&e->spec.actions));
        return;
    }
    memcpy(possible, m->at + m->offset.masks + (size_t)g->row * m->options, m->options);
}

static void gym_picture(const struct env *e, struct buf *out)
{
    const struct gym_env *g = (const struct gym_env *)e;
    size_t before = out->len;
    if (g->life == gym_life(g->worker))
        gym_render(g->worker, g->row, out);
    if (out->len == before)
        buf_puts(out, "(this environment draws no text)\n");
}

const struct env_family env_gym = {
    .family = "gym",
    .domain = "gym",
    .summary = "any environment of Gymnasium, in Python processes: gym:NAME, or gym:MODULE:NAME",
    .names = gym_names,
    .open = true,
    .available = gym_available,
    .create = gym_create,
    .free = gym_free,
    .seed = gym_seed,
    .reset = gym_reset,
    .begin = gym_begin,
    .step = gym_step,
    .step_many = gym_step_many,
    .mask = gym_mask,
    .render = gym_picture,
};
