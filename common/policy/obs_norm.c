/* SPDX-License-Identifier: MIT */
/* obs_norm.c - see obs_norm.h. */
#include "common/policy/obs_norm.h"

int obs_norm_elements(const struct obs_spec *obs)
{
    int n = 0;
    for (int i = 0; i < obs->nfields; i++)
        n += obs->field[i].type == OBS_F32 ? obs_field_count(&obs->field[i]) : 0;
    return n;
}

struct obs_norm obs_norm_add(int count, struct params *p)
{
    struct obs_norm n = {.count = count};
    n.mean = params_add(p, "obs_norm.mean", 1, count, PARAM_ZERO, 0);
    n.scale = params_add(p, "obs_norm.scale", 1, count, PARAM_CONSTANT, 1.0f);
    return n;
}

struct obs_norm obs_norm_find(const struct params *p)
{
    const struct param *mean = params_find(p, "obs_norm.mean");
    const struct param *scale = params_find(p, "obs_norm.scale");
    return mean && scale ? (struct obs_norm){mean->cols, mean->offset, scale->offset}
                         : (struct obs_norm){0};
}
