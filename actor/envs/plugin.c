/* SPDX-License-Identifier: MIT */
/* plugin.c - between the two contracts: onic_env.h outside, env.h inside.
 *
 * What a shared object says of itself is checked here once, when an environment is made, so that
 * nothing behind this file meets a shape, a name or a number that makes no sense. It is code that
 * runs in this process all the same: a plug-in that writes beyond its arrays cannot be caught.
 *
 * Observations are laid out by onic: the environment gets a pointer per field, so it knows nothing
 * of offsets, and a field that nobody reads (env.obs) is not even computed. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "actor/envs/plugin.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/onic_env.h"
#include "common/base/bounds.h"
#include "common/base/paths.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"

enum { OPTIONS_MAX = 64, FIELD_ELEMENTS_MAX = 1 << 22, DEFAULT_COUNT = 16 };

_Static_assert((int)ONIC_ENV_FIELDS_MAX == (int)OBS_FIELDS_MAX &&
                   (int)ONIC_ENV_DIMS_MAX == (int)OBS_DIMS_MAX &&
                   (int)ONIC_ENV_NAME_MAX < (int)OBS_NAME_MAX &&
                   (int)ONIC_ENV_CAPTION_MAX == (int)ENV_CAPTION_MAX &&
                   (int)ONIC_ENV_OPTIONS_MAX == (int)BOUND_ACTIONS &&
                   (int)ONIC_ENV_STATS_MAX == (int)ENV_STATS_MAX,
               "what onic_env.h promises fits what env.h holds");

struct plugin_family {
    struct env_family family; /* first */
    const struct onic_env_api *api;
};

struct plugin_env {
    struct env env; /* first */
    const struct onic_env_api *api;
    const struct onic_env_spec *spec;
    void *state;   /* the plug-in's */
    int64_t steps; /* of this episode: env.max_steps may be less than the plug-in's own limit */
    int nfields;
    ptrdiff_t offset[ONIC_ENV_FIELDS_MAX]; /* of each field in an observation; -1 = not wanted */
    char (*number)[12];                    /* names of actions that have none */
    const char **action_names;
};

static const enum obs_type obs_type_of[] = {
    [ONIC_ENV_U8] = OBS_U8,   [ONIC_ENV_I8] = OBS_I8,   [ONIC_ENV_I16] = OBS_I16,
    [ONIC_ENV_I32] = OBS_I32, [ONIC_ENV_I64] = OBS_I64, [ONIC_ENV_F32] = OBS_F32,
};

/* --- what it says of itself ------------------------------------------------------------------ */

static int plugin_bad(const struct plugin_env *p, const char *what, struct onic_err *err)
{
    return err_set(err, ONIC_ECONFIG,
                   "env.plugin: the environment '%s' %s; the plug-in must be mended",
                   p->env.spec.id, what);
}

/* The bound ends the sentence. */
static int plugin_beyond(const struct plugin_env *p, const char *what, int bound,
                         struct onic_err *err)
{
    char text[80];
    snprintf(text, sizeof text, "%s %d", what, bound);
    return plugin_bad(p, text, err);
}

static bool plain_word(const char *s, size_t max)
{
    size_t n = s ? strnlen(s, max + 1) : 0;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return n >= 1 && n <= max;
}

static int check_field(const struct plugin_env *p, int i, struct onic_err *err)
{
    const struct onic_env_field *f = &p->spec->fields[i];
    int64_t elements = 1;
    if (!plain_word(f->name, ONIC_ENV_NAME_MAX))
        return plugin_bad(p, "has a field whose name is not 1 to 23 letters, digits or _", err);
    if (f->type < ONIC_ENV_U8 || f->type > ONIC_ENV_F32 || f->ndim < 1 ||
        f->ndim > ONIC_ENV_DIMS_MAX)
        return plugin_bad(p, "has a field of an unknown type or of other than 1 to 3 dimensions",
                          err);
    for (int d = 0; d < f->ndim; d++) {
        if (f->shape[d] < 1 || f->shape[d] > FIELD_ELEMENTS_MAX)
            return plugin_bad(p, "has a field with a dimension below 1 or above 4194304", err);
        elements *= f->shape[d];
        if (elements > FIELD_ELEMENTS_MAX)
            return plugin_bad(p, "has a field of more than 4194304 elements", err);
    }
    for (int k = 0; k < i; k++)
        if (strcmp(p->spec->fields[k].name, f->name) == 0)
            return plugin_bad(p, "has two fields of one name", err);
    return ONIC_OK;
}

