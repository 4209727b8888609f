/* SPDX-License-Identifier: MIT */
/* bench_gym.c - B-gym...: what it costs that an environment of Gymnasium is in another process: a
 * vector of 16 through the environment layer, against the same steps in a loop of Python's own.
 * CartPole's step takes 2 us, so that its row is about the bridge; those of 100 and 300 us
 * (deploy/python/onic/slow_worlds.py) say what is left of an environment's own speed, also where
 * each observation is a picture that is copied into the shared memory and out of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_open.h"
#include "deploy/cli/bench_play.h"

enum { GYM_ENVS = 16 };

/* steps: of each environment in a round, about a second of them; a tenth with --quick */
static const struct {
    const char *name, *env, *of;
    int steps;
} ROWS[] = {
    {"B-gym", "CartPole-v1",
     "16 gym:CartPole-v1 through a Python process / a loop of Python's own, resets included", 3000},
    {"B-gym-100us", "onic.slow_worlds:Slow100-v0",
     "16 environments with steps of 100 us through a Python process / a loop of Python's own", 600},
    {"B-gym-300us", "onic.slow_worlds:Slow300-v0",
     "16 environments with steps of 300 us through a Python process / a loop of Python's own", 200},
    {"B-gym-pixels", "onic.slow_worlds:Pictures100-v0",
     "16 environments with pictures of 28 KB and steps of 100 us through a Python process / a loop "
     "of Python's own",
     600},
};

static int row_named(const char *name)
{
    int i = 0;
    while (strcmp(ROWS[i].name, name) != 0)
        i++;
    return i;
}

static int through_processes(struct vec_env *v, int steps, double *us, struct onic_err *err)
{
    int64_t ns = 0;
    int rc = bench_play(v, GYM_ENVS, 1, steps, clock_ns, &ns, err);
    *us = (double)ns * 1e-3 / ((double)steps * GYM_ENVS);
    return rc;
}

/* The command says how long a step takes in Python alone. */
static int in_python_alone(const char *command, double *us, struct onic_err *err)
{
    FILE *f = popen(command, "re");
    int read = f ? fscanf(f, "%lf", us) : 0;
    if (f && pclose(f) != 0)
        read = 0;
    return read == 1 ? ONIC_OK : err_set(err, ONIC_ENOTFOUND, "%s gave no number", command);
}

int bench_gym(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    int row = row_named(o->name), rounds = o->quick ? 3 : 9, done = 0;
    int steps = o->quick ? ROWS[row].steps / 10 : ROWS[row].steps;
    int64_t end_ms = clock_ms() + (int64_t)(o->seconds * 1e3);
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    struct gym_pair pair = {.envs = NULL};
    int rc = bench_open_gym(&pair, ROWS[row].env, GYM_ENVS, steps, o->given, err);
    for (int i = 0; !rc && i < rounds && (i < 2 || clock_ms() < end_ms); i++) {
        rc = through_processes(pair.envs, steps, &a[i], err);
        if (!rc)
            rc = in_python_alone(pair.alone, &b[i], err);
        if (!rc)
            o->round(o->ctx, done = i + 1, rounds);
    }
    vec_env_free(pair.envs);
    if (rc)
        return rc;
    out->unit = "us/step";
    out->of = ROWS[row].of;
    out->subject = "the Python process";
    bench_ratio(out, a, b, done, true);
    return ONIC_OK;
}
