/* SPDX-License-Identifier: MIT */
/* bench_nethack.c - B8: what the environment layer (tasks, captions, bookkeeping, observation
 * slots) costs on top of the game. */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/bench.h"
#include "deploy/cli/bench_open.h"
#include "deploy/cli/bench_play.h"

enum { NETHACK_ENVS = 16 };

static int through_environment(struct vec_env *v, uint64_t seed, int steps, double *per_cpu_s,
                               struct onic_err *err)
{
    int64_t ns = 0;
    int rc = bench_play(v, NETHACK_ENVS, seed, steps, clock_cpu_ns, &ns, err);
    *per_cpu_s = (double)steps * NETHACK_ENVS * 1e9 / (double)ns;
    return rc;
}

/* One round: the same games through the environment and without it. */
static int nethack_round(const struct bench_options *o, uint64_t seed, int steps, double *a,
                         double *b, struct onic_err *err)
{
    struct nethack_pair x = {.envs = NULL};
    struct bare_loop_result bare;
    int rc = bench_open_nethack(&x, NETHACK_ENVS, seed, o->given, err);
    if (!rc)
        rc = through_environment(x.envs, seed, steps, a, err);
    vec_env_free(x.envs);
    x.bare.steps = steps;
    if (!rc)
        rc = nethack_bare_loop(&bare, &x.bare, err);
    if (!rc)
        *b = (double)bare.agent_steps / bare.cpu_s;
    return rc;
}

int bench_nethack(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    int rounds = o->quick ? 3 : 7, steps = o->quick ? 300 : 4000, done = 0, rc = ONIC_OK;
    int64_t end_ms = clock_ms() + (int64_t)(o->seconds * 1e3);
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; !rc && i < rounds && (i < 2 || clock_ms() < end_ms); i++) {
        rc = nethack_round(o, (uint64_t)i + 1, steps, &a[i], &b[i], err);
        if (!rc)
            o->round(o->ctx, done = i + 1, rounds);
    }
    if (rc)
        return rc;
    out->unit = "steps/s/core";
    out->of = "environment layer / bare library loop, 16 games interleaved, game starts included";
    out->subject = "the environment layer";
    bench_ratio(out, a, b, done, false);
    return ONIC_OK;
}
