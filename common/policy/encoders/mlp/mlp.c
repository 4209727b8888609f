/* SPDX-License-Identifier: MIT */
/* mlp.c - any observation of numbers: two dense layers. What a new environment uses until it has
 * its own network.
 *
 * How a value becomes a number (stated here because it is part of the network):
 *   uint8, field of at most 16 elements   a category: one weight row per value, looked up
 *   uint8, longer, three dimensions       v / 255: a picture
 *   int8                                  v / 128
 *   other whole numbers                   sign(v) log(1 + |v|): counts, flags, codes of characters
 *   float32                               v, limited to +-1000; not finite: 0; with
 *                                         policy.obs_norm in units of its deviation (obs_norm.h)
 *
 * Short byte fields are categories because a position, a direction or a switch says nothing by its
 * size, and 2/255 against 1/255 is not a difference a network learns quickly. Nor is a one-hot
 * vector of 30 bytes, whose 1 would be 0.004: only what has the shape of a picture is one. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/obs_norm.h"

extern const struct encoder_type encoder_mlp;

enum { CATEGORY_FIELD_MAX = 16, CATEGORIES = 256 };

struct mlp {
    struct obs_spec obs;
    int places;  /* elements looked up */
    int numbers; /* elements that are numbers */
    int hidden;
    struct obs_norm norm;
    size_t table, w1, b1, w2, b2; /* offsets into the parameters */
};

struct mlp_cache {
    int32_t *idx, *count; /* [n, places], [n] */
    float *x;             /* [n, numbers] */
    float *h1, *dh1;      /* [n, hidden] */
};

static bool is_category(const struct obs_field *f)
{
    return f->type == OBS_U8 && obs_field_count(f) <= CATEGORY_FIELD_MAX;
}

static bool is_picture(const struct obs_field *f)
{
    return f->type == OBS_U8 && f->ndim == 3;
}

static int mlp_create(void **self, const struct policy_config *c, struct params *p,
                      struct onic_err *err)
{
    if (c->obs.nfields == 0)
        return err_set(
            err, ONIC_ECONFIG,
            "the network mlp needs at least one observation field; name some in env.obs");
    struct mlp *m = xcalloc(1, sizeof *m);
    m->obs = c->obs;
    m->hidden = c->hidden;
    for (int i = 0; i < c->obs.nfields; i++)
        *(is_category(&c->obs.field[i]) ? &m->places : &m->numbers) +=
            obs_field_count(&c->obs.field[i]);
    if (c->obs_norm)
        m->norm = obs_norm_add(obs_norm_elements(&c->obs), p);
    if (m->places) {
        float sd = (float)sqrt(2.0 / m->places);
        m->table = params_add(p, "mlp.table", m->places * CATEGORIES, m->hidden, PARAM_NORMAL, sd);
    }
    if (m->numbers)
        m->w1 = params_add(p, "mlp.w1", m->numbers, m->hidden, PARAM_ORTHOGONAL, 1.41421356f);
    m->b1 = params_add(p, "mlp.b1", 1, m->hidden, PARAM_ZERO, 0);
    m->w2 = params_add(p, "mlp.w2", m->hidden, m->hidden, PARAM_ORTHOGONAL, 1.41421356f);
    m->b2 = params_add(p, "mlp.b2", 1, m->hidden, PARAM_ZERO, 0);
    *self = m;
    return ONIC_OK;
}

static int mlp_width(const void *self)
{
    return ((const struct mlp *)self)->hidden;
}

static double mlp_macs(const void *self)
{
    const struct mlp *m = self;
    return (double)m->hidden * (m->places + m->numbers + m->hidden);
}

static size_t mlp_cache(const void *self, void *memory, int max_rows)
{
    const struct mlp *m = self;
    size_t at = 0, rows = (size_t)max_rows;
    struct mlp_cache *head = memory_cut(memory, &at, sizeof *head), c;
    c.idx = memory_cut(memory, &at, rows * (size_t)m->places * sizeof *c.idx);
    c.count = memory_cut(memory, &at, rows * sizeof *c.count);
    c.x = memory_cut(memory, &at, rows * (size_t)m->numbers * sizeof *c.x);
    c.h1 = memory_cut(memory, &at, rows * (size_t)m->hidden * sizeof *c.h1);
    c.dh1 = memory_cut(memory, &at, rows * (size_t)m->hidden * sizeof *c.dh1);
    if (head)
        *head = c;
    return at;
}

