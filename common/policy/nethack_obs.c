/* SPDX-License-Identifier: MIT */
/* nethack_obs.c - see nethack_obs.h. */
#include "common/policy/nethack_obs.h"

int nethack_field(size_t *offset, const struct obs_spec *obs, const char *net, const char *name,
                  enum obs_type type, int count, struct onic_err *err)
{
    const struct obs_field *f = obs_spec_find(obs, name);
    *offset = f->offset;
    if (f->type == type && obs_field_count(f) == count)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "the network %s reads %s as %d values %s, and this environment's are %d %s; "
                   "choose policy.net=mlp",
                   net, name, count, obs_type_name(type), obs_field_count(f),
                   obs_type_name(f->type));
}

void nethack_numbers(const int64_t *blstats, float *out)
{
    static const float scale[NETHACK_BLSTATS] = {
        1.0f / 79, 1.0f / 21, 0,           0.1f, 0.1f,        0.1f, 0.1f, 0.1f, 0.1f,
        0,         0.1f,      0.1f,        0,    1.0f / 1000, 0.1f, 0.1f, 0.1f, 0,
        0.1f,      0.01f,     1.0f / 1000, 1.0f, 0.1f,        0,    0,    0,    0};
    for (int i = 0; i < NETHACK_BLSTATS; i++) {
        float v = (float)blstats[i] * scale[i];
        out[i] = v < -5.0f ? -5.0f : v > 5.0f ? 5.0f : v;
    }
}
