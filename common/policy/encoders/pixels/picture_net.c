/* SPDX-License-Identifier: MIT */
/* picture_net.c - see picture_net.h. A block of pictures goes through all layers before the next,
 * so that its maps are still in the caches when the next layer reads them; pictures stay bytes
 * outside of a block. */
#include "common/policy/encoders/pixels/picture_net.h"

#include <stdio.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

/* --- layers ---------------------------------------------------------------------------------- */

/* The shape of the last map. */
static void last_shape(const struct picture_net *n, int *h, int *w, int *c)
{
    *h = n->H, *w = n->W, *c = n->C;
    if (n->count == 0)
        return;
    const struct conv2d *s = &n->layer[n->count - 1].conv;
    *h = conv2d_out_h(s), *w = conv2d_out_w(s), *c = s->N;
}

static void picture_add_layer(struct picture_net *n, int window, int stride, int pad, int channels,
                              float gain, struct params *p)
{
    char name[PARAM_NAME_MAX];
    int h, w, c;
    ONIC_ASSERT(n->count < PICTURE_LAYERS_MAX);
    last_shape(n, &h, &w, &c);
    struct picture_layer *l = &n->layer[n->count];
    l->conv = (struct conv2d){h, w, c, window, window, channels, stride, pad, ACT_RELU};
    snprintf(name, sizeof name, "pixels.conv%d_w", n->count);
    l->w = params_add(p, name, window * window * c, channels, PARAM_ORTHOGONAL, gain);
    snprintf(name, sizeof name, "pixels.conv%d_b", n->count);
    l->b = params_add(p, name, 1, channels, PARAM_ZERO, 0);
    n->count++;
}

/* The second convolution starts small, so that a new block does little more than pass on. */
static void add_block(struct picture_net *n, int channels, struct params *p)
{
    picture_add_layer(n, 3, 1, 1, channels, 1.41421356f, p);
    picture_add_layer(n, 3, 1, 1, channels, 0.5f, p);
    n->layer[n->count - 1].adds = true;
    n->layer[n->count - 1].conv.act = ACT_NONE;
}

static void add_residual(struct picture_net *n, int channels, struct params *p)
{
    enum { LAST_SIDE = 8, BLOCK_SIDE = 16 };
    int h = n->H, w = n->W, c;
    while (h > LAST_SIDE || w > LAST_SIDE) {
        bool last = h <= 2 * LAST_SIDE && w <= 2 * LAST_SIDE;
        int wide = last ? 2 * channels : channels;
        picture_add_layer(n, 3, 2, 1, wide, 1.41421356f, p);
        last_shape(n, &h, &w, &c);
        if (h <= BLOCK_SIDE && w <= BLOCK_SIDE)
            add_block(n, wide, p);
    }
}

int picture_net_make(struct picture_net *n, const struct policy_config *c, int H, int W, int C,
                     struct params *p, struct onic_err *err)
{
    enum { NATURE_SIDE_MIN = 36 };
    *n = (struct picture_net){.H = H, .W = W, .C = C};
    if (!c->pixels_nature) {
        add_residual(n, c->pixels_channels ? c->pixels_channels : POLICY_PIXELS_CHANNELS, p);
        return ONIC_OK;
    }
    if (H < NATURE_SIDE_MIN || W < NATURE_SIDE_MIN)
        return err_set(err, ONIC_ECONFIG,
                       "policy.pixels_layers=nature needs pictures of at least %dx%d, not %dx%d; "
                       "take policy.pixels_layers=residual",
                       NATURE_SIDE_MIN, NATURE_SIDE_MIN, H, W);
    picture_add_layer(n, 8, 4, 0, 32, 1.41421356f, p);
    picture_add_layer(n, 4, 2, 0, 64, 1.41421356f, p);
    picture_add_layer(n, 3, 1, 0, 64, 1.41421356f, p);
    return ONIC_OK;
}

size_t picture_net_floats(const struct picture_net *n, int map)
{
    if (map == 0)
        return (size_t)(n->H * n->W * n->C);
    const struct conv2d *s = &n->layer[map - 1].conv;
    return (size_t)(conv2d_out_h(s) * conv2d_out_w(s) * s->N);
}