/* What the environment says of its actions, whose arrays must be there before they are read. */
static int plugin_read_actions(struct plugin_env *p, struct onic_err *err)
{
    static const enum action_kind kinds[] = {[ONIC_ENV_DISCRETE] = ACTION_DISCRETE,
                                             [ONIC_ENV_MULTI_DISCRETE] = ACTION_MULTI,
                                             [ONIC_ENV_CONTINUOUS] = ACTION_CONTINUOUS};
    const struct onic_env_actions *a = &p->spec->actions;
    struct action_space *out = &p->env.spec.actions;
    if (a->kind < ONIC_ENV_DISCRETE || a->kind > ONIC_ENV_CONTINUOUS)
        return plugin_bad(p, "has actions of an unknown kind", err);
    *out = (struct action_space){.kind = kinds[a->kind], .n = a->n, .masked = a->masked != 0};
    bool several = a->kind == ONIC_ENV_MULTI_DISCRETE, numbers = a->kind == ONIC_ENV_CONTINUOUS;
    if ((several && !a->choices) || (numbers && (!a->low || !a->high)))
        return plugin_bad(p, "says neither how many choices nor which bounds its actions have",
                          err);
    /* a number of parts that is none is complained of below, not read by */
    for (int i = 0; a->n <= BOUND_ACTION_PARTS && i < a->n; i++) {
        out->choices[i] = several ? a->choices[i] : 0;
        out->low[i] = numbers ? a->low[i] : 0.0f;
        out->high[i] = numbers ? a->high[i] : 0.0f;
    }
    char text[160];
    const char *fault = action_space_fault(out);
    snprintf(text, sizeof text, "has %s", fault ? fault : "");
    if (fault)
        return plugin_bad(p, text, err);
    if (a->masked && !p->api->mask)
        return plugin_bad(p, "masks its actions without a function mask", err);
    for (int i = 0; a->names && i < a->n; i++)
        if (!a->names[i] || !a->names[i][0])
            return plugin_bad(p, "has an action without a name", err);
    return ONIC_OK;
}

static int plugin_check_spec(struct plugin_env *p, struct onic_err *err)
{
    const struct onic_env_spec *s = p->spec;
    if (!s || !s->fields || s->nfields < 1 || s->nfields > ONIC_ENV_FIELDS_MAX)
        return plugin_bad(p, "has no fields, or more than 16", err);
    for (int i = 0; i < s->nfields; i++) {
        int rc = check_field(p, i, err);
        if (rc)
            return rc;
    }
    if (s->max_steps < 1)
        return plugin_bad(p, "has no max_steps", err);
    if (s->nstats < 0 || s->nstats > ONIC_ENV_STATS_MAX ||
        (s->nstats && (!s->stat_names || !p->api->stats)))
        return plugin_bad(p, "has more than 12 statistics, or no names or no function for them",
                          err);
    for (int i = 0; i < s->nstats; i++)
        if (!plain_word(s->stat_names[i], ENV_ID_MAX - 1))
            return plugin_bad(p, "has a statistic whose name is not letters, digits or _", err);
    if (s->default_count < 0 || s->default_count > BOUND_ENVS)
        return plugin_beyond(p, "has a default_count that is not 0 to", BOUND_ENVS, err);
    if (s->snapshot_bytes > BOUND_SNAPSHOT ||
        (s->snapshot_bytes && (!p->api->save || !p->api->load)))
        return plugin_bad(p, "has snapshots without save and load, or larger than 64 MiB", err);
    return plugin_read_actions(p, err);
}

/* --- making one ------------------------------------------------------------------------------ */

