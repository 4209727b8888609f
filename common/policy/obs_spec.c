/* SPDX-License-Identifier: MIT */
/* obs_spec.c - see obs_spec.h. */
#include "common/policy/obs_spec.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t bytes;
} types[] = {
    [OBS_U8] = {"uint8", 1},  [OBS_I8] = {"int8", 1},   [OBS_I16] = {"int16", 2},
    [OBS_I32] = {"int32", 4}, [OBS_I64] = {"int64", 8}, [OBS_F32] = {"float32", 4},
};

/* By the bits, which without the sign are in the order of the magnitudes: no branch per element. */
size_t obs_floats_beyond(const uint8_t *at, size_t n)
{
    const float most = OBS_FLOAT_MOST;
    uint32_t limit, any = 0, bits;
    memcpy(&limit, &most, sizeof limit);
    for (size_t i = 0; i < n; i++) {
        memcpy(&bits, at + i * sizeof bits, sizeof bits);
        any |= (uint32_t)((bits & 0x7fffffffU) > limit);
    }
    for (size_t i = 0; any && i < n; i++) {
        memcpy(&bits, at + i * sizeof bits, sizeof bits);
        if ((bits & 0x7fffffffU) > limit)
            return i;
    }
    return n;
}

size_t obs_type_bytes(enum obs_type t)
{
    return types[t].bytes;
}

const char *obs_type_name(enum obs_type t)
{
    return types[t].name;
}

int obs_field_count(const struct obs_field *f)
{
    int n = 1;
    for (int i = 0; i < f->ndim; i++)
        n *= f->shape[i];
    return n;
}

void obs_spec_add(struct obs_spec *s, const char *name, enum obs_type type, int ndim,
                  const int *shape)
{
    ONIC_ASSERT(s->nfields < OBS_FIELDS_MAX && ndim >= 1 && ndim <= OBS_DIMS_MAX);
    ONIC_ASSERT(strlen(name) < OBS_NAME_MAX && !obs_spec_find(s, name));
    struct obs_field *f = &s->field[s->nfields];
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->type = type;
    f->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        f->shape[i] = shape[i];
    size_t end = 0;
    if (s->nfields)
        end = s->field[s->nfields - 1].offset + s->field[s->nfields - 1].bytes;
    size_t align = types[type].bytes;
    f->offset = (end + align - 1) / align * align;
    f->bytes = (size_t)obs_field_count(f) * align;
    s->nfields++;
    s->obs_bytes = (f->offset + f->bytes + 7) / 8 * 8;
}

const struct obs_field *obs_spec_find(const struct obs_spec *s, const char *name)
{
    for (int i = 0; i < s->nfields; i++)
        if (strcmp(s->field[i].name, name) == 0)
            return &s->field[i];
    return NULL;
}

void obs_spec_text(const struct obs_spec *s, struct buf *out)
{
    for (int i = 0; i < s->nfields; i++) {
        const struct obs_field *f = &s->field[i];
        buf_printf(out, "%s%s %s[", i ? "; " : "", f->name, types[f->type].name);
        for (int d = 0; d < f->ndim; d++)
            buf_printf(out, "%s%d", d ? "," : "", f->shape[d]);
        buf_puts(out, "]");
    }
}

#define READ_AS(T)                                                                                 \
    for (size_t i = 0; i < count; i++) {                                                           \
        T v;                                                                                       \
        memcpy(&v, p + i * sizeof v, sizeof v);                                                    \
        out[i] = (double)v;                                                                        \
    }                                                                                              \
    break

/* `count` elements at p */
static void obs_spec_read_values(enum obs_type type, const uint8_t *p, size_t count, double *out)
{
    switch (type) {
    case OBS_U8:
        READ_AS(uint8_t);
    case OBS_I8:
        READ_AS(int8_t);
    case OBS_I16:
        READ_AS(int16_t);
    case OBS_I32:
        READ_AS(int32_t);
    case OBS_I64:
        READ_AS(int64_t);
    case OBS_F32:
        READ_AS(float);
    }
}

void obs_values(const struct obs_field *f, const uint8_t *obs, double *out)
{
    obs_spec_read_values(f->type, obs + f->offset, (size_t)obs_field_count(f), out);
}

double obs_value(const struct obs_field *f, const uint8_t *obs, int i)
{
    double v = 0;
    obs_spec_read_values(f->type, obs + f->offset + (size_t)i * obs_type_bytes(f->type), 1, &v);
    return v;
}
