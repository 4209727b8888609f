/* SPDX-License-Identifier: MIT */
/* bench_play.c - see bench_play.h. */
#include "deploy/cli/bench_play.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"

int bench_play(struct vec_env *v, int n, uint64_t seed, int steps, int64_t (*clock)(void),
               int64_t *ns, struct onic_err *err)
{
    size_t obs_bytes = vec_env_spec(v)->obs.obs_bytes;
    uint8_t *obs = xaligned((size_t)n * obs_bytes);
    struct env_result *result = xcalloc((size_t)n, sizeof *result);
    union action_cell *action = xcalloc((size_t)n, sizeof *action);
    struct rng rng = rng_stream(seed, "bench", 0, 0, 0);
    int rc = vec_env_reset_all(v, obs, result, err);
    int64_t start = clock();
    for (int s = 0; !rc && s < steps; s++) {
        for (int e = 0; e < n; e++)
            vec_env_random_action(v, e, &rng, &action[e]);
        rc = vec_env_step(v, action, obs, result, err);
        for (int e = 0; !rc && e < n; e++)
            if (result[e].terminated || result[e].truncated || result[e].failed)
                rc = vec_env_reset_one(v, e, obs + (size_t)e * obs_bytes, &result[e], err);
    }
    *ns = clock() - start;
    free(obs);
    free(result);
    free(action);
    return rc;
}
