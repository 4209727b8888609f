/* SPDX-License-Identifier: MIT */
/* plugin_arms.c - a plug-in in which nothing is to be seen: of two arms one pays in an episode of
 * eight pulls. Only who knows what was done before, and what it gave, gets more than half of it:
 * 7.5 of 8. arms: pull one of two; arms:sign: a number, whose sign is the arm. */
#include <stdlib.h>
#include <string.h>

#include "actor/envs/onic_env.h"

enum { PULLS = 8 };

struct arms {
    int numbers;
    struct state {
        uint64_t random;
        int32_t good, pulls;
    } s;
};

static void *arms_create(const char *name, const struct onic_env_option *options, int32_t n,
                         int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    struct arms *e = calloc(1, sizeof *e);
    (void)options, (void)n, (void)index, (void)error;
    if (e)
        e->numbers = strcmp(name, "sign") == 0;
    return e;
}

static const struct onic_env_spec *arms_spec(const void *env)
{
    static const struct onic_env_field fields[] = {{"nothing", ONIC_ENV_U8, 1, {1}}};
    static const float low[] = {-1}, high[] = {1};
    static const struct onic_env_spec choice = {.fields = fields,
                                                .nfields = 1,
                                                .max_steps = PULLS,
                                                .actions = {.n = 2},
                                                .snapshot_bytes = sizeof(struct state)};
    static const struct onic_env_spec number = {
        .fields = fields,
        .nfields = 1,
        .max_steps = PULLS,
        .actions = {.kind = ONIC_ENV_CONTINUOUS, .n = 1, .low = low, .high = high},
        .snapshot_bytes = sizeof(struct state)};
    return ((const struct arms *)env)->numbers ? &number : &choice;
}

static void arms_seed(void *env, uint64_t seed)
{
    ((struct arms *)env)->s.random = seed;
}

static void arms_reset(void *env, struct onic_env_result *out)
{
    struct arms *e = env;
    (void)out;
    e->s.random = e->s.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    e->s.good = (int32_t)(e->s.random >> 63);
    e->s.pulls = 0;
}

static void arms_step(void *env, const void *action, struct onic_env_result *out)
{
    struct arms *e = env;
    int arm = e->numbers ? *(const float *)action > 0 : *(const int32_t *)action;
    out->reward = arm == e->s.good;
    out->terminated = ++e->s.pulls == PULLS;
}

static void arms_observe(const void *env, void *const *field)
{
    (void)env;
    if (field[0])
        *(uint8_t *)field[0] = 0;
}

static void arms_save(const void *env, void *snapshot)
{
    memcpy(snapshot, &((const struct arms *)env)->s, sizeof(struct state));
}

static int32_t arms_load(void *env, const void *snapshot)
{
    memcpy(&((struct arms *)env)->s, snapshot, sizeof(struct state));
    return 0;
}

const struct onic_env_api *onic_env(void)
{
    static const char *const names[] = {"", "sign", NULL};
    static const struct onic_env_api api = {
        ONIC_ENV_HEAD,           .family = "arms",      .summary = "of two arms one pays",
        .names = names,          .create = arms_create, .spec = arms_spec,
        .seed = arms_seed,       .reset = arms_reset,   .step = arms_step,
        .observe = arms_observe, .free = free,          .save = arms_save,
        .load = arms_load};
    return &api;
}