/* "size=8;slippery=true" as pairs, which point into text. */
static int split_options(char *text, struct onic_env_option *out, int32_t *n, struct onic_err *err)
{
    *n = 0;
    for (char *at = text, *end; *at; at = end) {
        end = at + strcspn(at, ";");
        if (*end)
            *end++ = '\0';
        if (!*at)
            continue;
        char *equals = strchr(at, '=');
        if (!equals || equals == at)
            return err_set(err, ONIC_ECONFIG,
                           "env.options has '%.60s', must be pairs key=value with ; between them",
                           at);
        if (*n == OPTIONS_MAX)
            return err_set(err, ONIC_ECONFIG, "env.options has more than %d pairs", OPTIONS_MAX);
        *equals = '\0';
        out[(*n)++] = (struct onic_env_option){at, equals + 1};
    }
    return ONIC_OK;
}

static void name_actions(struct plugin_env *p)
{
    const struct onic_env_actions *a = &p->spec->actions;
    size_t n = (size_t)a->n;
    p->action_names = xcalloc(n, sizeof *p->action_names);
    p->number = a->names ? NULL : xcalloc(n, sizeof *p->number);
    for (int i = 0; i < a->n; i++) {
        if (p->number)
            snprintf(p->number[i], sizeof p->number[i], "%d", i);
        p->action_names[i] = p->number ? p->number[i] : a->names[i];
    }
}

static void plugin_fill_spec(struct plugin_env *p, const struct config *cfg)
{
    const struct onic_env_spec *s = p->spec;
    struct env_spec *out = &p->env.spec;
    char all[ONIC_ENV_FIELDS_MAX * (ONIC_ENV_NAME_MAX + 1) + 1] = "";
    for (int i = 0; i < s->nfields; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? "," : "",
                 s->fields[i].name);
    p->nfields = s->nfields;
    for (int i = 0; i < s->nfields; i++) {
        const struct onic_env_field *f = &s->fields[i];
        int shape[OBS_DIMS_MAX] = {f->shape[0], f->shape[1], f->shape[2]};
        p->offset[i] = -1;
        if (!env_wants_field(cfg->env_obs, f->name, all))
            continue;
        obs_spec_add(&out->obs, f->name, obs_type_of[f->type], f->ndim, shape);
        p->offset[i] = (ptrdiff_t)out->obs.field[out->obs.nfields - 1].offset;
    }
    name_actions(p);
    out->action_names = p->action_names;
    out->max_steps = s->max_steps;
    if (cfg->env_max_steps > 0 && cfg->env_max_steps < s->max_steps)
        out->max_steps = (int)cfg->env_max_steps;
    out->has_success = s->has_success != 0;
    out->nstats = s->nstats;
    out->stat_names = s->stat_names;
    out->default_net = s->default_net ? s->default_net : "mlp";
    out->default_goal = s->default_goal ? s->default_goal : "none";
    out->default_count = s->default_count ? s->default_count : DEFAULT_COUNT;
    out->state_bytes = s->snapshot_bytes ? sizeof p->steps + (size_t)s->snapshot_bytes : 0;
}

static void plugin_free(struct env *e)
{
    struct plugin_env *p = (struct plugin_env *)e;
    if (!p)
        return;
    if (p->state)
        p->api->free(p->state);
    free(p->action_names);
    free(p->number);
    free(p);
}

static int plugin_create_state(struct plugin_env *p, const char *name, const struct config *cfg,
                               int index, struct onic_err *err)
{
    char text[CONFIG_STR_MAX], why[ONIC_ENV_ERROR_MAX] = "";
    struct onic_env_option options[OPTIONS_MAX];
    int32_t n;
    snprintf(text, sizeof text, "%s", cfg->env_options);
    int rc = split_options(text, options, &n, err);
    if (rc)
        return rc;
    p->state = p->api->create(name, options, n, index, why);
    why[sizeof why - 1] = '\0';
    if (!p->state)
        return err_set(err, ONIC_ECONFIG, "env.plugin: %s: %s", p->env.spec.id,
                       why[0] ? why : "the plug-in could not make it and did not say why");
    p->spec = p->api->spec(p->state);
    return plugin_check_spec(p, err);
}

