/* SPDX-License-Identifier: MIT */
/* plugin_env.c - the smallest environment in a shared object: `coin`, one step, paid when action 1
 * is taken. Used by the tests of env.plugin; it is also what a plug-in of a user looks like from
 * the outside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/env.h"

const struct env_family *onic_env_plugin(void);

static const char *const names[] = {"", NULL};
static const char *const action_names[] = {"tails", "heads"};
static const struct env_family coin;

static int coin_create(struct env **out, const char *name, const struct config *cfg, int index,
                       struct onic_err *err)
{
    (void)name, (void)index;
    struct env *e = calloc(1, sizeof *e);
    if (!e)
        return err_set(err, ONIC_ELIMIT, "no memory for the coin");
    e->family = &coin;
    snprintf(e->spec.id, sizeof e->spec.id, "coin");
    if (env_wants_field(cfg, "side", "side"))
        obs_spec_add(&e->spec.obs, "side", OBS_U8, 1, (const int[]){1});
    e->spec.actions = 2;
    e->spec.action_names = action_names;
    e->spec.max_steps = 1;
    e->spec.has_success = true;
    e->spec.default_net = "mlp";
    e->spec.default_goal = "none";
    e->spec.default_count = 4;
    *out = e;
    return ONIC_OK;
}

static void coin_free(struct env *e)
{
    free(e);
}

static void coin_seed(struct env *e, uint64_t seed)
{
    (void)e, (void)seed;
}

static int coin_reset(struct env *e, uint8_t *obs, struct env_result *out, struct onic_err *err)
{
    (void)err;
    memset(obs, 0, e->spec.obs.obs_bytes);
    memset(out, 0, sizeof *out);
    return ONIC_OK;
}

static int coin_step(struct env *e, int action, uint8_t *obs, struct env_result *out,
                     struct onic_err *err)
{
    coin_reset(e, obs, out, err);
    obs[0] = (uint8_t)action;
    out->terminated = true;
    out->success = action == 1;
    out->reward = action;
    out->caption_len =
        snprintf(out->caption, sizeof out->caption, "The coin shows %s.", action_names[action]);
    return ONIC_OK;
}

static const struct env_family coin = {
    .family = "coin",
    .domain = "coin",
    .summary = "one toss of a coin",
    .names = names,
    .create = coin_create,
    .free = coin_free,
    .seed = coin_seed,
    .reset = coin_reset,
    .step = coin_step,
};

const struct env_family *onic_env_plugin(void)
{
    return &coin;
}