double picture_net_macs(const struct picture_net *n)
{
    double sum = 0;
    for (int k = 0; k < n->count; k++) {
        const struct conv2d *s = &n->layer[k].conv;
        sum += (double)picture_net_floats(n, k + 1) * s->KH * s->KW * s->C;
    }
    return sum;
}

void picture_cache_cut(const struct picture_net *n, struct picture_cache *c, void *memory,
                       size_t *at, int M)
{
    size_t rows = (size_t)M, block = rows < PICTURE_BLOCK ? rows : PICTURE_BLOCK, scratch = 0;
    for (int k = 0; k <= n->count; k++) {
        size_t bytes = picture_net_floats(n, k) * sizeof(float);
        c->map[k] = memory_cut(memory, at, (k ? rows : block) * bytes);
        c->dmap[k] = k && k < n->count ? memory_cut(memory, at, block * bytes) : NULL;
        size_t need = k < n->count ? conv2d_scratch_floats(&n->layer[k].conv) : 0;
        scratch = need > scratch ? need : scratch;
    }
    c->scratch = memory_cut(memory, at, scratch * sizeof(float));
}

/* --- forward and backward -------------------------------------------------------------------- */

/* Map k of the block that begins with picture m; map 0 is there for one block at a time. */
static float *map_at(const struct picture_net *n, const struct picture_cache *c, int k, int m)
{
    return c->map[k] + (k ? (size_t)m * picture_net_floats(n, k) : 0);
}

static void picture_expand(const struct picture_net *n, const struct picture_cache *c,
                           const uint8_t *pixels, int m, int count)
{
    size_t floats = picture_net_floats(n, 0);
    kernels()->u8_scale(c->map[0], pixels + (size_t)m * floats, 1.0f / 255.0f,
                        (size_t)count * floats);
}

void picture_net_forward(const struct picture_net *n, const struct picture_cache *c,
                         const float *params, const uint8_t *pixels, int M)
{
    const struct kernels *ops = kernels();
    for (int m = 0; m < M; m += PICTURE_BLOCK) {
        int count = M - m < PICTURE_BLOCK ? M - m : PICTURE_BLOCK;
        picture_expand(n, c, pixels, m, count);
        for (int k = 0; k < n->count; k++) {
            const struct picture_layer *l = &n->layer[k];
            float *y = map_at(n, c, k + 1, m);
            conv2d_forward(y, map_at(n, c, k, m), params + l->w, params + l->b, &l->conv, count,
                           c->scratch);
            size_t floats = (size_t)count * picture_net_floats(n, k + 1);
            if (l->adds) {
                ops->axpy(y, map_at(n, c, k - 1, m), 1.0f, floats);
                ops->relu(y, y, floats);
            }
        }
    }
}

/* dy of map k + 1, which becomes the gradient of the convolution itself; dx of map k, NULL: not
 * wanted. */
static void layer_backward(const struct picture_net *n, const struct picture_cache *c,
                           const float *params, int k, int m, int count, float *dx, float *dy,
                           float *grads)
{
    const struct picture_layer *l = &n->layer[k];
    const float *y = map_at(n, c, k + 1, m);
    if (l->adds)
        kernels()->act_backward(dy, 1, y, 1, 1, count * (int)picture_net_floats(n, k + 1),
                                ACT_RELU);
    conv2d_backward(dx, grads + l->w, grads + l->b, dy, map_at(n, c, k, m), y, params + l->w,
                    &l->conv, count, c->scratch);
}

void picture_net_backward(const struct picture_net *n, const struct picture_cache *c,
                          const float *params, const uint8_t *pixels, float *dlast, int M,
                          float *grads)
{
    for (int m = 0; m < M; m += PICTURE_BLOCK) {
        int count = M - m < PICTURE_BLOCK ? M - m : PICTURE_BLOCK;
        float *d[PICTURE_LAYERS_MAX + 1];
        memcpy(d, c->dmap, sizeof d);
        d[n->count] = dlast + (size_t)m * picture_net_floats(n, n->count);
        picture_expand(n, c, pixels, m, count);
        for (int k = n->count - 1; k >= 0; k--) {
            layer_backward(n, c, params, k, m, count, d[k], d[k + 1], grads);
            if (k + 1 < n->count && n->layer[k + 1].adds) /* the way around the block */
                kernels()->axpy(d[k], d[k + 2], 1.0f, (size_t)count * picture_net_floats(n, k));
        }
    }
}
