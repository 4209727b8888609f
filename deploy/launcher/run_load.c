/* SPDX-License-Identifier: MIT */
/* run_load.c - see run_load.h. The checkpoint carries its configuration, so a file copied elsewhere
 * plays as well. */
#include "deploy/launcher/run_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/envs/env.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/policy_options.h"
#include "learner/core.h"

int run_checkpoint(struct checkpoint_file **out, const char *path, struct onic_err *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st) != 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "there is no run %s: give a run directory or a checkpoint file", path);
    if (!S_ISDIR(st.st_mode))
        return checkpoint_open(out, path, err);
    char dir[CHECKPOINT_PATH_MAX];
    snprintf(dir, sizeof dir, "%s/checkpoints", path);
    struct buf report;
    buf_init(&report, 1 << 16);
    int rc = checkpoint_newest_valid(out, dir, &report, err);
    if (report.len)
        fprintf(stderr, "onic: skipped damaged checkpoints:\n%s", report.data);
    buf_release(&report);
    if (rc)
        err_wrap(err, "no checkpoint of %s can be used", path);
    return rc;
}

int run_config(struct config *out, const struct checkpoint_file *file, const struct config *given,
               struct onic_err *err)
{
    const void *text;
    size_t len;
    int rc = checkpoint_get_bytes(file, "config", &text, &len, err);
    config_defaults(out);
    if (rc == ONIC_OK)
        rc = config_read_stored(out, text, len, checkpoint_path(file), err);
    if (rc == ONIC_OK)
        rc = config_overlay(out, given, err);
    return rc;
}

/* The policy as it was trained, reading the fields of the observation that will be played. */
static int build_policy(struct loaded_run *out, const struct obs_spec *obs,
                        const struct env_spec *spec, struct onic_err *err)
{
    const struct config *c = &out->cfg;
    struct policy_config pc;
    policy_options(&pc, c, spec->default_net, spec->actions, obs ? obs : &spec->obs);
    int rc = policy_create(&out->policy, &pc, err);
    if (rc)
        return rc;
    const struct params *params = policy_params(out->policy);
    out->weights = xaligned(params->floats * sizeof(float));
    rc = learner_read_weights(out->file, params, out->weights, &out->weights_version,
                              &out->env_steps, err);
    return rc ? (err_wrap(err, "%s", checkpoint_path(out->file)), rc) : rc;
}

int run_load(struct loaded_run *out, const char *path, const struct config *given,
             const struct obs_spec *obs, struct onic_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = run_checkpoint(&out->file, path, err);
    if (rc == ONIC_OK)
        rc = run_config(&out->cfg, out->file, given, err);
    if (rc)
        return rc;
    struct env *env = NULL;
    rc = env_create(&env, out->cfg.env_id, &out->cfg, 0, err);
    if (rc == ONIC_OK)
        rc = build_policy(out, obs, &env->spec, err);
    env_free(env);
    return rc;
}

void run_unload(struct loaded_run *r)
{
    checkpoint_close(r->file);
    policy_free(r->policy);
    free(r->weights);
    memset(r, 0, sizeof *r);
}
