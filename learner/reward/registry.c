/* SPDX-License-Identifier: MIT */
/* registry.c - the reward models of reward_models.def; see reward_model.h. */
#include <string.h>

#include "learner/reward/reward_model.h"

#define REWARD_MODEL(id) extern const struct reward_model_type reward_model_##id;
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL

static const struct reward_model_type *const MODELS[] = {
#define REWARD_MODEL(id) &reward_model_##id,
#include "learner/reward/reward_models.def"
#undef REWARD_MODEL
};

int reward_model_count(void)
{
    return (int)(sizeof MODELS / sizeof *MODELS);
}

const struct reward_model_type *reward_model_at(int i)
{
    return i >= 0 && i < reward_model_count() ? MODELS[i] : NULL;
}

int reward_model_find(const char *name, const struct reward_model_type **out, struct onic_err *err)
{
    struct buf known;
    buf_init(&known, 512);
    *out = NULL;
    for (int i = 0; i < reward_model_count(); i++) {
        if (strcmp(MODELS[i]->name, name) == 0)
            *out = MODELS[i];
        buf_printf(&known, "%s%s", i ? ", " : "", MODELS[i]->name);
    }
    int rc = *out ? ONIC_OK
                  : err_set(err, ONIC_ECONFIG, "reward.model is \"%.64s\", must be one of: %s",
                            name, known.data);
    buf_release(&known);
    return rc;
}
