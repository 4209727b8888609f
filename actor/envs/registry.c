/* SPDX-License-Identifier: MIT */
/* registry.c - which environments exist, and how an id becomes one.
 *
 * Built-in families come from envs.def, one line each; a family names its environments, so the
 * registry never knows about a particular task. A shared object named by env.plugin adds one more
 * family through the same vtable (plugin.c). It is the only state here: a plug-in cannot be
 * unloaded safely (its vtable may be in use), so it is loaded once per path and kept until the
 * process ends; the lock is for programs that create environments from several threads.
 *
 * An id is "family:name", or "family" for the environment whose name is "". Unknown ids are
 * answered with the nearest known one, because a typing error is the usual reason. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"
#include "actor/envs/plugin.h"
#include "common/base/buf.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"
#include "common/policy/policy.h"

#define ENV(folder) extern const struct env_family env_##folder;
#include "actor/envs/envs.def"
#undef ENV

static const struct env_family *const builtin[] = {
#define ENV(folder) &env_##folder,
#include "actor/envs/envs.def"
#undef ENV
};

enum { BUILTIN_COUNT = sizeof builtin / sizeof builtin[0], PLUGINS_MAX = 8 };

static struct {
    pthread_mutex_t lock;
    int count;
    const struct env_family *family[PLUGINS_MAX];
    char path[PLUGINS_MAX][CONFIG_STR_MAX];
} plugins = {.lock = PTHREAD_MUTEX_INITIALIZER};

int env_family_count(void)
{
    pthread_mutex_lock(&plugins.lock);
    int count = BUILTIN_COUNT + plugins.count;
    pthread_mutex_unlock(&plugins.lock);
    return count;
}

const struct env_family *env_family_at(int i)
{
    ONIC_ASSERT(i >= 0 && i < env_family_count());
    return i < BUILTIN_COUNT ? builtin[i] : plugins.family[i - BUILTIN_COUNT];
}

static void registry_make_id(char out[2 * ENV_ID_MAX], const struct env_family *f, const char *name)
{
    snprintf(out, 2 * ENV_ID_MAX, "%s%s%s", f->family, name[0] ? ":" : "", name);
}

/* --- an id that nobody has -------------------------------------------------------------------- */

/* Slips between a folded id (option_fold: other libraries' "MiniGrid-KeyCorridorS3R3-v0" is the
 * same word) and an environment, whose family may have been left out and whose name may go on. */
static int slips(const char *folded, const struct env_family *family, const char *name)
{
    char id[2 * ENV_ID_MAX], whole[2 * ENV_ID_MAX], alone[2 * ENV_ID_MAX];
    registry_make_id(id, family, name);
    option_fold(id, whole, sizeof whole);
    option_fold(name, alone, sizeof alone);
    int d = option_distance(folded, whole), without = option_distance(folded, alone) + 1;
    d = without < d && name[0] ? without : d;
    size_t n = strlen(folded);
    bool begins = n >= 4 && (strncmp(alone, folded, n) == 0 ||
                             (n > strlen(family->family) && strncmp(whole, folded, n) == 0));
    return begins && d > 1 ? 1 : d;
}

/* The environment that was probably meant; false when none is near. */
static bool nearest_id(const char *id, char out[2 * ENV_ID_MAX])
{
    char folded[2 * ENV_ID_MAX];
    option_fold(id, folded, sizeof folded);
    int best = (int)strlen(folded) / 3 + 1; /* farther than this is another word, not a slip */
    out[0] = '\0';
    for (int f = 0; f < env_family_count() && folded[0]; f++) {
        const struct env_family *family = env_family_at(f);
        for (int n = 0; family->names[n]; n++) {
            int d = slips(folded, family, family->names[n]);
            if (d < best) {
                best = d;
                registry_make_id(out, family, family->names[n]);
            }
        }
    }
    return out[0] != '\0';
}

static int registry_count_of(const struct env_family *family)
{
    int n = 0;
    while (family->names[n])
        n++;
    return n;
}

/* "minigrid (33, for example minigrid:DoorKey-5x5), corridor (...)"; of the family `only` alone
 * where that is one. */
static void put_families(const char *only, struct buf *out)
{
    char id[2 * ENV_ID_MAX];
    bool any = false;
    for (int f = 0; f < env_family_count(); f++) {
        const struct env_family *family = env_family_at(f);
        if (only && strcmp(family->family, only) != 0)
            continue;
        registry_make_id(id, family, family->names[0]);
        buf_printf(out, "%s%s (%d, for example %s)", any ? ", " : "", family->family,
                   registry_count_of(family), id);
        any = true;
    }
}

static int unknown_id(const char *id, struct onic_err *err)
{
    char best[2 * ENV_ID_MAX], family[2 * ENV_ID_MAX];
    struct buf known;
    if (nearest_id(id, best))
        return err_set(
            err, ONIC_ECONFIG,
            "there is no environment '%s'; the nearest name is '%s' (`onic env list` shows all)",
            id, best);
    buf_init(&known, 4096);
    snprintf(family, sizeof family, "%.*s", (int)strcspn(id, ":"), id);
    put_families(family, &known);
    if (known.len == 0)
        put_families(NULL, &known);
    int rc = err_set(err, ONIC_ECONFIG,
                     "there is no environment '%.100s'; there are those of %s: `onic env list` "
                     "shows all, and a family of your own is given as --env.plugin=FILE",
                     id, known.data);
    buf_release(&known);
    return rc;
}

