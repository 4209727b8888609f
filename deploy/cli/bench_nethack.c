/* SPDX-License-Identifier: MIT */
/* bench_nethack.c - B8: what the environment layer (tasks, captions, bookkeeping, observation
 * slots) costs on top of the game. */
#include <stdlib.h>
#include <string.h>

#include "actor/envs/nethack/bare_loop.h"
#include "actor/envs/open.h"
#include "actor/envs/vec_env.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "deploy/cli/bench.h"

enum { NETHACK_ENVS = 16 };

static int through_environment(const struct config *cfg, int steps, double *per_cpu_s,
                               struct onic_err *err)
{
    struct vec_env *v = NULL;
    int rc = vec_env_open(&v, cfg, 0, NETHACK_ENVS, err);
    if (rc)
        return rc;
    const struct env_spec *spec = vec_env_spec(v);
    uint8_t *obs = xaligned(NETHACK_ENVS * spec->obs.obs_bytes);
    struct env_result *result = xcalloc(NETHACK_ENVS, sizeof *result);
    union action_cell action[NETHACK_ENVS];
    struct rng rng = rng_stream((uint64_t)cfg->run_seed, "bench", 0, 0, 0);
    rc = vec_env_reset_all(v, obs, result, err);
    int64_t start = clock_cpu_ns();
    for (int s = 0; !rc && s < steps; s++) {
        for (int e = 0; e < NETHACK_ENVS; e++)
            vec_env_random_action(v, e, &rng, &action[e]);
        rc = vec_env_step(v, action, obs, result, err);
        for (int e = 0; !rc && e < NETHACK_ENVS; e++)
            if (result[e].terminated || result[e].truncated || result[e].failed)
                rc =
                    vec_env_reset_one(v, e, obs + (size_t)e * spec->obs.obs_bytes, &result[e], err);
    }
    *per_cpu_s = (double)steps * NETHACK_ENVS * 1e9 / (double)(clock_cpu_ns() - start);
    vec_env_free(v);
    free(obs);
    free(result);
    return rc;
}

int bench_nethack(const struct bench_options *o, struct bench_result *out, struct onic_err *err)
{
    struct config cfg = *o->cfg;
    config_set(&cfg, "env.id", "nethack:Score", CONFIG_AUTO, "bench", NULL);
    int rounds = o->quick ? 3 : 7, steps = o->quick ? 300 : 4000, done = 0;
    int64_t end_ms = clock_ms() + (int64_t)(o->seconds * 1e3);
    const struct env_family *family;
    const char *name;
    int rc = env_find(cfg.env_id, &family, &name, err);
    if (!rc && family->available && family->available(&cfg, err) != ONIC_OK)
        return ONIC_ENOTFOUND;
    double a[BENCH_ROUNDS_MAX], b[BENCH_ROUNDS_MAX];
    for (int i = 0; !rc && i < rounds && (i < 2 || clock_ms() < end_ms); i++) {
        cfg.run_seed = i + 1;
        rc = through_environment(&cfg, steps, &a[i], err);
        struct bare_loop_params p = {.nle = cfg.env_nle,
                                     .clock = cfg.env_clock,
                                     .actions = (int)cfg.env_actions,
                                     .seed = (uint64_t)cfg.run_seed,
                                     .games = NETHACK_ENVS,
                                     .steps = steps};
        struct bare_loop_result bare;
        if (!rc)
            rc = nethack_bare_loop(&bare, &p, err);
        if (!rc)
            b[i] = (double)bare.agent_steps / bare.cpu_s;
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
