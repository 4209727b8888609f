/* SPDX-License-Identifier: MIT */
/* lacking_env.c - a plug-in whose environments each lack what their name says; lacking:picture is
 * whole, since a picture is optional. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"

const struct env_family *onic_env_plugin(void);

static const char *const names[] = {"picture",  "id",     "actions",     "action_names",
                                    "one_name", "stats",  "default_net", "default_count",
                                    "load",     "family", NULL};
static const char *const words[] = {"left", "right"};
static const char *const one_word[] = {"left", NULL};
static const struct env_family lacking;

static int lacking_create(struct env **out, const char *name, const struct config *cfg, int index,
                          struct onic_err *err)
{
    (void)cfg, (void)index;
    struct env *e = calloc(1, sizeof *e);
    if (!e)
        return err_set(err, ONIC_ELIMIT, "no memory");
    e->family = strcmp(name, "family") == 0 ? NULL : &lacking;
    snprintf(e->spec.id, sizeof e->spec.id, "%s", strcmp(name, "id") == 0 ? "" : "lacking");
    obs_spec_add(&e->spec.obs, "place", OBS_I16, 2, (const int[]){2, 3});
    e->spec.actions = strcmp(name, "actions") == 0 ? 0 : 2;
    e->spec.action_names = strcmp(name, "action_names") == 0 ? NULL
                           : strcmp(name, "one_name") == 0   ? one_word
                                                             : words;
    e->spec.nstats = strcmp(name, "stats") == 0;
    e->spec.stat_names = words;
    e->spec.default_net = strcmp(name, "default_net") == 0 ? NULL : "mlp";
    e->spec.default_goal = "none";
    e->spec.default_count = strcmp(name, "default_count") != 0;
    e->spec.state_bytes = strcmp(name, "load") == 0 ? 8 : 0;
    *out = e;
    return ONIC_OK;
}

static void lacking_free(struct env *e)
{
    free(e);
}

static void lacking_seed(struct env *e, uint64_t seed)
{
    (void)e, (void)seed;
}

static int lacking_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    static const int16_t place[6] = {7, -8, 9, 10, 11, 1234};
    (void)e, (void)err;
    memcpy(obs, place, sizeof place);
    memset(out, 0, sizeof *out);
    return ONIC_OK;
}

static int lacking_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                        struct onic_err *err)
{
    (void)action;
    lacking_reset(e, obs, out, err);
    out->terminated = true;
    return ONIC_OK;
}

static void lacking_save(const struct env *e, uint8_t *state)
{
    (void)e;
    memset(state, 0, 8);
}

static const struct env_family lacking = {
    .family = "lacking",
    .domain = "lacking",
    .summary = "what is not there",
    .names = names,
    .create = lacking_create,
    .free = lacking_free,
    .seed = lacking_seed,
    .reset = lacking_reset,
    .step = lacking_step,
    .save = lacking_save,
};

const struct env_family *onic_env_plugin(void)
{
    return &lacking;
}
