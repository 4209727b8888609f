/* SPDX-License-Identifier: MIT */
/* nethack.c - see nethack.h. */
#include "deploy/onnx/nethack.h"

#include "common/policy/encoders/nethack_compact/map_rows.h"
#include "common/policy/nethack_obs.h"

const char *nethack_stat(struct onnx_graph *g, const char *blstats, int place)
{
    return op_slice(g, blstats, 1, place, place + 1);
}

const char *nethack_crop(struct onnx_graph *g, const char *map, const char *x, const char *y,
                         const struct nethack_crop *c, const char **inside)
{
    enum { SIDE_MAX = 16 };
    int64_t dy[SIDE_MAX * SIDE_MAX], dx[SIDE_MAX * SIDE_MAX];
    int cells = c->side * c->side;
    ONIC_ASSERT(c->side <= SIDE_MAX);
    for (int i = 0; i < cells; i++) {
        dy[i] = i / c->side - c->row;
        dx[i] = i % c->side - c->col;
    }
    const char *row = op2(g, "Add", y, op_ints(g, cells, dy));
    const char *col = op2(g, "Add", x, op_ints(g, cells, dx));
    *inside = op2(g, "And", op_within(g, row, 0, NETHACK_ROWS - 1),
                  op_within(g, col, 0, NETHACK_COLS - 1));
    row = op_clip_int(g, row, 0, NETHACK_ROWS - 1);
    col = op_clip_int(g, col, 0, NETHACK_COLS - 1);
    return op_pick(g, map, op2(g, "Add", op2(g, "Mul", row, op_int(g, NETHACK_COLS)), col));
}

void nethack_hero(struct onnx_graph *g, const char *blstats, const char **x, const char **y,
                  const char **there)
{
    *x = nethack_stat(g, blstats, NETHACK_BL_X);
    *y = nethack_stat(g, blstats, NETHACK_BL_Y);
    *there =
        op2(g, "And", op_within(g, *x, 0, NETHACK_COLS - 1), op_within(g, *y, 0, NETHACK_ROWS - 1));
    *x = op_where(g, *there, *x, op_int(g, 0));
    *y = op_where(g, *there, *y, op_int(g, 0));
}

const char *nethack_status(struct onnx_graph *g, const char *blstats)
{
    int64_t ones[NETHACK_BLSTATS];
    float scale[NETHACK_BLSTATS]; /* 1 times the scale, which is at most 1 */
    for (int i = 0; i < NETHACK_BLSTATS; i++)
        ones[i] = 1;
    nethack_numbers(ones, scale);
    const char *v =
        op2(g, "Mul", op_cast(g, blstats, ONNX_FLOAT), op_floats(g, NETHACK_BLSTATS, scale));
    return op_clip(g, v, op_float(g, -5), op_float(g, 5));
}
