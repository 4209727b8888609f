/* SPDX-License-Identifier: MIT */
/* plugin_bad.c - an environment that breaks the contract of onic_env.h in the way that the variable
 * PLUGIN_BAD names, once per load. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "actor/envs/onic_env.h"

static int is_bad(const char *what)
{
    const char *bad = getenv("PLUGIN_BAD");
    return bad && strcmp(bad, what) == 0;
}

static struct onic_env_field fields[2];
static struct onic_env_spec what;
static struct onic_env_api api;
static const char *const names[] = {"", NULL, "score"};
static const char *const one_name[] = {"left", ""};

static void bad_mask(const void *env, uint8_t *possible)
{
    (void)env;
    memset(possible, 0, 2);
}

static const float ones[2] = {1, 1}, nans[2] = {NAN, NAN};
static const int32_t two_and_none[2] = {2, 0};

static const struct onic_env_spec *bad_spec(const void *env)
{
    (void)env;
    fields[0] = (struct onic_env_field){"a", ONIC_ENV_U8, 1, {4}};
    fields[1] = (struct onic_env_field){"b", ONIC_ENV_F32, 1, {2}};
    what =
        (struct onic_env_spec){.fields = fields, .nfields = 2, .max_steps = 5, .actions = {.n = 2}};
    if (is_bad("no fields"))
        what.nfields = 0;
    if (is_bad("type"))
        fields[1].type = 17;
    if (is_bad("dimension"))
        fields[1].shape[0] = 0;
    if (is_bad("huge"))
        fields[1] = (struct onic_env_field){"b", ONIC_ENV_F32, 3, {4096, 4096, 4096}};
    if (is_bad("field name"))
        fields[1].name = "b c";
    if (is_bad("twice"))
        fields[1].name = "a";
    if (is_bad("max_steps"))
        what.max_steps = 0;
    if (is_bad("stats"))
        what.nstats = 3;
    if (is_bad("nan statistic"))
        what.nstats = 1, what.stat_names = names + 2;
    if (is_bad("count"))
        what.default_count = 100000;
    if (is_bad("snapshot"))
        what.snapshot_bytes = 16;
    if (is_bad("kind"))
        what.actions.kind = 7;
    if (is_bad("continuous") || is_bad("bounds") || is_bad("nan bounds"))
        what.actions.kind = ONIC_ENV_CONTINUOUS;
    if (is_bad("bounds") || is_bad("nan bounds"))
        what.actions.low = what.actions.high = is_bad("bounds") ? ones : nans;
    if (is_bad("several") || is_bad("no options") || is_bad("too many"))
        what.actions.kind = ONIC_ENV_MULTI_DISCRETE;
    if (is_bad("no options") || is_bad("too many"))
        what.actions.choices = two_and_none;
    if (is_bad("too many"))
        what.actions.n = 65;
    api.mask = is_bad("all forbidden") ? bad_mask : NULL;
    if (is_bad("masked") || is_bad("all forbidden"))
        what.actions.masked = 1;
    if (is_bad("no actions"))
        what.actions.n = 0;
    if (is_bad("action name"))
        what.actions.names = one_name;
    return is_bad("no spec") ? NULL : &what;
}

static void *bad_create(const char *name, const struct onic_env_option *options, int32_t n,
                        int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    (void)name, (void)options, (void)n, (void)index;
    if (is_bad("create"))
        strcpy(error, "give it a map");
    return is_bad("create") || is_bad("mute") ? NULL : calloc(1, 16);
}

static void bad_seed(void *env, uint64_t seed)
{
    (void)env, (void)seed;
}

static void bad_reset(void *env, struct onic_env_result *out)
{
    (void)env;
    out->terminated = (uint8_t)is_bad("over at once");
}

/* 2 + 3 n bytes: the limit of 256 is not between two of its characters. */
static const char *long_caption(void)
{
    static char text[512] = "ab";
    for (size_t at = 2; at + 4 < sizeof text; at += 3)
        memcpy(text + at, "\xe2\x82\xac", 4);
    return text;
}

static void bad_step(void *env, const void *action, struct onic_env_result *out)
{
    (void)env, (void)action;
    out->caption = is_bad("long caption") ? long_caption() : NULL;
    out->failed = (uint8_t)(is_bad("failed nan") || is_bad("failed"));
    out->reward = is_bad("nan") || is_bad("failed nan") ? (double)NAN
                  : is_bad("infinite")                  ? (double)INFINITY
                  : is_bad("huge sum")                  ? 1e300
                                                        : 1.0;
    out->terminated = out->truncated = 1;
}

static void bad_observe(const void *env, void *const *field)
{
    (void)env;
    if (field[0])
        memset(field[0], 1, 4);
    if (field[1])
        ((float *)field[1])[1] = is_bad("nan observed")      ? NAN
                                 : is_bad("absurd observed") ? 3e38f
                                                             : 0.5f;
}

static void bad_stats(const void *env, float *out)
{
    (void)env;
    out[0] = NAN;
}

const struct onic_env_api *onic_env(void)
{
    api = (struct onic_env_api){ONIC_ENV_HEAD,        .family = "bad",   .names = names,
                                .create = bad_create, .spec = bad_spec,  .seed = bad_seed,
                                .reset = bad_reset,   .step = bad_step,  .observe = bad_observe,
                                .free = free,         .stats = bad_stats};
    if (is_bad("abi"))
        api.abi = 2;
    if (is_bad("size"))
        api.spec_bytes -= 8;
    if (is_bad("no step"))
        api.step = NULL;
    if (is_bad("no names"))
        api.names = NULL;
    if (is_bad("family"))
        api.family = "b:d";
    if (is_bad("taken"))
        api.family = "minigrid";
    return is_bad("nothing") ? NULL : &api;
}
