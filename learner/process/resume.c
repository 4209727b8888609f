/* SPDX-License-Identifier: MIT */
/* resume.c - see resume.h. */
#include "learner/process/resume.h"

#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "learner/process/distrust.h"

/* Labels of a source were withdrawn since this checkpoint: what was learned of them with others
 * cannot be told apart, so the reward model learns anew from those that are left. */
static int forget_untrusted(struct trainer *core, struct label_client *annotate,
                            const struct checkpoint_file *from, unsigned *how, struct onic_err *err)
{
    char folder[CHECKPOINT_PATH_MAX];
    uint64_t distrusts;
    const char *path = checkpoint_path(from), *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    int rc = distrust_read(folder, &distrusts, err);
    if (rc || distrusts <= label_client_distrusts(annotate))
        return rc;
    if (reward_mix_type(trainer_reward(core))->traits.wants_labels)
        log_info("labels of a source are not trusted any more: the reward model learns anew from "
                 "the others",
                 kv("labels_it_had", label_client_labels(annotate)));
    label_client_relearn(annotate, distrusts);
    reward_mix_forget(trainer_reward(core));
    *how |= RESUME_FORGOT;
    return ONIC_OK;
}

int resume_load(struct trainer *core, struct label_client *annotate,
                const struct checkpoint_file *from, unsigned *how, struct onic_err *err)
{
    unsigned done = 0;
    int rc = label_client_load(annotate, from, err);
    if (!rc)
        rc = forget_untrusted(core, annotate, from, &done, err);
    if (!rc && label_client_labels(annotate) == 0) {
        reward_mix_unlabelled(trainer_reward(core));
        done |= RESUME_UNLABELLED;
    }
    if (how)
        *how = done;
    return rc ? rc : trainer_load(core, from, err);
}
