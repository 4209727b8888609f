/* SPDX-License-Identifier: MIT */
/* nethack_map.c - the facts about a level and its status line (map_features.h) as rows of their
 * table.
 *
 * What C does in one pass over the cells is done for all cells and classes side by side. The
 * nearest thing of a class is the smallest key of its cells, and a key is (distance, place in the
 * map, direction): of equal distances the first cell wins, as there. A fact that does not hold
 * points at the row of zeros behind the table. */
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/encoders/nethack_compact/map_rows.h"
#include "deploy/onnx/nethack.h"

enum { PLACES = 2048, KEY_DIRECTIONS = MAP_DIRECTIONS, FAR_AWAY = 1 << 30 };
_Static_assert(PLACES >= (int)NETHACK_CELLS, "a key holds any place");

/* Rows of the table, and whether they count. */
struct facts {
    int n;
    const char *rows[12]; /* int64 [B, k] */
};

static void add_fact(struct onnx_graph *g, struct facts *f, const char *holds, const char *row)
{
    f->rows[f->n++] = holds ? op_where(g, holds, row, op_int(g, MAP_ROW_COUNT)) : row;
}

/* 0 for v <= 1, 1 for 2, 2 for 3 and 4, ...; at most last. v int64 [B, k] */
static const char *doubling(struct onnx_graph *g, const char *v, int last)
{
    int64_t power[16];
    for (int b = 0; b < last; b++)
        power[b] = (int64_t)1 << b;
    const char *more = op2(g, "Greater", op_unsqueeze(g, v, 2), op_ints(g, last, power));
    return op_sum(g, op_cast(g, more, ONNX_INT64), 2);
}

/* x == each of 0+first .. n-1+first: bool [B, n, cells] */
static const char *each_of(struct onnx_graph *g, const char *x, int first, int n)
{
    const char *all = op_reshape(g, op_range(g, first, 1, n), 3, (const int64_t[]){1, n, 1});
    return op2(g, "Equal", op_unsqueeze(g, x, 1), all);
}

static const char *tally(struct onnx_graph *g, const char *which)
{
    return op_sum(g, op_cast(g, which, ONNX_INT64), 2);
}

/* Cells relative to the hero. */
struct surroundings {
    const char *distance, *direction; /* int64 [B, cells] */
    const char *counted;              /* bool: explored, on the map, not the hero's own */
};

static const char *sign_and_one(struct onnx_graph *g, const char *x)
{
    return op2(g, "Add", op1(g, "Sign", x), op_int(g, 1));
}

static struct surroundings map_look_around(struct onnx_graph *g, const char *glyphs, const char *x,
                                           const char *y)
{
    int64_t row[NETHACK_CELLS], col[NETHACK_CELLS];
    struct surroundings s;
    for (int i = 0; i < NETHACK_CELLS; i++) {
        row[i] = i / NETHACK_COLS;
        col[i] = i % NETHACK_COLS;
    }
    const char *dx = op2(g, "Sub", op_ints(g, NETHACK_CELLS, col), x);
    const char *dy = op2(g, "Sub", op_ints(g, NETHACK_CELLS, row), y);
    s.distance = op2(g, "Max", op1(g, "Abs", dx), op1(g, "Abs", dy));
    const char *k = op2(g, "Mul", sign_and_one(g, dy), op_int(g, 3));
    k = op2(g, "Add", k, sign_and_one(g, dx)); /* 0..8, 4 = here */
    const char *behind = op_cast(g, op2(g, "Greater", k, op_int(g, 4)), ONNX_INT64);
    s.direction = op2(g, "Sub", k, behind);
    const char *unknown = op2(g, "Or", op2(g, "Equal", glyphs, op_int(g, MAP_UNEXPLORED)),
                              op2(g, "Equal", glyphs, op_int(g, MAP_PAD)));
    unknown = op2(g, "Or", unknown, op2(g, "Equal", s.distance, op_int(g, 0)));
    s.counted = op1(g, "Not", unknown);
    return s;
}