static int plugin_create(struct env **out, const struct env_family *family, const char *name,
                         const struct config *cfg, int index, struct onic_err *err)
{
    struct plugin_env *p = xcalloc(1, sizeof *p);
    *out = NULL;
    p->env.family = family;
    p->api = ((const struct plugin_family *)family)->api;
    snprintf(p->env.spec.id, sizeof p->env.spec.id, "%s%s%s", family->family, name[0] ? ":" : "",
             name);
    int rc = plugin_create_state(p, name, cfg, index, err);
    if (rc) {
        plugin_free(&p->env);
        return rc;
    }
    plugin_fill_spec(p, cfg);
    *out = &p->env;
    return ONIC_OK;
}

/* --- playing it ------------------------------------------------------------------------------ */

static void plugin_seed(struct env *e, uint64_t seed)
{
    struct plugin_env *p = (struct plugin_env *)e;
    p->api->seed(p->state, seed);
}

static void plugin_observe(const struct plugin_env *p, uint8_t *obs)
{
    void *field[ONIC_ENV_FIELDS_MAX];
    for (int i = 0; i < p->nfields; i++)
        field[i] = p->offset[i] < 0 ? NULL : obs + p->offset[i];
    p->api->observe(p->state, field);
}

static void plugin_result(const struct plugin_env *p, const struct onic_env_result *r, uint8_t *obs,
                          struct env_result *out)
{
    *out = (struct env_result){.reward = r->reward,
                               .terminated = r->terminated != 0,
                               .truncated = r->truncated && !r->terminated,
                               .failed = r->failed != 0,
                               .success = r->success && p->spec->has_success};
    size_t n = r->caption ? strnlen(r->caption, ENV_CAPTION_MAX) : 0;
    if (n == ENV_CAPTION_MAX)
        n = utf8_whole(r->caption, n);
    if (n)
        memcpy(out->caption, r->caption, n);
    out->caption_len = (int)n;
    plugin_observe(p, obs);
}

static int plugin_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    struct plugin_env *p = (struct plugin_env *)e;
    struct onic_env_result r = {0};
    p->steps = 0;
    p->api->reset(p->state, &r);
    if (r.terminated || r.truncated)
        return plugin_bad(p, "ends an episode in its reset", err);
    plugin_result(p, &r, obs, out);
    return ONIC_OK;
}

static int plugin_step_many(struct env *e, const union action_cell *action, uint8_t *obs,
                            struct env_result *out, struct onic_err *err)
{
    (void)err;
    struct plugin_env *p = (struct plugin_env *)e;
    struct onic_env_result r = {0};
    p->api->step(p->state, action, &r); /* a cell is an int32_t or a float */
    if (++p->steps >= p->env.spec.max_steps)
        r.truncated = 1;
    plugin_result(p, &r, obs, out);
    return ONIC_OK;
}

static int plugin_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                       struct onic_err *err)
{
    return plugin_step_many(e, &(union action_cell){.choice = action}, obs, out, err);
}

static void plugin_mask(const struct env *e, uint8_t *possible)
{
    const struct plugin_env *p = (const struct plugin_env *)e;
    p->api->mask(p->state, possible);
}

static void plugin_stats(const struct env *e, float *out)
{
    const struct plugin_env *p = (const struct plugin_env *)e;
    p->api->stats(p->state, out);
}

static void plugin_render(const struct env *e, struct buf *out)
{
    const struct plugin_env *p = (const struct plugin_env *)e;
    char text[1 << 14] = "";
    const char *mission = p->api->mission ? p->api->mission(p->state) : NULL;
    if (p->api->render)
        p->api->render(p->state, text, sizeof text);
    text[sizeof text - 1] = '\0';
    buf_puts(out, text);
    if (mission && mission[0])
        buf_printf(out, "mission: %.200s\n", mission);
}

static void plugin_save(const struct env *e, uint8_t *state)
{
    const struct plugin_env *p = (const struct plugin_env *)e;
    memset(state, 0, p->env.spec.state_bytes); /* equal states are equal bytes */
    memcpy(state, &p->steps, sizeof p->steps);
    p->api->save(p->state, state + sizeof p->steps);
}

