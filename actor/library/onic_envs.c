/* SPDX-License-Identifier: MIT */
/* onic_envs.c - a vector of environments behind the functions of onic_envs.h.
 *
 * Not vec_env.h: that one numbers episodes and seeds them from a run, for the learner's books. Here
 * the caller seeds as Gymnasium does, so that a seed gives the level that it gives there. */
#include "actor/library/onic_envs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "actor/library/envs_open.h"
#include "common/base/xmalloc.h"
#include "generated/onic_version.h"

_Static_assert(ONIC_ENVS_CAPTION == ENV_CAPTION_MAX + 1, "the header stands alone");

enum {
    COUNT_MAX = 1 << 16,
    RESETS_MAX = 100
}; /* episodes broken before their first step, in a row */

struct onic_envs {
    int n, parts, options, nstats;
    struct env **env;            /* [n] */
    const struct env_spec *spec; /* of the first: they are equal */
    uint8_t *ended;              /* [n] waits for its reset */
    struct onic_envs_arrays a;
    struct env_result result; /* of the call at hand */
    struct pixels pixels;
    struct buf text, description;
    struct onic_err err;
};

int onic_envs_abi(void)
{
    return ONIC_ENVS_ABI;
}

const char *onic_envs_version(void)
{
    return ONIC_VERSION;
}

const char *onic_envs_list(void)
{
    static char list[1 << 15];
    size_t at = 0;
    if (list[0])
        return list;
    for (int i = 0; i < env_family_count(); i++) {
        const struct env_family *f = env_family_at(i);
        for (const char *const *name = f->names; *name && !f->open;
             name++) { /* Python's stay there */
            int len = snprintf(list + at, sizeof list - at, "%s%s%s\n", f->family,
                               (*name)[0] ? ":" : "", *name);
            at += (size_t)len < sizeof list - at ? (size_t)len : 0;
        }
    }
    return list;
}

/* --- life ------------------------------------------------------------------------------------ */

static void envs_arrays_create(struct onic_envs *e)
{
    struct onic_envs_arrays *a = &e->a;
    size_t n = (size_t)e->n, obs = e->spec->obs.obs_bytes, S = (size_t)e->nstats;
    bool masked = e->spec->actions.masked;
    a->obs_bytes = obs;
    a->obs = xaligned(n * obs);
    a->final_obs = xaligned(n * obs);
    a->reward = xcalloc(n, sizeof *a->reward);
    a->terminated = xcalloc(n, 1);
    a->truncated = xcalloc(n, 1);
    a->failed = xcalloc(n, 1);
    a->success = xcalloc(n, 1);
    a->was_reset = xcalloc(n, 1);
    a->caption_size = xcalloc(n, sizeof *a->caption_size);
    a->final_caption_size = xcalloc(n, sizeof *a->final_caption_size);
    a->caption = xcalloc(n, ONIC_ENVS_CAPTION);
    a->final_caption = xcalloc(n, ONIC_ENVS_CAPTION);
    a->possible = masked ? xcalloc(n, (size_t)e->options) : NULL;
    a->steps = xcalloc(n, sizeof *a->steps);
    a->final_steps = xcalloc(n, sizeof *a->final_steps);
    a->statistics = S ? xcalloc(n * S, sizeof *a->statistics) : NULL;
    a->final_statistics = S ? xcalloc(n * S, sizeof *a->statistics) : NULL;
    e->ended = xcalloc(n, 1);
    memset(e->ended, 1, n);
}

