/* SPDX-License-Identifier: MIT */
/* lake.c - an environment in one file against onic_env.h: cross a frozen lake without falling into
 * a hole. One step in four slides sideways, unless --plugin.slippery=false. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onic_env.h"

enum { SIDE = 4, CELLS = SIDE * SIDE, GOAL = CELLS - 1, MAX_STEPS = 50 };
static const char ice[CELLS + 1] = "S..."
                                   ".O.O"
                                   "...O"
                                   "O..G";

struct lake {
    int slippery;
    struct state {
        uint64_t random;
        int32_t cell, steps;
    } s; /* everything that decides what follows: what a snapshot holds */
};

static void *lake_create(const char *name, const struct onic_env_option *options, int32_t n,
                         int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    (void)name, (void)index;
    struct lake *e = calloc(1, sizeof *e);
    if (e)
        e->slippery = 1;
    for (int i = 0; e && i < n; i++) {
        if (strcmp(options[i].key, "slippery") != 0) {
            snprintf(error, ONIC_ENV_ERROR_MAX, "it has no option '%.40s', only slippery",
                     options[i].key);
            free(e);
            return NULL;
        }
        e->slippery = strcmp(options[i].value, "true") == 0;
    }
    return e;
}

static const struct onic_env_spec *spec(const void *env)
{
    static const struct onic_env_field fields[] = {{"here", ONIC_ENV_U8, 2, {SIDE, SIDE}}};
    static const char *const actions[] = {"left", "down", "right", "up"};
    static const struct onic_env_spec is = {.fields = fields,
                                            .nfields = 1,
                                            .max_steps = MAX_STEPS,
                                            .has_success = 1,
                                            .actions = {.n = 4, .names = actions},
                                            .snapshot_bytes = sizeof(struct state)};
    (void)env;
    return &is;
}

static void seed(void *env, uint64_t seed_)
{
    ((struct lake *)env)->s.random = seed_;
}

static void reset(void *env, struct onic_env_result *out)
{
    struct lake *e = env;
    e->s.cell = e->s.steps = 0;
    out->caption = "You stand at the edge of a frozen lake.";
}

static void lake_step(void *env, const void *action, struct onic_env_result *out)
{
    struct lake *e = env;
    int a = *(const int32_t *)action, x = e->s.cell % SIDE, y = e->s.cell / SIDE;
    e->s.random = e->s.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    if (e->slippery && e->s.random >> 62 == 0)
        a = (a + 1) % 4;
    x += (a == 2 && x < SIDE - 1) - (a == 0 && x > 0);
    y += (a == 1 && y < SIDE - 1) - (a == 3 && y > 0);
    e->s.cell = y * SIDE + x;
    e->s.steps++;
    out->success = e->s.cell == GOAL;
    out->terminated = out->success || ice[e->s.cell] == 'O';
    out->truncated = !out->terminated && e->s.steps == MAX_STEPS;
    out->reward = out->success;
    out->caption = out->success      ? "You reach the other side."
                   : out->terminated ? "You fall into a hole."
                                     : "";
}

static void lake_observe(const void *env, void *const *field)
{
    if (field[0]) {
        memset(field[0], 0, CELLS);
        ((uint8_t *)field[0])[((const struct lake *)env)->s.cell] = 1;
    }
}

static void render(const void *env, char *text, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < CELLS && n + 3 < size; i++) {
        text[n++] = i == ((const struct lake *)env)->s.cell ? '@' : ice[i];
        if (i % SIDE == SIDE - 1)
            text[n++] = '\n';
    }
    text[n] = '\0';
}

static void save(const void *env, void *snapshot)
{
    memcpy(snapshot, &((const struct lake *)env)->s, sizeof(struct state));
}

static int32_t lake_load(void *env, const void *snapshot)
{
    struct state s;
    memcpy(&s, snapshot, sizeof s);
    if (s.cell < 0 || s.cell >= CELLS)
        return -1;
    ((struct lake *)env)->s = s;
    return 0;
}

const struct onic_env_api *onic_env(void)
{
    static const char *const names[] = {"", NULL};
    static const struct onic_env_api api = {ONIC_ENV_HEAD,
                                            .family = "lake",
                                            .summary = "cross a frozen lake",
                                            .names = names,
                                            .create = lake_create,
                                            .spec = spec,
                                            .seed = seed,
                                            .reset = reset,
                                            .step = lake_step,
                                            .observe = lake_observe,
                                            .free = free,
                                            .render = render,
                                            .save = save,
                                            .load = lake_load};
    return &api;
}
