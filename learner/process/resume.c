/* SPDX-License-Identifier: MIT */
/* resume.c - see resume.h. */
#include "learner/process/resume.h"

int resume_load(struct trainer *core, struct label_client *annotate,
                const struct checkpoint_file *from, struct onic_err *err)
{
    int rc = label_client_load(annotate, from, err);
    if (!rc && label_client_labels(annotate) == 0)
        reward_mix_unlabelled(trainer_reward(core));
    return rc ? rc : trainer_load(core, from, err);
}
