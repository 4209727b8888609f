/* SPDX-License-Identifier: MIT */
/* grid_small.c - MiniGrid's view: 7x7 cells of (object, colour, state), three small categories
 * each.
 *
 * look-ups -> hidden, ReLU -> dense hidden, ReLU. The first layer is a dense layer over the one-hot
 * image, computed as a sum of weight rows (gather_sum). Category 0 of every place has the row 0 by
 * definition and is not looked up: with one category per place always active, K rows and a bias can
 * express no more than K-1 rows and a bias. Most cells are unseen (0,0,0) or empty (1,0,0), so
 * about 60 of 147 look-ups remain.
 *
 * A category above the known ones (a newer package, a damaged frame) shares the row of the last
 * known one. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/policy/encoders/encoder.h"

extern const struct encoder_type encoder_grid_small;

enum { CHANNELS = 3, DIRECTIONS = 4 };
static const int categories[CHANNELS] = {11, 6, 4}; /* objects, colours, states */

struct grid {
    int cells, places; /* H W; 3 cells plus the direction */
    int hidden;
    size_t image_at, direction_at; /* bytes into an observation */
    bool has_direction;
    size_t table, b1, w2, b2; /* offsets into the parameters */
};

struct grid_cache {
    int32_t *idx, *count; /* [n, places], [n] */
    float *h1, *dh1;      /* [n, hidden] */
};

static int rows_per_cell(void)
{
    return categories[0] + categories[1] + categories[2] - CHANNELS; /* category 0 has no row */
}

static int grid_create(void **self, const struct policy_config *c, struct params *p,
                       struct onic_err *err)
{
    const struct obs_field *image = obs_spec_find(&c->obs, "image");
    const struct obs_field *direction = obs_spec_find(&c->obs, "direction");
    if (image->type != OBS_U8 || image->ndim != 3 || image->shape[2] != CHANNELS)
        return err_set(err, ONIC_ECONFIG,
                       "the network grid-small reads image as uint8[height,width,3], and this "
                       "environment's image is different; choose policy.net=mlp");
    struct grid *g = xcalloc(1, sizeof *g);
    g->cells = image->shape[0] * image->shape[1];
    g->hidden = c->hidden;
    g->image_at = image->offset;
    g->has_direction = direction && direction->type == OBS_U8;
    g->direction_at = g->has_direction ? direction->offset : 0;
    g->places = CHANNELS * g->cells + (g->has_direction ? 1 : 0);
    int rows = g->cells * rows_per_cell() + (g->has_direction ? DIRECTIONS - 1 : 0);
    /* about 40 % of the places are looked up: their sum gets variance 2, as He's rule wants before
     * a ReLU */
    g->table = params_add(p, "grid.table", rows, g->hidden, PARAM_NORMAL, 0.18f);
    g->b1 = params_add(p, "grid.b1", 1, g->hidden, PARAM_ZERO, 0);
    g->w2 = params_add(p, "grid.w2", g->hidden, g->hidden, PARAM_ORTHOGONAL, 1.41421356f);
    g->b2 = params_add(p, "grid.b2", 1, g->hidden, PARAM_ZERO, 0);
    *self = g;
    return ONIC_OK;
}

static int grid_width(const void *self)
{
    return ((const struct grid *)self)->hidden;
}

static double grid_macs(const void *self)
{
    const struct grid *g = self;
    return (double)g->hidden * (g->places * 0.4 + g->hidden);
}

static size_t grid_cache(const void *self, void *memory, int max_rows)
{
    const struct grid *g = self;
    size_t at = 0, rows = (size_t)max_rows;
    struct grid_cache *head = memory_cut(memory, &at, sizeof *head), c;
    c.idx = memory_cut(memory, &at, rows * (size_t)g->places * sizeof *c.idx);
    c.count = memory_cut(memory, &at, rows * sizeof *c.count);
    c.h1 = memory_cut(memory, &at, rows * (size_t)g->hidden * sizeof *c.h1);
    c.dh1 = memory_cut(memory, &at, rows * (size_t)g->hidden * sizeof *c.dh1);
    if (head)
        *head = c;
    return at;
}

/* The list of table rows of one observation. */
static int look_ups(const struct grid *g, const uint8_t *obs, int32_t *idx)
{
    const uint8_t *image = obs + g->image_at;
    int n = 0, base = 0;
    for (int cell = 0; cell < g->cells; cell++)
        for (int ch = 0; ch < CHANNELS; ch++) {
            int v = *image++, last = categories[ch] - 1;
            v = v < last ? v : last;
            idx[n] = base + v - 1;
            n += v > 0; /* keeps idx[n] or overwrites it: no branch to mispredict */
            base += last;
        }
    if (g->has_direction) {
        int v = obs[g->direction_at] % DIRECTIONS;
        idx[n] = base + v - 1;
        n += v > 0;
    }
    return n;
}

static void grid_forward(const void *self, void *cache, const float *params,
                         const uint8_t *const *rows, int n, float *out)
{
    const struct grid *g = self;
    const struct grid_cache *c = cache;
    for (int i = 0; i < n; i++)
        c->count[i] = look_ups(g, rows[i], c->idx + (size_t)i * (size_t)g->places);
    gather_sum_forward(c->h1, g->hidden, c->idx, c->count, g->places, params + g->table,
                       params + g->b1, n, g->hidden, ACT_RELU);
    dense_forward(out, g->hidden, c->h1, g->hidden, params + g->w2, params + g->b2, n, g->hidden,
                  g->hidden, ACT_RELU);
}

static void grid_backward(const void *self, void *cache, const float *params, const float *out,
                          float *dout, int n, float *grads)
{
    const struct grid *g = self;
    int h = g->hidden;
    const struct grid_cache *c = cache;
    dense_backward(c->dh1, h, grads + g->w2, grads + g->b2, dout, h, c->h1, h, out, h,
                   params + g->w2, n, h, h, ACT_RELU);
    gather_sum_backward(grads + g->table, grads + g->b1, c->dh1, h, c->h1, h, c->idx, c->count,
                        g->places, n, h, ACT_RELU);
}

const struct encoder_type encoder_grid_small = {
    .id = "grid-small",
    .help = "MiniGrid's 7x7 view: look-ups, two layers of 64",
    .fields = "image,?direction",
    .hidden = 64,
    .core_size = 64,
    .create = grid_create,
    .free = free,
    .width = grid_width,
    .macs = grid_macs,
    .cache = grid_cache,
    .forward = grid_forward,
    .backward = grid_backward,
};