int env_find(const char *id, const struct env_family **family, const char **name,
             struct onic_err *err)
{
    const char *colon = strchr(id, ':');
    size_t family_len = colon ? (size_t)(colon - id) : strlen(id);
    const char *wanted = colon ? colon + 1 : "";
    for (int f = 0; f < env_family_count(); f++) {
        const struct env_family *candidate = env_family_at(f);
        if (strlen(candidate->family) != family_len ||
            memcmp(candidate->family, id, family_len) != 0)
            continue;
        for (int n = 0; candidate->names[n]; n++) {
            if (strcmp(candidate->names[n], wanted) == 0) {
                *family = candidate;
                *name = candidate->names[n];
                return ONIC_OK;
            }
        }
        if (candidate->open && wanted[0]) {
            *family = candidate;
            *name = wanted;
            return ONIC_OK;
        }
    }
    return unknown_id(id, err);
}

static int refuse_taken(const struct env_family *family, const char *path, struct onic_err *err)
{
    int rc = err_set(err, ONIC_ECONFIG, "env.plugin: the family '%s' of %s exists already",
                     family->family, path);
    env_plugin_forget(family);
    return rc;
}

/* The caller holds the lock. */
static int plugin_open(const char *path, struct onic_err *err)
{
    for (int i = 0; i < plugins.count; i++)
        if (strcmp(plugins.path[i], path) == 0)
            return ONIC_OK;
    if (plugins.count == PLUGINS_MAX)
        return err_set(err, ONIC_ECONFIG, "env.plugin: at most %d plug-ins per process",
                       PLUGINS_MAX);
    const struct env_family *family;
    int rc = env_plugin_open(&family, path, err);
    if (rc)
        return rc;
    for (int i = 0; i < BUILTIN_COUNT + plugins.count; i++) {
        const struct env_family *other =
            i < BUILTIN_COUNT ? builtin[i] : plugins.family[i - BUILTIN_COUNT];
        if (strcmp(other->family, family->family) == 0)
            return refuse_taken(family, path, err);
    }
    plugins.family[plugins.count] = family;
    snprintf(plugins.path[plugins.count], sizeof plugins.path[0], "%s", path);
    plugins.count++;
    return ONIC_OK;
}

int env_plugin_load(const char *path, struct onic_err *err)
{
    if (!path[0])
        return ONIC_OK;
    pthread_mutex_lock(&plugins.lock);
    int rc = plugin_open(path, err);
    pthread_mutex_unlock(&plugins.lock);
    return rc;
}

/* env.obs=auto and a network that is named: the environment computes what that network reads. NULL:
 * cfg is right as it is; else owned by the caller. */
static struct config *with_fields_of_net(const struct config *cfg)
{
    const char *fields = policy_net_fields(cfg->policy_net);
    if (strcmp(cfg->env_obs, "auto") != 0 || !fields || strpbrk(fields, "*?"))
        return NULL;
    struct config *own = xmalloc(sizeof *own);
    *own = *cfg;
    snprintf(own->env_obs, sizeof own->env_obs, "%s", fields);
    return own;
}

static int registry_create(struct env **out, const char *id, const struct config *cfg, int index,
                           struct onic_err *err)
{
    *out = NULL;
    const struct env_family *family;
    const char *name;
    int rc = env_plugin_load(cfg->env_plugin, err);
    if (!rc)
        rc = env_find(id, &family, &name, err);
    if (!rc && cfg->env_options[0] && !env_plugin_made(family) && !family->open)
        rc = err_set(err, ONIC_ECONFIG,
                     "env.options (plugin.KEY=VALUE) is for environments of env.plugin; %s has the "
                     "options that --help lists under env",
                     id);
    if (!rc && family->available)
        rc = family->available(cfg, err);
    if (!rc)
        rc = family->create(out, family, name, cfg, index, err);
    return rc;
}

int env_create(struct env **out, const char *id, const struct config *cfg, int index,
               struct onic_err *err)
{
    struct config *own = with_fields_of_net(cfg);
    int rc = registry_create(out, id, own ? own : cfg, index, err);
    if (!rc && (rc = env_check_fields((own ? own : cfg)->env_obs, &(*out)->spec, err)) != ONIC_OK) {
        if (own)
            err_wrap(err, "the network policy.net=%s is not for this environment", cfg->policy_net);
        env_free(*out);
        *out = NULL;
    }
    free(own);
    return rc;
}

void env_action_text(const struct env_spec *spec, const union action_cell *action, struct buf *out)
{
    const struct action_space *s = &spec->actions;
    if (s->kind == ACTION_DISCRETE) {
        buf_puts(out, spec->action_names[action[0].choice]);
        return;
    }
    for (int i = 0; i < s->n; i++) {
        buf_printf(out, "%s%s ", i ? ", " : "", spec->action_names[i]);
        if (s->kind == ACTION_CONTINUOUS)
            buf_printf(out, "%.4g", (double)action[i].number);
        else
            buf_printf(out, "%d", action[i].choice);
    }
}

int env_step(struct env *e, const union action_cell *action, uint8_t *obs, struct env_result *out,
             struct onic_err *err)
{
    if (e->spec.actions.kind == ACTION_DISCRETE)
        return e->family->step(e, action[0].choice, obs, out, err);
    return e->family->step_many(e, action, obs, out, err);
}

void env_free(struct env *e)
{
    if (e)
        e->family->free(e);
}