static void envs_arrays_free(struct onic_envs_arrays *a)
{
    void *const all[] = {
        a->obs,           a->final_obs,       a->reward,     a->terminated,   a->truncated,
        a->failed,        a->success,         a->was_reset,  a->caption_size, a->caption,
        a->possible,      a->steps,           a->statistics, a->final_steps,  a->final_caption_size,
        a->final_caption, a->final_statistics};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

static void envs_describe(const struct env *env, struct buf *out)
{
    const struct env_spec *s = &env->spec;
    buf_printf(out, "id: %s\nobservation: ", s->id);
    obs_spec_text(&s->obs, out);
    buf_puts(out, "\noffsets: ");
    for (int i = 0; i < s->obs.nfields; i++)
        buf_printf(out, "%s%zu", i ? "," : "", s->obs.field[i].offset);
    buf_puts(out, "\nactions: ");
    action_space_text(&s->actions, out);
    buf_puts(out, "\naction_names: ");
    for (int i = 0; i < s->actions.n && s->action_names; i++)
        buf_printf(out, "%s%s", i ? "," : "", s->action_names[i]);
    buf_printf(out, "\nmax_steps: %d\nsuccess: %s\nstatistics: ", s->max_steps,
               s->has_success ? "yes" : "no");
    for (int i = 0; i < s->nstats; i++)
        buf_printf(out, "%s%s", i ? "," : "", s->stat_names[i]);
    buf_printf(out, "\nstate_bytes: %zu\nrender: %s\ndraw: %s\n", s->state_bytes,
               env->family->render ? "yes" : "no", env->family->draw ? "yes" : "no");
}

struct onic_envs *onic_envs_create(const char *id, int n, uint64_t seed, const char *options,
                                   char *error, size_t bytes)
{
    struct onic_err err = {0};
    int rc = ONIC_OK;
    if (n < 1 || n > COUNT_MAX)
        rc = err_set(&err, ONIC_ECONFIG, "a vector has 1 to %d environments, not %d", COUNT_MAX, n);
    struct env **env = xcalloc(rc ? 1 : (size_t)n, sizeof *env);
    if (!rc)
        rc = library_open_envs(env, n, id, options, &err);
    if (rc) {
        snprintf(error, bytes, "%s", err.msg);
        free(env);
        return NULL;
    }
    struct onic_envs *e = xcalloc(1, sizeof *e);
    e->n = n;
    e->env = env;
    e->spec = &env[0]->spec;
    e->parts = action_space_parts(&e->spec->actions);
    e->options = e->spec->actions.kind == ACTION_CONTINUOUS
                     ? 0
                     : action_space_all_options(&e->spec->actions);
    e->nstats = e->spec->nstats;
    envs_arrays_create(e);
    buf_init(&e->text, 1 << 24);
    buf_init(&e->description, 1 << 20);
    envs_describe(env[0], &e->description);
    for (int i = 0; i < n; i++)
        env[i]->family->seed(env[i], seed + (uint64_t)i);
    return e;
}

void onic_envs_close(struct onic_envs *e)
{
    if (!e)
        return;
    for (int i = 0; i < e->n; i++)
        env_free(e->env[i]);
    envs_arrays_free(&e->a);
    pixels_free(&e->pixels);
    buf_release(&e->text);
    buf_release(&e->description);
    free(e->ended);
    free(e->env);
    free(e);
}

const char *onic_envs_describe(const struct onic_envs *e)
{
    return e->description.data;
}

const char *onic_envs_error(const struct onic_envs *e)
{
    return e->err.msg;
}

const struct onic_envs_arrays *onic_envs_arrays(const struct onic_envs *e)
{
    return &e->a;
}

/* --- steps ----------------------------------------------------------------------------------- */

/* What was learnt of environment i into its places. */
static void envs_take(struct onic_envs *e, int i)
{
    const struct env_result *r = &e->result;
    struct onic_envs_arrays *a = &e->a;
    const struct env_family *f = e->env[i]->family;
    a->reward[i] = r->reward;
    a->terminated[i] = r->terminated && !r->failed;
    a->truncated[i] = (r->truncated && !r->terminated) || r->failed;
    a->failed[i] = r->failed;
    a->success[i] = r->success;
    a->caption_size[i] = r->caption_len;
    if (r->caption_len)
        memcpy(a->caption + (size_t)i * ONIC_ENVS_CAPTION, r->caption, (size_t)r->caption_len + 1);
    if (a->possible)
        f->mask(e->env[i], a->possible + (size_t)i * (size_t)e->options);
    if (a->statistics)
        f->stats(e->env[i], a->statistics + (size_t)i * (size_t)e->nstats);
    e->ended[i] = r->terminated || r->truncated || r->failed;
}

static int envs_reset_one(struct onic_envs *e, int i)
{
    struct env *env = e->env[i];
    for (int tries = 0; tries < RESETS_MAX; tries++) {
        int rc =
            env->family->reset(env, e->a.obs + (size_t)i * e->a.obs_bytes, &e->result, &e->err);
        if (rc)
            return rc;
        if (!e->result.failed) {
            envs_take(e, i);
            e->a.steps[i] = 0;
            e->a.was_reset[i] = 1;
            return ONIC_OK;
        }
    }
    return err_set(&e->err, ONIC_ECONFIG, "%s broke %d times before its first step", e->spec->id,
                   RESETS_MAX);
}

int onic_envs_reset(struct onic_envs *e, const uint8_t *which, const uint64_t *seeds)
{
    int rc = ONIC_OK;
    memset(e->a.was_reset, 0, (size_t)e->n);
    for (int i = 0; !rc && i < e->n; i++) {
        if (which && !which[i])
            continue;
        if (seeds)
            e->env[i]->family->seed(e->env[i], seeds[i]);
        rc = envs_reset_one(e, i);
    }
    return rc ? -1 : 0;
}

/* The end of an episode is kept beside the beginning of the next. */
static int envs_reset_same_step(struct onic_envs *e, int i)
{
    struct onic_envs_arrays *a = &e->a;
    size_t at = (size_t)i, S = (size_t)e->nstats;
    uint8_t terminated = a->terminated[i], truncated = a->truncated[i], failed = a->failed[i];
    uint8_t success = a->success[i];
    double reward = a->reward[i];
    memcpy(a->final_obs + at * a->obs_bytes, a->obs + at * a->obs_bytes, a->obs_bytes);
    memcpy(a->final_caption + at * ONIC_ENVS_CAPTION, a->caption + at * ONIC_ENVS_CAPTION,
           ONIC_ENVS_CAPTION);
    a->final_caption_size[i] = a->caption_size[i];
    a->final_steps[i] = a->steps[i];
    if (S)
        memcpy(a->final_statistics + at * S, a->statistics + at * S, S * sizeof(float));
    int rc = envs_reset_one(e, i);
    a->terminated[i] = terminated;
    a->truncated[i] = truncated;
    a->failed[i] = failed;
    a->success[i] = success;
    a->reward[i] = reward;
    return rc;
}

static int envs_step_one(struct onic_envs *e, int i, const union action_cell *action,
                         enum onic_envs_mode mode)
{
    struct env *env = e->env[i];
    e->a.was_reset[i] = 0;
    if (e->ended[i] && mode != ONIC_ENVS_DISABLED)
        return envs_reset_one(e, i);
    if (e->ended[i])
        return err_set(&e->err, ONIC_ECONFIG,
                       "the episode of environment %d is over, or has not begun: reset it first",
                       i);
    if (!action_space_holds(&e->spec->actions, action)) {
        buf_reset(&e->text);
        action_space_json(&e->spec->actions, action, &e->text);
        return err_set(&e->err, ONIC_ECONFIG,
                       "environment %d was given the action %.80s, which is not one of its actions",
                       i, e->text.data);
    }
    int rc = env_step(env, action, e->a.obs + (size_t)i * e->a.obs_bytes, &e->result, &e->err);
    if (rc)
        return rc;
    e->a.steps[i]++;
    envs_take(e, i);
    return e->ended[i] && mode == ONIC_ENVS_SAME_STEP ? envs_reset_same_step(e, i) : ONIC_OK;
}

int onic_envs_step(struct onic_envs *e, const void *action, enum onic_envs_mode mode)
{
    const union action_cell *cell = action;
    int rc = ONIC_OK;
    for (int i = 0; !rc && i < e->n; i++)
        rc = envs_step_one(e, i, cell + (size_t)i * (size_t)e->parts, mode);
    return rc ? -1 : 0;
}

/* --- one environment ------------------------------------------------------------------------- */

static int envs_check(struct onic_envs *e, int i, bool offered, const char *what)
{
    if (i < 0 || i >= e->n)
        return err_set(&e->err, ONIC_ECONFIG, "there is no environment %d: there are %d", i, e->n);
    return offered ? ONIC_OK : err_set(&e->err, ONIC_ECONFIG, "%s has no %s", e->spec->id, what);
}

int onic_envs_save(struct onic_envs *e, int i, uint8_t *state)
{
    int rc = envs_check(e, i, e->spec->state_bytes && e->env[0]->family->save, "snapshots");
    if (!rc)
        e->env[i]->family->save(e->env[i], state);
    return rc ? -1 : 0;
}

int onic_envs_load(struct onic_envs *e, int i, const uint8_t *state)
{
    int rc = envs_check(e, i, e->spec->state_bytes && e->env[0]->family->load, "snapshots");
    if (!rc)
        rc = e->env[i]->family->load(e->env[i], state, e->a.obs + (size_t)i * e->a.obs_bytes,
                                     &e->err);
    if (!rc)
        e->ended[i] = 0;
    return rc ? -1 : 0;
}

int64_t onic_envs_render(struct onic_envs *e, int i, char *out, size_t bytes)
{
    if (envs_check(e, i, e->env[0]->family->render, "picture"))
        return -1;
    buf_reset(&e->text);
    e->env[i]->family->render(e->env[i], &e->text);
    if (bytes)
        snprintf(out, bytes, "%s", e->text.data);
    return (int64_t)e->text.len;
}

int64_t onic_envs_draw(struct onic_envs *e, int i, uint8_t *out, size_t bytes, int *width,
                       int *height)
{
    if (envs_check(e, i, e->env[0]->family->draw, "picture"))
        return -1;
    e->env[i]->family->draw(e->env[i], &e->pixels);
    *width = e->pixels.width;
    *height = e->pixels.height;
    size_t pixels = (size_t)*width * (size_t)*height;
    for (size_t p = 0; out && p < pixels && 3 * (p + 1) <= bytes; p++)
        pixels_rgb(e->pixels.at[p], out + 3 * p);
    return (int64_t)(3 * pixels);
}
