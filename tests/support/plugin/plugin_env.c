/* SPDX-License-Identifier: MIT */
/* plugin_env.c - the smallest environment in a shared object: `coin`, one step, paid when action 1
 * is taken. Used by the tests of env.plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/onic_env.h"

struct coin {
    int32_t side;
    char caption[64];
};

static const char *const names[] = {"", NULL};
static const char *const action_names[] = {"tails", "heads"};
static const struct onic_env_field fields[] = {{"side", ONIC_ENV_U8, 1, {1}}};
static const struct onic_env_spec coin_is = {.fields = fields,
                                             .nfields = 1,
                                             .max_steps = 1,
                                             .has_success = 1,
                                             .actions = {.n = 2, .names = action_names},
                                             .default_count = 4};

static void *coin_create(const char *name, const struct onic_env_option *options, int32_t n,
                         int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    (void)name, (void)index;
    if (n) {
        snprintf(error, ONIC_ENV_ERROR_MAX, "it has no option '%.40s'", options[0].key);
        return NULL;
    }
    return calloc(1, sizeof(struct coin));
}

static const struct onic_env_spec *coin_spec(const void *env)
{
    (void)env;
    return &coin_is;
}

static void coin_seed(void *env, uint64_t seed)
{
    (void)env, (void)seed;
}

static void coin_reset(void *env, struct onic_env_result *out)
{
    (void)out;
    ((struct coin *)env)->side = 0;
}

static void coin_step(void *env, const void *action, struct onic_env_result *out)
{
    struct coin *c = env;
    memcpy(&c->side, action, sizeof c->side);
    out->terminated = 1;
    out->success = c->side == 1;
    out->reward = c->side;
    snprintf(c->caption, sizeof c->caption, "The coin shows %s.", action_names[c->side]);
    out->caption = c->caption;
}

static void coin_observe(const void *env, void *const *field)
{
    if (field[0])
        *(uint8_t *)field[0] = (uint8_t)((const struct coin *)env)->side;
}

const struct onic_env_api *onic_env(void)
{
    static const struct onic_env_api api = {
        ONIC_ENV_HEAD,           .family = "coin",      .summary = "one toss of a coin",
        .names = names,          .create = coin_create, .spec = coin_spec,
        .seed = coin_seed,       .reset = coin_reset,   .step = coin_step,
        .observe = coin_observe, .free = free,
    };
    return &api;
}
