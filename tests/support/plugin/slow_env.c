/* SPDX-License-Identifier: MIT */
/* slow_env.c - `slow`, an environment that takes its time: each step sleeps --plugin.us
 * microseconds, and the tenth of environment 0 --plugin.long_s seconds besides. A row of cells to
 * its end or its beginning, with a few captions. For runs that are watched for hours and must not
 * take a whole machine (tests/chaos, soak), and for steps longer than a lease. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actor/envs/onic_env.h"

enum { ROW = 9, ROW_STEPS = 40, ROW_US = 1000, ROW_US_MAX = 1000000, LONG_S_MAX = 3600, TENTH = 9 };

struct row {
    int32_t cell, steps;
    int32_t before_long; /* steps of all episodes; -1: none is long */
    long us, long_s;
    char caption[64];
};

static void *row_create(const char *name, const struct onic_env_option *options, int32_t n,
                        int32_t index, char error[ONIC_ENV_ERROR_MAX])
{
    struct row is = {.us = ROW_US};
    (void)name;
    for (int i = 0; i < n; i++) {
        long value = strtol(options[i].value, NULL, 10);
        bool us = strcmp(options[i].key, "us") == 0;
        if ((!us && strcmp(options[i].key, "long_s") != 0) || value < 0 ||
            value > (us ? ROW_US_MAX : LONG_S_MAX)) {
            snprintf(error, ONIC_ENV_ERROR_MAX, "its options are us, 0 to %d, and long_s, 0 to %d",
                     ROW_US_MAX, LONG_S_MAX);
            return NULL;
        }
        *(us ? &is.us : &is.long_s) = value;
    }
    is.before_long = index == 0 && is.long_s ? TENTH : -1;
    struct row *r = malloc(sizeof *r);
    if (r)
        *r = is;
    return r;
}

static const struct onic_env_spec *row_spec(const void *env)
{
    static const struct onic_env_field fields[] = {{"here", ONIC_ENV_U8, 1, {ROW}}};
    static const char *const actions[] = {"left", "right"};
    static const struct onic_env_spec is = {.fields = fields,
                                            .nfields = 1,
                                            .max_steps = ROW_STEPS,
                                            .has_success = 1,
                                            .actions = {.n = 2, .names = actions},
                                            .default_count = 16};
    (void)env;
    return &is;
}

static void row_seed(void *env, uint64_t seed)
{
    (void)env, (void)seed;
}

static void row_reset(void *env, struct onic_env_result *out)
{
    struct row *r = env;
    r->cell = ROW / 2;
    r->steps = 0;
    out->caption = "You stand in the middle.";
}

static void row_step(void *env, const void *action, struct onic_env_result *out)
{
    struct row *r = env;
    nanosleep(&(struct timespec){.tv_sec = r->us / 1000000, .tv_nsec = r->us % 1000000 * 1000},
              NULL);
    if (r->before_long >= 0 && r->before_long-- == 0)
        nanosleep(&(struct timespec){.tv_sec = r->long_s}, NULL);
    r->cell += *(const int32_t *)action ? 1 : -1;
    r->steps++;
    out->success = r->cell == ROW - 1;
    out->terminated = out->success || r->cell == 0;
    out->truncated = !out->terminated && r->steps == ROW_STEPS;
    out->reward = out->success;
    snprintf(r->caption, sizeof r->caption, "You come to cell %d.", r->cell);
    out->caption = r->caption;
}

static void row_observe(const void *env, void *const *field)
{
    if (!field[0])
        return;
    memset(field[0], 0, ROW);
    ((uint8_t *)field[0])[((const struct row *)env)->cell] = 1;
}

const struct onic_env_api *onic_env(void)
{
    static const char *const names[] = {"", NULL};
    static const struct onic_env_api api = {
        ONIC_ENV_HEAD,          .family = "slow",     .summary = "a row whose steps take time",
        .names = names,         .create = row_create, .spec = row_spec,
        .seed = row_seed,       .reset = row_reset,   .step = row_step,
        .observe = row_observe, .free = free,
    };
    return &api;
}
