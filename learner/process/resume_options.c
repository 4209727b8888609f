/* SPDX-License-Identifier: MIT */
/* resume_options.c - see resume_options.h. The check loads the checkpoint for real, as the learner
 * will: a list of what must not change would sooner or later say something else than the loading
 * itself. */
#include "learner/process/resume_options.h"

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
        rc = resume_load(core, annotate, file, err);
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
