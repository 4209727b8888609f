/* SPDX-License-Identifier: MIT */
/* grid_small.c - the network grid-small: a row of a table for each (place, category). Category 0,
 * which has no row in the checkpoint, gets one of zeros here, so that nothing is left out. */
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "deploy/onnx/net.h"

extern const struct onnx_encoder onnx_encoder_grid_small;

enum { CHANNELS = 3, DIRECTIONS = 4 };
static const int categories[CHANNELS] = {11, 6, 4}; /* as in common/policy/encoders/grid_small */

struct grid_places {
    int cells, count;     /* places: 3 of a cell, then the direction */
    int64_t *base, *last; /* [count] first row of the place, its largest category */
    int64_t rows;
};

static struct grid_places grid_places(int cells, bool direction)
{
    struct grid_places p = {.cells = cells, .count = CHANNELS * cells + direction};
    p.base = xcalloc((size_t)p.count, sizeof *p.base);
    p.last = xcalloc((size_t)p.count, sizeof *p.last);
    for (int i = 0; i < p.count; i++) {
        int of = i < CHANNELS * cells ? categories[i % CHANNELS] : DIRECTIONS;
        p.base[i] = p.rows;
        p.last[i] = of - 1;
        p.rows += of;
    }
    return p;
}

static const char *grid_table(const struct onnx_net *n, const struct grid_places *p)
{
    size_t H = (size_t)net_param(n, "grid.table")->cols;
    const float *from = net_values(n, "grid.table");
    float *table = xcalloc((size_t)p->rows * H, sizeof *table);
    for (int i = 0; i < p->count; i++) {
        size_t floats = (size_t)p->last[i] * H;
        memcpy(table + ((size_t)p->base[i] + 1) * H, from, floats * sizeof *table);
        from += floats;
    }
    const char *made = onnx_tensor(n->g, "grid.table/with_0", ONNX_FLOAT, 2,
                                   (const int64_t[]){p->rows, (int64_t)H}, table);
    free(table);
    return made;
}

static const char *emit_grid_small(const struct onnx_net *n)
{
    const struct obs_spec *obs = &policy_config(n->policy)->obs;
    const struct obs_field *image = obs_spec_find(obs, "image");
    const struct obs_field *direction = obs_spec_find(obs, "direction");
    bool has_direction = direction && direction->type == OBS_U8;
    struct grid_places p = grid_places(image->shape[0] * image->shape[1], has_direction);
    struct onnx_graph *g = n->g;
    const char *part[2] = {net_field_ints(n, "image")};
    part[0] = op2(g, "Min", part[0], op_ints(g, CHANNELS * p.cells, p.last));
    if (has_direction) {
        part[1] = op_slice(g, net_field_ints(n, "direction"), 1, 0, 1);
        part[1] = op2(g, "Mod", part[1], op_int(g, DIRECTIONS));
    }
    const char *rows = op_concat(g, has_direction ? 2 : 1, part, 1);
    rows = op2(g, "Add", rows, op_ints(g, p.count, p.base));
    const char *x = net_gather_sum(n, grid_table(n, &p), rows, "grid.b1", "Relu");
    free(p.base);
    free(p.last);
    return net_dense(n, x, "grid.w2", "grid.b2", "Relu");
}

const struct onnx_encoder onnx_encoder_grid_small = {"grid-small", emit_grid_small};