static int plugin_load(struct env *e, const uint8_t *state, uint8_t *obs, struct onic_err *err)
{
    struct plugin_env *p = (struct plugin_env *)e;
    memcpy(&p->steps, state, sizeof p->steps);
    if (p->steps < 0 || p->steps > p->env.spec.max_steps ||
        p->api->load(p->state, state + sizeof p->steps) != 0)
        return err_set(err, ONIC_EDAMAGED, "this is not a snapshot of %s", e->spec.id);
    plugin_observe(p, obs);
    return ONIC_OK;
}

/* --- the file -------------------------------------------------------------------------------- */

static int check_api(const struct onic_env_api *api, const char *path, struct onic_err *err)
{
    if (!api)
        return err_set(err, ONIC_ECONFIG, "env.plugin: onic_env() of %s returned nothing", path);
    if (api->abi != ONIC_ENV_ABI || api->api_bytes != sizeof *api ||
        api->spec_bytes != sizeof(struct onic_env_spec) ||
        api->result_bytes != sizeof(struct onic_env_result))
        return err_set(err, ONIC_ECONFIG,
                       "env.plugin: %s was built with another onic_env.h (ABI %u, structs of %u, "
                       "%u and %u bytes; this onic has ABI %d and %zu, %zu, %zu); build it anew",
                       path, api->abi, api->api_bytes, api->spec_bytes, api->result_bytes,
                       ONIC_ENV_ABI, sizeof *api, sizeof(struct onic_env_spec),
                       sizeof(struct onic_env_result));
    if (!plain_word(api->family, ENV_ID_MAX / 2) || !api->names || !api->names[0])
        return err_set(err, ONIC_ECONFIG,
                       "env.plugin: %s has no family name of letters, digits or _, or no names",
                       path);
    for (int i = 0; api->names[i]; i++)
        if (strlen(api->names[i]) + strlen(api->family) + 2 > ENV_ID_MAX)
            return err_set(err, ONIC_ECONFIG, "env.plugin: %s has a name that is too long: %.60s",
                           path, api->names[i]);
    if (!api->create || !api->spec || !api->seed || !api->reset || !api->step || !api->observe ||
        !api->free)
        return err_set(err, ONIC_ECONFIG,
                       "env.plugin: %s lacks one of create, spec, seed, reset, step, observe, free",
                       path);
    return ONIC_OK;
}

int env_plugin_open(const struct env_family **out, const char *path, struct onic_err *err)
{
    char real[PATHS_MAX]; /* dlopen looks for a name without a / in the system's folders only */
    void *handle = dlopen(realpath(path, real) ? real : path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return err_set(err, ONIC_ECONFIG, "env.plugin: %s", dlerror());
    const struct onic_env_api *(*entry)(void);
    void *symbol = dlsym(handle, "onic_env");
    if (!symbol) {
        dlclose(handle);
        return err_set(err, ONIC_ECONFIG,
                       "env.plugin: %s has no function onic_env; an environment is written against "
                       "onic_env.h, which says how",
                       path);
    }
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from void * to a function */
    const struct onic_env_api *api = entry();
    int rc = check_api(api, path, err);
    if (rc)
        return rc; /* the object stays: its constructors may have started something */
    struct plugin_family *f = xcalloc(1, sizeof *f);
    f->api = api;
    f->family = (struct env_family){.family = api->family,
                                    .domain = api->domain ? api->domain : api->family,
                                    .summary = api->summary ? api->summary : "",
                                    .names = api->names,
                                    .create = plugin_create,
                                    .free = plugin_free,
                                    .seed = plugin_seed,
                                    .reset = plugin_reset,
                                    .step = plugin_step,
                                    .step_many = plugin_step_many,
                                    .mask = plugin_mask,
                                    .stats = api->stats ? plugin_stats : NULL,
                                    .render = api->render || api->mission ? plugin_render : NULL,
                                    .save = api->save && api->load ? plugin_save : NULL,
                                    .load = api->save && api->load ? plugin_load : NULL};
    *out = &f->family;
    return ONIC_OK;
}

void env_plugin_forget(const struct env_family *family)
{
    free((struct plugin_family *)(uintptr_t)family);
}

bool env_plugin_made(const struct env_family *family)
{
    return family->create == plugin_create;
}
