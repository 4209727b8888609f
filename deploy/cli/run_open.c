/* SPDX-License-Identifier: MIT */
/* run_open.c - see run_open.h. The checkpoint carries its configuration, so a file copied elsewhere
 * plays as well. */
#include "deploy/cli/run_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "actor/envs/env.h"
#include "common/base/file_kind.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/config/overlay.h"
#include "common/run/policy_options.h"
#include "common/run/run_id.h"
#include "learner/train/stored_text.h"
#include "learner/train/trainer.h"

int run_folder_refuse(const char *path, const char *lacks, struct onic_err *err)
{
    char file[CHECKPOINT_PATH_MAX];
    struct stat st;
    snprintf(file, sizeof file, "%s/sweep.json", path);
    if (stat(file, &st) == 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "%s is the folder of a sweep: name one of the runs in it, as %s/NAME; `onic "
                       "compare` compares them",
                       path, path);
    return err_set(err, ONIC_ENOTFOUND, "%s is a folder, not a run directory: it has no %s", path,
                   lacks);
}

static int not_a_run(const char *path, struct onic_err *err)
{
    char file[CHECKPOINT_PATH_MAX];
    struct stat st;
    snprintf(file, sizeof file, "%s/LATEST", path);
    if (stat(file, &st) == 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "%s holds the checkpoints of a run: give the run directory, or one of the "
                       "files",
                       path);
    return run_folder_refuse(path, "checkpoints/", err);
}

int loaded_run_checkpoint(struct checkpoint_file **out, const char *path, struct onic_err *err)
{
    struct stat st;
    *out = NULL;
    if (stat(path, &st) != 0 && errno == ENOENT)
        return err_set(err, ONIC_ENOTFOUND,
                       "there is no run %s: give a run directory or a checkpoint file", path);
    if (stat(path, &st) != 0)
        return file_unreadable(path, errno, err);
    if (!S_ISDIR(st.st_mode)) {
        int rc = checkpoint_open(out, path, err);
        const char *kind = rc == ONIC_ECONFIG ? file_kind(path) : NULL;
        return kind ? err_set(err, rc,
                              "%s is %s, not a run directory or a checkpoint file (of its "
                              "checkpoints/)",
                              path, kind)
                    : rc;
    }
    char dir[CHECKPOINT_PATH_MAX];
    snprintf(dir, sizeof dir, "%s/checkpoints", path);
    struct buf report;
    buf_init(&report, 1 << 16);
    int rc = run_dir_newest(out, path, &report, err);
    if (report.len)
        log_say(LOG_WARN, "onic", "skipped checkpoints that cannot be used:\n%.*s",
                (int)report.len - 1, report.data); /* its last line ends with log_say's */
    buf_release(&report);
    if (rc == ONIC_ENOTFOUND && stat(dir, &st) != 0 && errno == ENOENT)
        return not_a_run(path, err);
    if (rc)
        err_wrap(err, "no checkpoint of %s can be used", path);
    return rc;
}

/* Everything that the checkpoint says. */
static int stored_config(struct config *out, const struct checkpoint_file *file,
                         struct onic_err *err)
{
    const void *text;
    size_t len;
    int rc = checkpoint_get_bytes(file, "config", &text, &len, err);
    config_defaults(out);
    if (!rc)
        rc = config_read_stored(out, text, len, checkpoint_path(file), err);
    return rc;
}

/* A checkpoint may come from anywhere, and loading a shared object runs it. */
static int check_code(const struct config *stored, const struct config *given, const char *path,
                      struct onic_err *err)
{
    const struct env_family *family = NULL;
    const char *name;
    bool known = env_find(stored->env_id, &family, &name, NULL) == ONIC_OK;
    if (!known && stored->env_plugin[0] && given->origin[CONFIG_I_env_plugin] == CONFIG_DEFAULT)
        return err_set(
            err, ONIC_ECONFIG,
            "%s was trained in %s of a plug-in, %.300s: give --env.plugin=PATH, since no "
            "code is loaded that only a file names",
            path, stored->env_id, stored->env_plugin);
    bool nethack = known && strcmp(family->family, "nethack") == 0;
    if (nethack && stored->env_nle[0] && given->origin[CONFIG_I_env_nle] == CONFIG_DEFAULT)
        return err_set(err, ONIC_ECONFIG,
                       "%s was trained with the NetHack library %.300s: give --env.nle=PATH, or "
                       "--env.nle= for the fetched one, since no code is loaded that only a file "
                       "names",
                       path, stored->env_nle);
    return ONIC_OK;
}

