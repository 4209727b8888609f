/* SPDX-License-Identifier: MIT */
/* plain_fields.c - see plain_fields.h. */
#include "common/policy/plain_fields.h"

#include <math.h>

#include "common/nn/kernels.h"

enum { CATEGORY_FIELD_MAX = 16 };

bool plain_fields_is_category(const struct obs_field *f)
{
    return f->type == OBS_U8 && obs_field_count(f) <= CATEGORY_FIELD_MAX;
}

static bool is_picture(const struct obs_field *f)
{
    return f->type == OBS_U8 && f->ndim == 3;
}

void plain_fields_add(struct plain_fields *p, const struct obs_field *f)
{
    p->field[p->count++] = *f;
    *(plain_fields_is_category(f) ? &p->places : &p->numbers) += obs_field_count(f);
}

static float plain_number(const struct obs_field *f, const uint8_t *obs, int i)
{
    double v = obs_value(f, obs, i);
    switch (f->type) {
    case OBS_I8:
        return (float)(v / 128.0);
    case OBS_F32:
        return isfinite(v) ? (float)fmax(-1000.0, fmin(1000.0, v)) : 0.0f;
    default:
        return (float)copysign(log1p(fabs(v)), v);
    }
}

static void read_normalised(const struct obs_field *f, const uint8_t *obs, const float *mean,
                            const float *scale, float *x)
{
    for (int i = 0; i < obs_field_count(f); i++)
        x[i] = obs_norm_apply((float)obs_value(f, obs, i), mean[i], scale[i]);
}

void plain_fields_read(const struct plain_fields *p, const float *params, const uint8_t *obs,
                       int32_t *idx, float *x)
{
    const float *mean = params + p->norm.mean, *scale = params + p->norm.scale;
    int place = 0;
    for (int k = 0; k < p->count; k++) {
        const struct obs_field *f = &p->field[k];
        int n = obs_field_count(f);
        if (plain_fields_is_category(f))
            for (int i = 0; i < n; i++, place++)
                *idx++ = place * PLAIN_CATEGORIES + obs[f->offset + (size_t)i];
        else if (is_picture(f)) {
            kernels()->u8_scale(x, obs + f->offset, 1.0f / 255.0f, (size_t)n);
            x += n;
        } else if (p->norm.count && f->type == OBS_F32) {
            read_normalised(f, obs, mean, scale, x);
            x += n;
            mean += n;
            scale += n;
        } else
            for (int i = 0; i < n; i++)
                *x++ = plain_number(f, obs, i);
    }
}
