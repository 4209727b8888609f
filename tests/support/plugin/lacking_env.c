/* SPDX-License-Identifier: MIT */
/* lacking_env.c - a plug-in without a picture, which is optional (lacking:picture), and without the
 * function for the statistics that it names, which is not (lacking:stats). */
#include <stdlib.h>
#include <string.h>

#include "actor/envs/onic_env.h"

static const char *const names[] = {"picture", "stats", NULL};
static const char *const words[] = {"left", "right"};
static const struct onic_env_field fields[] = {{"place", ONIC_ENV_I16, 2, {2, 3}},
                                               {"view", ONIC_ENV_U8, 3, {24, 20, 3}}};

struct lacking {
    struct onic_env_spec spec;
};

static void *lacking_create(const char *name, const struct onic_env_option *options, int32_t n,
                            int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    (void)options, (void)n, (void)index, (void)error;
    struct lacking *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->spec = (struct onic_env_spec){.fields = fields,
                                     .nfields = 2,
                                     .max_steps = 1,
                                     .nstats = strcmp(name, "stats") == 0,
                                     .stat_names = words,
                                     .actions = {.n = 2, .names = words},
                                     .default_count = 1};
    return e;
}

static const struct onic_env_spec *lacking_spec(const void *env)
{
    return &((const struct lacking *)env)->spec;
}

static void lacking_seed(void *env, uint64_t seed)
{
    (void)env, (void)seed;
}

static void lacking_reset(void *env, struct onic_env_result *out)
{
    (void)env, (void)out;
}

static void lacking_step(void *env, const void *action, struct onic_env_result *out)
{
    (void)env, (void)action;
    out->terminated = 1;
}

static void lacking_observe(const void *env, void *const *field)
{
    static const int16_t place[6] = {7, -8, 9, 10, 11, 1234};
    (void)env;
    if (field[0])
        memcpy(field[0], place, sizeof place);
    for (int i = 0; field[1] && i < 24 * 20 * 3; i++) /* red above, blue below */
        ((uint8_t *)field[1])[i] = i % 3 == (i < 12 * 20 * 3 ? 0 : 2) ? 255 : 0;
}

const struct onic_env_api *onic_env(void)
{
    static const struct onic_env_api api = {
        ONIC_ENV_HEAD,
        .family = "lacking",
        .summary = "what is not there",
        .names = names,
        .create = lacking_create,
        .spec = lacking_spec,
        .seed = lacking_seed,
        .reset = lacking_reset,
        .step = lacking_step,
        .observe = lacking_observe,
        .free = free,
    };
    return &api;
}