/* For each class: where the nearest is, and how many there are. */
static void class_facts(struct onnx_graph *g, struct facts *f, const struct surroundings *s,
                        const char *glyphs)
{
    int64_t *class = xcalloc(MAP_GLYPHS, sizeof *class);
    for (int i = 0; i < MAP_GLYPHS; i++)
        class[i] = map_class(i);
    const char *kind = op_gather(g, op_ints(g, MAP_GLYPHS, class), glyphs, 0);
    free(class);
    kind = op_where(g, s->counted, kind, op_int(g, 0));
    const char *is = each_of(g, kind, 1, MAP_CLASSES);
    const char *key = op2(g, "Mul", s->distance, op_int(g, PLACES));
    key = op2(g, "Add", key, op_range(g, 0, 1, NETHACK_CELLS));
    key = op2(g, "Add", op2(g, "Mul", key, op_int(g, KEY_DIRECTIONS)), s->direction);
    key = op_where(g, is, op_unsqueeze(g, key, 1), op_int(g, FAR_AWAY));
    key = op_smallest(g, key, 2); /* [B, classes] */
    const char *count = tally(g, is), *any = op2(g, "Greater", count, op_int(g, 0));
    const char *distance = op2(g, "Div", key, op_int(g, PLACES * KEY_DIRECTIONS));
    const char *row = op2(g, "Mod", key, op_int(g, KEY_DIRECTIONS));
    row = op2(g, "Mul", row, op_int(g, MAP_DISTANCES));
    row = op2(g, "Add", row, doubling(g, distance, MAP_DISTANCES - 1));
    row = op2(g, "Add", row, op_range(g, 0, MAP_PER_CLASS, MAP_CLASSES));
    add_fact(g, f, any, row);
    row = op2(g, "Add", doubling(g, count, MAP_COUNTS - 1),
              op_range(g, (int64_t)MAP_DIRECTIONS * MAP_DISTANCES, MAP_PER_CLASS, MAP_CLASSES));
    add_fact(g, f, any, row);
}

static const char *at_least(struct onnx_graph *g, const char *x, int64_t v)
{
    return op_cast(g, op2(g, "GreaterOrEqual", x, op_int(g, v)), ONNX_INT64);
}

/* How much is known in each direction, near, further and far. */
static void region_facts(struct onnx_graph *g, struct facts *f, const struct surroundings *s)
{
    const char *band = op2(g, "Add", at_least(g, s->distance, 5), at_least(g, s->distance, 17));
    const char *region = op2(g, "Mul", s->direction, op_int(g, MAP_BANDS));
    region = op2(g, "Add", region, band);
    region = op_where(g, s->counted, region, op_int(g, -1));
    const char *cells = tally(g, each_of(g, region, 0, MAP_REGIONS));
    const char *level = op2(g, "Add", at_least(g, cells, 4), at_least(g, cells, 16));
    add_fact(g, f, op2(g, "Greater", cells, op_int(g, 0)),
             op2(g, "Add", level, op_range(g, MAP_ROW_REGION, MAP_LEVELS, MAP_REGIONS)));
}

static void stat_fact(struct onnx_graph *g, struct facts *f, const char *blstats, int place,
                      int first, int rows)
{
    const char *v = op_clip_int(g, nethack_stat(g, blstats, place), 0, rows - 1);
    add_fact(g, f, NULL, op2(g, "Add", v, op_int(g, first)));
}

/* Bit i of a number that may be negative: floor(v / 2^i) mod 2; v - v mod 2^i divides evenly. */
static void condition_facts(struct onnx_graph *g, struct facts *f, const char *blstats)
{
    int64_t power[MAP_CONDITIONS];
    for (int i = 0; i < MAP_CONDITIONS; i++)
        power[i] = (int64_t)1 << i;
    const char *v = nethack_stat(g, blstats, NETHACK_BL_CONDITION);
    const char *powers = op_ints(g, MAP_CONDITIONS, power);
    v = op2(g, "Div", op2(g, "Sub", v, op2(g, "Mod", v, powers)), powers);
    v = op2(g, "Equal", op2(g, "Mod", v, op_int(g, 2)), op_int(g, 1));
    add_fact(g, f, v, op_range(g, MAP_ROW_CONDITION, 1, MAP_CONDITIONS));
}

const char *nethack_map_facts(const struct onnx_net *n, const char *glyphs, const char *blstats,
                              const char *x, const char *y)
{
    struct onnx_graph *g = n->g;
    struct surroundings s = map_look_around(g, glyphs, x, y);
    struct facts f = {0};
    class_facts(g, &f, &s, glyphs);
    region_facts(g, &f, &s);
    stat_fact(g, &f, blstats, NETHACK_BL_DEPTH, MAP_ROW_DEPTH, MAP_DEPTHS);
    stat_fact(g, &f, blstats, NETHACK_BL_XLEVEL, MAP_ROW_XLEVEL, MAP_XLEVELS);
    stat_fact(g, &f, blstats, NETHACK_BL_HUNGER, MAP_ROW_HUNGER, MAP_HUNGERS);
    stat_fact(g, &f, blstats, NETHACK_BL_BURDEN, MAP_ROW_BURDEN, MAP_BURDENS);
    condition_facts(g, &f, blstats);
    return net_gather_sum(n, net_table_with_zero(n, "nethack.map_table"),
                          op_concat(g, f.n, f.rows, 1), "nethack.map_b", "Relu");
}
