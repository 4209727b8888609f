/* SPDX-License-Identifier: MIT */
/* repeat_open.c - see repeat_open.h. What the world is stands in the checkpoint, so no environment
 * is made; what the file says of this machine (paths, programs, addresses) is left aside. */
#include "learner/record/repeat_open.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/policy/env_describe.h"
#include "learner/train/trainer_options.h"

static int recorded_options(struct config *out, const struct config *given,
                            const struct record_head *head, const char *text, const char *name,
                            struct onic_err *err)
{
    char threads[16];
    struct config *stored = xmalloc(sizeof *stored);
    config_defaults(stored);
    config_defaults(out);
    int rc = config_read_stored(stored, text, head->config_len, name, err);
    if (!rc)
        rc = config_take_portable(out, stored, given, name, err);
    if (!rc)
        rc = config_overlay(out, given, err);
    free(stored);
    snprintf(threads, sizeof threads, "%u", head->threads);
    if (!rc)
        rc = config_set(out, "train.threads", threads, CONFIG_AUTO, name, err);
    if (!rc) /* whoever takes the steps, they are the same */
        rc = config_set(out, "reward.train_beside", "no", CONFIG_AUTO, name, err);
    return rc;
}

static int recorded_world(const struct checkpoint_file *from, struct env_description *out,
                          struct onic_err *err)
{
    const void *text;
    size_t len;
    int rc = checkpoint_get_bytes(from, "env", &text, &len, err);
    if (rc)
        return rc;
    if (env_describe_read(text, len, out, err) == ONIC_OK)
        return ONIC_OK;
    err->code = ONIC_EDAMAGED;
    return err_wrap(err, "%s", checkpoint_path(from));
}

int repeat_open(void *ctx, const struct record_head *head, const char *config,
                const struct checkpoint_file *from, struct repeat_life *out, struct onic_err *err)
{
    struct config *cfg = xmalloc(sizeof *cfg);
    struct env_description world;
    *out = (struct repeat_life){0};
    int rc = recorded_options(cfg, ctx, head, config, "the options in the record", err);
    if (!rc)
        rc = recorded_world(from, &world, err);
    if (!rc)
        rc = trainer_of_options(&out->core, cfg, &world, err);
    if (!rc) {
        int state = policy_state_size(trainer_policy(out->core));
        out->expect.obs = world.obs;
        out->expect.value_most = trainer_value_most(cfg);
        out->expect.shape = (struct trajectory_shape){
            .T = (int)cfg->train_rollout,
            .obs_bytes = world.obs.obs_bytes,
            .actions = world.actions,
            .state_size = state,
            .nstats = world.nstats,
            .snapshot_bytes =
                cfg->run_deterministic ? trajectory_snapshot_bytes(world.snapshot_bytes, state) : 0,
        };
        out->batch_steps = (uint64_t)cfg->train_batch;
        out->batch_trajectories =
            cfg->run_deterministic
                ? (uint64_t)cfg->actors_count * (uint64_t)trainer_rounds(cfg, world.default_count)
                : 0;
    }
    free(cfg);
    return rc;
}
