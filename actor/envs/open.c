/* SPDX-License-Identifier: MIT */
/* open.c - see open.h. */
#include "actor/envs/open.h"

#include <stdlib.h>

#include "actor/envs/progress.h"
#include "common/base/xmalloc.h"

/* All of them, or none. */
static int open_envs(struct env **envs, const struct config *cfg, int count, struct onic_err *err)
{
    for (int i = 1; i < count; i++) {
        env_progress_if_asked();
        int rc = env_create(&envs[i], cfg->env_id, cfg, i, err);
        if (!rc)
            continue;
        while (--i > 0)
            env_free(envs[i]);
        return rc;
    }
    return ONIC_OK;
}

int vec_env_open(struct vec_env **out, const struct config *cfg, int actor_id, int count,
                 struct onic_err *err)
{
    struct env *first;
    *out = NULL;
    int rc = env_create(&first, cfg->env_id, cfg, 0, err);
    if (rc)
        return rc;
    if (count == 0)
        count = cfg->env_count ? (int)cfg->env_count : first->spec.default_count;
    struct env **envs = xcalloc((size_t)count, sizeof(struct env *));
    envs[0] = first;
    rc = open_envs(envs, cfg, count, err);
    if (rc)
        env_free(first);
    else
        *out = vec_env_create(&(struct vec_env_params){.run_seed = (uint64_t)cfg->run_seed,
                                                       .actor_id = actor_id,
                                                       .unique_per_s = cfg->bench_captions_per_s},
                              envs, count);
    free(envs);
    return rc;
}
