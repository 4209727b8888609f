/* SPDX-License-Identifier: MIT */
/* mlp.c - any observation of numbers: two dense layers. What a new environment uses until it has
 * its own network. How a value becomes a number: plain_fields.h. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/plain_fields.h"

extern const struct encoder_type encoder_mlp;

struct mlp {
    struct plain_fields in;
    int hidden;
    size_t table, w1, b1, w2, b2; /* offsets into the parameters */
};

struct mlp_cache {
    int32_t *idx, *count; /* [n, places], [n] */
    float *x;             /* [n, numbers] */
    float *h1, *dh1;      /* [n, hidden] */
};

static int mlp_create(void **self, const struct policy_config *c, struct params *p,
                      struct onic_err *err)
{
    if (c->obs.nfields == 0)
        return err_set(
            err, ONIC_ECONFIG,
            "the network mlp needs at least one observation field; name some in env.obs");
    struct mlp *m = xcalloc(1, sizeof *m);
    m->hidden = c->hidden;
    for (int i = 0; i < c->obs.nfields; i++)
        plain_fields_add(&m->in, &c->obs.field[i]);
    if (c->obs_norm)
        m->in.norm = obs_norm_add(obs_norm_elements(&c->obs), p);
    if (m->in.places) {
        float sd = (float)sqrt(2.0 / m->in.places);
        m->table = params_add(p, "mlp.table", m->in.places * PLAIN_CATEGORIES, m->hidden,
                              PARAM_NORMAL, sd);
    }
    if (m->in.numbers)
        m->w1 = params_add(p, "mlp.w1", m->in.numbers, m->hidden, PARAM_ORTHOGONAL, 1.41421356f);
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
    return (double)m->hidden * (m->in.places + m->in.numbers + m->hidden);
}

static size_t mlp_cache(const void *self, void *memory, int max_rows)
{
    const struct mlp *m = self;
    size_t at = 0, rows = (size_t)max_rows;
    struct mlp_cache *head = memory_cut(memory, &at, sizeof *head), c;
    c.idx = memory_cut(memory, &at, rows * (size_t)m->in.places * sizeof *c.idx);
    c.count = memory_cut(memory, &at, rows * sizeof *c.count);
    c.x = memory_cut(memory, &at, rows * (size_t)m->in.numbers * sizeof *c.x);
    c.h1 = memory_cut(memory, &at, rows * (size_t)m->hidden * sizeof *c.h1);
    c.dh1 = memory_cut(memory, &at, rows * (size_t)m->hidden * sizeof *c.dh1);
    if (head)
        *head = c;
    return at;
}

static void mlp_forward(const void *self, void *cache, const float *params,
                        const uint8_t *const *rows, int n, float *out)
{
    const struct mlp *m = self;
    const struct mlp_cache *c = cache;
    int h = m->hidden;
    for (int i = 0; i < n; i++) {
        c->count[i] = m->in.places;
        plain_fields_read(&m->in, params, rows[i], c->idx + (size_t)i * (size_t)m->in.places,
                          c->x + (size_t)i * (size_t)m->in.numbers);
    }
    /* numbers first, then the looked-up rows on top; the bias comes with whichever runs last */
    if (m->in.numbers)
        dense_forward(c->h1, h, c->x, m->in.numbers, params + m->w1,
                      m->in.places ? NULL : params + m->b1, n, m->in.numbers, h,
                      m->in.places ? ACT_NONE : ACT_RELU);
    const struct kernels *k = kernels();
    for (int i = 0; m->in.places && i < n; i++) {
        float *y = c->h1 + (size_t)i * (size_t)h;
        k->gather_sum(y, m->in.numbers ? y : NULL, params + m->table,
                      c->idx + (size_t)i * (size_t)m->in.places, m->in.places, h);
    }
    if (m->in.places)
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
    if (m->in.places)
        gather_sum_backward(grads + m->table, grads + m->b1, c->dh1, h, c->h1, h, c->idx, c->count,
                            m->in.places, n, h, ACT_RELU);
    if (m->in.numbers) /* the derivative of ReLU taken twice is taken once */
        dense_backward(NULL, 0, grads + m->w1, m->in.places ? NULL : grads + m->b1, c->dh1, h, c->x,
                       m->in.numbers, c->h1, h, params + m->w1, n, m->in.numbers, h, ACT_RELU);
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
