/* SPDX-License-Identifier: MIT */
/* pixels.c - observations with pictures: convolutions (picture_net.h), and a dense layer that reads
 * the last map and whatever else is observed. README.md says which layers, and why.
 * Which fields are pictures: picture_fields.h; everything else is read as by the network mlp
 * (plain_fields.h). Pictures are bytes up to the block of them that is being computed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/policy/encoders/encoder.h"
#include "common/policy/encoders/pixels/picture_fields.h"
#include "common/policy/encoders/pixels/picture_net.h"

extern const struct encoder_type encoder_pixels;

struct pixels_net {
    int hidden;
    struct picture_fields in;
    struct picture_net net;
    size_t flat;                       /* floats of the last map */
    size_t fc_w, fc_b, numbers, table; /* offsets into the parameters */
};

struct pixels_cache {
    struct picture_cache net;
    uint8_t *pictures;    /* [n, H*W*C], channels last */
    float *dflat;         /* [n, flat] */
    int32_t *idx, *count; /* [n, places], [n] */
    float *x;             /* [n, numbers] */
};

/* --- parameters and memory ------------------------------------------------------------------- */

static int pixels_create(void **self, const struct policy_config *c, struct params *p,
                         struct onic_err *err)
{
    struct pixels_net *e = *self = xcalloc(1, sizeof *e);
    e->hidden = c->hidden;
    int rc = picture_fields_find(&e->in, &c->obs, err);
    if (!rc)
        rc = picture_net_make(&e->net, c, e->in.H, e->in.W, e->in.C, p, err);
    if (rc)
        return rc;
    const float gain = 1.41421356f;
    e->flat = picture_net_floats(&e->net, e->net.count);
    if (c->obs_norm)
        e->in.plain.norm = obs_norm_add(obs_norm_elements(&c->obs), p);
    e->fc_w = params_add(p, "pixels.fc_w", (int)e->flat, e->hidden, PARAM_ORTHOGONAL, gain);
    e->fc_b = params_add(p, "pixels.fc_b", 1, e->hidden, PARAM_ZERO, 0);
    if (e->in.plain.numbers)
        e->numbers =
            params_add(p, "pixels.numbers", e->in.plain.numbers, e->hidden, PARAM_ORTHOGONAL, gain);
    if (e->in.plain.places)
        e->table = params_add(p, "pixels.table", e->in.plain.places * PLAIN_CATEGORIES, e->hidden,
                              PARAM_NORMAL, sqrtf(2.0f / (float)e->in.plain.places));
    return ONIC_OK;
}

static int pixels_width(const void *self)
{
    return ((const struct pixels_net *)self)->hidden;
}

static double pixels_macs(const void *self)
{
    const struct pixels_net *e = self;
    double dense = (double)e->flat + e->in.plain.numbers + e->in.plain.places;
    return picture_net_macs(&e->net) + dense * e->hidden;
}

static size_t pixels_cache(const void *self, void *memory, int max_rows)
{
    const struct pixels_net *e = self;
    size_t at = 0, rows = (size_t)max_rows;
    struct pixels_cache *head = memory_cut(memory, &at, sizeof *head), c;
    picture_cache_cut(&e->net, &c.net, memory, &at, max_rows);
    c.pictures = memory_cut(memory, &at, rows * picture_net_floats(&e->net, 0));
    c.dflat = memory_cut(memory, &at, rows * e->flat * sizeof *c.dflat);
    c.idx = memory_cut(memory, &at, rows * (size_t)e->in.plain.places * sizeof *c.idx);
    c.count = memory_cut(memory, &at, rows * sizeof *c.count);
    c.x = memory_cut(memory, &at, rows * (size_t)e->in.plain.numbers * sizeof *c.x);
    if (head)
        *head = c;
    return at;
}

/* --- forward and backward -------------------------------------------------------------------- */

/* `first`: the plane's first channel among the C of the picture. */
static void read_plane(const struct obs_picture *p, const uint8_t *obs, int first, int C,
                       uint8_t *out)
{
    const uint8_t *from = obs + p->at;
    int pixels = p->H * p->W;
    if (p->C == C && p->channel == 1) {
        memcpy(out, from, (size_t)(pixels * C));
        return;
    }
    for (int i = 0; i < pixels; i++)
        for (int k = 0; k < p->C; k++)
            out[i * C + first + k] = from[i * p->pixel + k * p->channel];
}

static void pixels_forward(const void *self, void *cache, const float *params,
                           const uint8_t *const *rows, int n, float *out)
{
    const struct pixels_net *e = self;
    const struct pixels_cache *c = cache;
    const struct kernels *k = kernels();
    size_t bytes = picture_net_floats(&e->net, 0);
    int h = e->hidden, places = e->in.plain.places, numbers = e->in.plain.numbers,
        flat = (int)e->flat;
    for (int i = 0; i < n; i++) {
        for (int p = 0, first = 0; p < e->in.count; first += e->in.plane[p++].C)
            read_plane(&e->in.plane[p], rows[i], first, e->net.C, c->pictures + (size_t)i * bytes);
        c->count[i] = places;
        plain_fields_read(&e->in.plain, params, rows[i], c->idx + (size_t)i * (size_t)places,
                          c->x + (size_t)i * (size_t)numbers);
    }
    picture_net_forward(&e->net, &c->net, params, c->pictures, n);
    blas_nn(out, h, c->net.map[e->net.count], flat, params + e->fc_w, h, n, h, flat, 0.0f);
    if (numbers)
        blas_nn(out, h, c->x, numbers, params + e->numbers, h, n, h, numbers, 1.0f);
    for (int i = 0; places && i < n; i++) {
        float *y = out + (size_t)i * (size_t)h;
        k->gather_sum(y, y, params + e->table, c->idx + (size_t)i * (size_t)places, places, h);
    }
    k->bias_act(out, h, params + e->fc_b, n, h, ACT_RELU);
}

static void pixels_backward(const void *self, void *cache, const float *params, const float *out,
                            float *dout, int n, float *grads)
{
    const struct pixels_net *e = self;
    const struct pixels_cache *c = cache;
    int h = e->hidden, places = e->in.plain.places, numbers = e->in.plain.numbers,
        flat = (int)e->flat;
    dense_backward(c->dflat, flat, grads + e->fc_w, grads + e->fc_b, dout, h,
                   c->net.map[e->net.count], flat, out, h, params + e->fc_w, n, flat, h, ACT_RELU);
    if (numbers)
        blas_tn(grads + e->numbers, h, c->x, numbers, dout, h, numbers, h, n, 1.0f);
    for (int i = 0; places && i < n; i++)
        kernels()->scatter_add(grads + e->table, dout + (size_t)i * (size_t)h,
                               c->idx + (size_t)i * (size_t)places, places, h);
    picture_net_backward(&e->net, &c->net, params, c->pictures, c->dflat, n, grads);
}

const struct encoder_type encoder_pixels = {
    .id = "pixels",
    .help = "observations with pictures: small residual convolutions, 256 wide",
    .fields = "*",
    .has_pictures = true,
    .takes_obs_norm = true,
    .hidden = 256,
    .core_size = 256,
    .create = pixels_create,
    .free = free,
    .width = pixels_width,
    .macs = pixels_macs,
    .cache = pixels_cache,
    .forward = pixels_forward,
    .backward = pixels_backward,
};
