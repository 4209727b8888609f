/* SPDX-License-Identifier: MIT */
/* resume_options.c - see resume_options.h. The check loads the checkpoint for real, as the learner
 * will: a list of what must not change would sooner or later say something else than the loading
 * itself. */
#include "learner/process/resume_options.h"

#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/run/run_id.h"
#include "learner/process/learner_options.h"
#include "learner/process/resume.h"
#include "learner/process/run_identity.h"
#include "learner/train/trainer_options.h"

/* These labels would be given by the options at hand: a fault of theirs, and not, as in a running
 * learner, of a peer. */
static int check_labels(const struct label_client *labels, const char *identity,
                        struct onic_err *err)
{
    struct onic_err why;
    if (label_client_check_identity(labels, identity, &why) != ONIC_OK)
        return err_set(err, ONIC_ECONFIG, "%s", why.msg);
    return ONIC_OK;
}

static int64_t environments(const struct config *cfg, const struct env_description *env)
{
    return cfg->env_count ? cfg->env_count : env->default_count;
}

/* Rounds of a deterministic run are counted from its beginning by the trajectories of each actor,
 * so that what a round is made of must stay. */
static int compare_lock_step(const struct config *then, const struct config *now,
                             const struct env_description *env, struct onic_err *err)
{
    const struct {
        const char *option;
        int64_t was, is;
    } kept[] = {{"actors.count", then->actors_count, now->actors_count},
                {"env.count", environments(then, env), environments(now, env)},
                {"train.rollout", then->train_rollout, now->train_rollout},
                {"train.batch", then->train_batch, now->train_batch}};
    if (!then->run_deterministic)
        return err_set(err, ONIC_ECONFIG,
                       "the run was not deterministic until now, so it cannot go on as one; leave "
                       "--deterministic out or give another --run-dir");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (kept[i].was != kept[i].is)
            return err_set(err, ONIC_ECONFIG,
                           "a deterministic run keeps its %s, which was %lld and is %lld now; give "
                           "--%s=%lld or another --run-dir",
                           kept[i].option, (long long)kept[i].was, (long long)kept[i].is,
                           kept[i].option, (long long)kept[i].was);
    return ONIC_OK;
}

int resume_check_lock_step(const struct checkpoint_file *file, const struct config *cfg,
                           const struct env_description *env, struct onic_err *err)
{
    const void *text;
    size_t len;
    if (!cfg->run_deterministic)
        return ONIC_OK;
    int rc = checkpoint_get_bytes(file, "config", &text, &len, err);
    if (rc)
        return rc;
    struct config *then = xmalloc(sizeof *then);
    config_defaults(then);
    rc = config_read_stored(then, text, len, checkpoint_path(file), err);
    if (!rc)
        rc = compare_lock_step(then, cfg, env, err);
    free(then);
    return rc;
}

static int check_against(const struct checkpoint_file *file, const struct config *cfg,
                         const struct env_description *env, const char *identity,
                         struct onic_err *err)
{
    struct trainer *core = NULL;
    struct label_client *annotate = NULL;
    int rc = trainer_of_options(&core, cfg, env, err);
    if (!rc)
        rc = label_client_of_options(&annotate, cfg, "", NULL, err);
    if (!rc)
        rc = resume_load(core, annotate, file, NULL, err);
    if (!rc)
        rc = resume_check_lock_step(file, cfg, env, err);
    if (!rc && identity[0] && reward_mix_type(trainer_reward(core))->traits.wants_labels)
        rc = check_labels(annotate, identity, err);
    label_client_free(annotate);
    trainer_free(core);
    return rc;
}

int resume_check(const struct config *cfg, const struct env_description *env, const char *run_dir,
                 const char *identity, struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    int rc = run_dir_newest(&file, run_dir, NULL, err);
    if (rc == ONIC_ENOTFOUND)
        return ONIC_OK;
    if (!rc)
        rc = check_against(file, cfg, env, identity, err);
    if (!rc)
        rc = run_identity_check(run_dir, file, err);
    checkpoint_close(file);
    return rc;
}
