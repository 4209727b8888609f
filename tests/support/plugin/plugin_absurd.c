/* SPDX-License-Identifier: MIT */
/* plugin_absurd.c - `absurd`: nothing ever happens, until the folder that ABSURD names holds a file
 * `bad`. From then on every observation of one process, the first that notices, is a new one: with
 * reward.model=counts and a shaping beyond all measure its returns are no longer finite. Used by
 * the test of roll-backs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/envs/onic_env.h"

enum { LOOK_STEPS = 256 };

struct absurd {
    unsigned char seen[8];
    int steps;
};

static const char *const names[] = {"", NULL};
static const struct onic_env_field fields[] = {{"seen", ONIC_ENV_U8, 1, {8}}};
static const struct onic_env_spec absurd_is = {
    .fields = fields, .nfields = 1, .max_steps = 1000, .actions = {.n = 2}, .default_count = 8};
static unsigned long long number; /* of the next new observation; 0: all is well */

static void *absurd_create(const char *name, const struct onic_env_option *options, int32_t n,
                           int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    (void)name, (void)options, (void)n, (void)index, (void)error;
    return calloc(1, sizeof(struct absurd));
}

static const struct onic_env_spec *absurd_spec(const void *env)
{
    (void)env;
    return &absurd_is;
}

static void absurd_seed(void *env, uint64_t seed)
{
    (void)env, (void)seed;
}

static void absurd_reset(void *env, struct onic_env_result *out)
{
    (void)out;
    ((struct absurd *)env)->steps = 0;
}

/* One process only: whoever makes the second file. */
static void absurd_look(void)
{
    const char *folder = getenv("ABSURD");
    char bad[400], taken[400];
    if (number || !folder)
        return;
    snprintf(bad, sizeof bad, "%s/bad", folder);
    snprintf(taken, sizeof taken, "%s/taken", folder);
    int fd = access(bad, F_OK) == 0 ? open(taken, O_CREAT | O_EXCL | O_WRONLY, 0600) : -1;
    if (fd < 0)
        return;
    close(fd);
    number = 1;
}

static void absurd_step(void *env, const void *action, struct onic_env_result *out)
{
    struct absurd *a = env;
    (void)action;
    out->truncated = ++a->steps == absurd_is.max_steps;
    if (a->steps % LOOK_STEPS == 0)
        absurd_look();
    if (number) {
        memcpy(a->seen, &number, sizeof a->seen);
        number++;
    }
}

static void absurd_observe(const void *env, void *const *field)
{
    if (field[0])
        memcpy(field[0], ((const struct absurd *)env)->seen, sizeof((struct absurd *)0)->seen);
}

const struct onic_env_api *onic_env(void)
{
    static const struct onic_env_api api = {
        ONIC_ENV_HEAD,       .family = "absurd",        .summary = "nothing, or no end of news",
        .names = names,      .create = absurd_create,   .spec = absurd_spec,
        .seed = absurd_seed, .reset = absurd_reset,     .step = absurd_step,
        .free = free,        .observe = absurd_observe,
    };
    return &api;
}
