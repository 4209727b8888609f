/* SPDX-License-Identifier: MIT */
/* none.c - no intrinsic reward: the environment's own reward alone, the baseline every other model
 * is compared with. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "learner/reward/reward_model.h"

struct reward_model {
    uint64_t version; /* never changes: scores are constant */
};

static int none_create(struct reward_model **out, const struct config *cfg,
                       const struct obs_spec *obs, struct onic_err *err)
{
    (void)cfg;
    (void)obs;
    (void)err;
    *out = xcalloc(1, sizeof **out);
    return ONIC_OK;
}

static void none_free(struct reward_model *m)
{
    free(m);
}

static uint64_t none_version(const struct reward_model *m)
{
    return m->version;
}

static void none_score(struct reward_model *m, const struct reward_batch *b, float *out)
{
    (void)m;
    memset(out, 0, (size_t)b->n * sizeof *out);
}

static void none_save(const struct reward_model *m, struct buf *out)
{
    (void)m;
    (void)out; /* no state: an empty section */
}

static int none_load(struct reward_model *m, const void *data, size_t len, struct onic_err *err)
{
    (void)m;
    (void)data;
    return len ? err_set(err, ONIC_EDAMAGED,
                         "the state of reward model none has %zu bytes, must be empty", len)
               : ONIC_OK;
}

const struct reward_model_type reward_model_none = {
    .name = "none",
    .summary = "no intrinsic reward",
    .traits = {.pays_nothing = true},
    .create = none_create,
    .free = none_free,
    .version = none_version,
    .score = none_score,
    .save = none_save,
    .load = none_load,
};