/* plays: the environment is made, so what it needs of this machine must have been given. */
static int stored_under_given(struct config *out, const struct checkpoint_file *file,
                              const struct config *given, const char *path, bool plays,
                              struct onic_err *err)
{
    struct config *stored = xmalloc(sizeof *stored);
    int rc = stored_config(stored, file, err);
    if (!rc && plays)
        rc = check_code(stored, given, path, err);
    config_defaults(out);
    if (!rc)
        rc = config_take_portable(out, stored, given, checkpoint_path(file), err);
    if (!rc)
        rc = config_overlay(out, given, err);
    free(stored);
    return rc;
}

int loaded_run_config(struct config *out, const struct checkpoint_file *file,
                      const struct config *given, struct onic_err *err)
{
    return stored_under_given(out, file, given, checkpoint_path(file), false, err);
}

/* The policy as it was trained, reading its fields where `obs` has them. */
static int run_open_build_policy(struct loaded_run *out, const struct env_spec *spec,
                                 const struct obs_spec *obs, struct onic_err *err)
{
    const struct config *c = &out->cfg;
    struct policy_config pc;
    policy_options(&pc, c, spec->default_net, &spec->actions, obs);
    int rc = policy_create(&out->policy, &pc, err);
    if (rc)
        return rc;
    const struct params *params = policy_params(out->policy);
    out->weights = xaligned(params->floats * sizeof(float));
    rc = stored_text_check_network(out->file, out->policy, err);
    if (!rc)
        rc = trainer_read_weights(out->file, params, out->weights, &out->weights_version,
                                  &out->env_steps, err);
    return rc ? (err_wrap(err, "%s", checkpoint_path(out->file)), rc) : rc;
}

/* The fields of `trained`, as they lie in an observation of all fields. */
static void find_fields(const struct obs_spec *trained, const struct obs_spec *all,
                        struct obs_spec *out)
{
    *out = *trained;
    out->obs_bytes = all->obs_bytes;
    for (int i = 0; i < out->nfields; i++) {
        const struct obs_field *f = obs_spec_find(all, out->field[i].name);
        ONIC_ASSERT(f && f->bytes == out->field[i].bytes);
        out->field[i] = *f;
    }
}

/* From here on out->cfg asks for all fields. */
static int show_all_fields(struct loaded_run *out, struct obs_spec *obs, struct onic_err *err)
{
    struct env *env = NULL;
    const struct obs_spec trained = *obs;
    snprintf(out->cfg.env_obs, sizeof out->cfg.env_obs, "all");
    int rc = env_create(&env, out->cfg.env_id, &out->cfg, 0, err);
    if (!rc)
        find_fields(&trained, &env->spec.obs, obs);
    env_free(env);
    return rc;
}

int loaded_run_open(struct loaded_run *out, const char *path, const struct config *given,
                    bool all_fields, struct onic_err *err)
{
    memset(out, 0, sizeof *out);
    int rc = loaded_run_checkpoint(&out->file, path, err);
    if (!rc)
        rc = stored_under_given(&out->cfg, out->file, given, path, true, err);
    if (rc)
        return rc;
    struct env *env = NULL;
    struct obs_spec obs;
    rc = env_create(&env, out->cfg.env_id, &out->cfg, 0, err);
    if (!rc)
        obs = env->spec.obs;
    if (!rc && all_fields)
        rc = show_all_fields(out, &obs, err);
    if (!rc)
        rc = run_open_build_policy(out, &env->spec, &obs, err);
    env_free(env);
    return rc;
}

void loaded_run_close(struct loaded_run *r)
{
    checkpoint_close(r->file);
    policy_free(r->policy);
    free(r->weights);
    memset(r, 0, sizeof *r);
}