static float mlp_number(const struct obs_field *f, const uint8_t *obs, int i)
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

static void mlp_read_row(const struct mlp *m, const float *params, const uint8_t *obs, int32_t *idx,
                         float *x)
{
    const float *mean = params + m->norm.mean, *scale = params + m->norm.scale;
    int place = 0;
    for (int k = 0; k < m->obs.nfields; k++) {
        const struct obs_field *f = &m->obs.field[k];
        int n = obs_field_count(f);
        if (is_category(f))
            for (int i = 0; i < n; i++, place++)
                *idx++ = place * CATEGORIES + obs[f->offset + (size_t)i];
        else if (is_picture(f)) {
            kernels()->u8_scale(x, obs + f->offset, 1.0f / 255.0f, (size_t)n);
            x += n;
        } else if (m->norm.count && f->type == OBS_F32) {
            read_normalised(f, obs, mean, scale, x);
            x += n;
            mean += n;
            scale += n;
        } else
            for (int i = 0; i < n; i++)
                *x++ = mlp_number(f, obs, i);
    }
}

static void mlp_forward(const void *self, void *cache, const float *params,
                        const uint8_t *const *rows, int n, float *out)
{
    const struct mlp *m = self;
    const struct mlp_cache *c = cache;
    int h = m->hidden;
    for (int i = 0; i < n; i++) {
        c->count[i] = m->places;
        mlp_read_row(m, params, rows[i], c->idx + (size_t)i * (size_t)m->places,
                     c->x + (size_t)i * (size_t)m->numbers);
    }
    /* numbers first, then the looked-up rows on top; the bias comes with whichever runs last */
    if (m->numbers)
        dense_forward(c->h1, h, c->x, m->numbers, params + m->w1, m->places ? NULL : params + m->b1,
                      n, m->numbers, h, m->places ? ACT_NONE : ACT_RELU);
    const struct kernels *k = kernels();
    for (int i = 0; m->places && i < n; i++) {
        float *y = c->h1 + (size_t)i * (size_t)h;
        k->gather_sum(y, m->numbers ? y : NULL, params + m->table,
                      c->idx + (size_t)i * (size_t)m->places, m->places, h);
    }
    if (m->places)
        k->bias_act(c->h1, h, params + m->b1, n, h, ACT_RELU);
    dense_forward(out, h, c->h1, h, params + m->w2, params + m->b2, n, h, h, ACT_RELU);
}

static void mlp_backward(const void *self, void *cache, const float *params, const float *out,
                         float *dout, int n, float *grads)
{
    const struct mlp *m = self;
    const struct mlp_cache *c = cache;
    int h = m->hidden;
    dense_backward(c->dh1, h, grads + m->w2, grads + m->b2, dout, h, c->h1, h, out, h,
                   params + m->w2, n, h, h, ACT_RELU);
    if (m->places)
        gather_sum_backward(grads + m->table, grads + m->b1, c->dh1, h, c->h1, h, c->idx, c->count,
                            m->places, n, h, ACT_RELU);
    if (m->numbers) /* the derivative of ReLU taken twice is taken once */
        dense_backward(NULL, 0, grads + m->w1, m->places ? NULL : grads + m->b1, c->dh1, h, c->x,
                       m->numbers, c->h1, h, params + m->w1, n, m->numbers, h, ACT_RELU);
}

const struct encoder_type encoder_mlp = {
    .id = "mlp",
    .help = "any observation: two dense layers of 64",
    .fields = "*",
    .takes_obs_norm = true,
    .hidden = 64,
    .core_size = 64,
    .create = mlp_create,
    .free = free,
    .width = mlp_width,
    .macs = mlp_macs,
    .cache = mlp_cache,
    .forward = mlp_forward,
    .backward = mlp_backward,
};
