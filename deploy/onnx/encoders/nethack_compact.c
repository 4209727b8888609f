/* SPDX-License-Identifier: MIT */
/* nethack_compact.c - the network nethack-compact: crop, facts of the map, words, status. */
#include "common/policy/encoders/nethack_compact/map_rows.h"
#include "deploy/onnx/nethack.h"

extern const struct onnx_encoder onnx_encoder_nethack_compact;

/* In the order of map_numbers, behind x and y: (f(v) - minus) factor, where f(v) is v itself,
 * log(1 + max(v, 0)), or its share of another. */
static const struct {
    enum { LINEAR, LOGARITHM, SHARE } kind;
    int place, whole; /* whole: of SHARE */
    float minus, factor;
} status_numbers[] = {
    {LINEAR, 3, 0, 12, 0.2f},
    {LINEAR, 4, 0, 12, 0.2f},
    {LINEAR, 5, 0, 12, 0.2f},
    {LINEAR, 6, 0, 12, 0.2f},
    {LINEAR, 7, 0, 12, 0.2f},
    {LINEAR, 8, 0, 12, 0.2f},
    {SHARE, NETHACK_BL_HP, NETHACK_BL_HP_MAX, 0.5f, 2},
    {LOGARITHM, NETHACK_BL_HP, 0, 0, 0.3f},
    {LOGARITHM, NETHACK_BL_HP_MAX, 0, 0, 0.3f},
    {SHARE, NETHACK_BL_ENERGY, NETHACK_BL_ENERGY_MAX, 0, 1},
    {LOGARITHM, NETHACK_BL_ENERGY, 0, 0, 0.3f},
    {LOGARITHM, NETHACK_BL_ENERGY_MAX, 0, 0, 0.3f},
    {LOGARITHM, NETHACK_BL_DEPTH, 0, 0, 0.5f},
    {LOGARITHM, NETHACK_BL_GOLD, 0, 0, 0.2f},
    {LINEAR, NETHACK_BL_AC, 0, 10, -0.1f},
    {LINEAR, NETHACK_BL_XLEVEL, 0, 0, 0.1f},
    {LOGARITHM, NETHACK_BL_EXPERIENCE, 0, 0, 0.15f},
    {LOGARITHM, NETHACK_BL_TIME, 0, 0, 0.1f},
    {LINEAR, NETHACK_BL_HUNGER, 0, 0, 1},
    {LINEAR, NETHACK_BL_DUNGEON, 0, 0, 0.25f},
    {LINEAR, NETHACK_BL_LEVEL, 0, 0, 0.1f},
    {LINEAR, NETHACK_BL_ALIGNMENT, 0, 0, 1},
};

enum { NUMBERS = sizeof status_numbers / sizeof status_numbers[0] };
_Static_assert(2 + NUMBERS == MAP_NUMBERS, "all of map_numbers");

/* v [B, NUMBERS] of the places, whatever is done with them. */
static const char *share_of(struct onnx_graph *g, const char *v, const char *blstats)
{
    int64_t whole[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        whole[i] = status_numbers[i].whole;
    const char *of = op_gather(g, blstats, op_ints(g, NUMBERS, whole), 1);
    const char *some = op2(g, "Greater", of, op_int(g, 0));
    const char *share = op2(g, "Div", v, op_cast(g, op2(g, "Max", of, op_int(g, 1)), ONNX_FLOAT));
    return op_where(g, some, share, op_float(g, 0));
}

/* Which of the numbers are of a kind: bool [NUMBERS]. */
static const char *of_kind(struct onnx_graph *g, int kind)
{
    uint8_t is[NUMBERS];
    for (int i = 0; i < NUMBERS; i++)
        is[i] = (int)status_numbers[i].kind == kind;
    return onnx_constant(g, ONNX_BOOL, 1, (const int64_t[]){NUMBERS}, is);
}

/* [B, MAP_NUMBERS] */
static const char *compact_status(struct onnx_graph *g, const char *blstats, const char *x,
                                  const char *y)
{
    int64_t place[NUMBERS];
    float minus[NUMBERS], factor[NUMBERS];
    for (int i = 0; i < NUMBERS; i++) {
        place[i] = status_numbers[i].place;
        minus[i] = status_numbers[i].minus;
        factor[i] = status_numbers[i].factor;
    }
    const char *whole = op_gather(g, blstats, op_ints(g, NUMBERS, place), 1);
    const char *v = op_cast(g, whole, ONNX_FLOAT);
    const char *positive = op2(g, "Max", v, op_float(g, 0));
    const char *log = op1(g, "Log", op2(g, "Add", positive, op_float(g, 1)));
    v = op_where(g, of_kind(g, LOGARITHM), log,
                 op_where(g, of_kind(g, SHARE), share_of(g, v, blstats), v));
    v = op2(g, "Sub", v, op_floats(g, NUMBERS, minus));
    v = op2(g, "Mul", v, op_floats(g, NUMBERS, factor));
    const char *place_x = op2(g, "Mul", op_cast(g, x, ONNX_FLOAT), op_float(g, 1.0f / 39.0f));
    const char *place_y = op2(g, "Mul", op_cast(g, y, ONNX_FLOAT), op_float(g, 0.1f));
    const char *part[] = {op2(g, "Sub", place_x, op_float(g, 1)),
                          op2(g, "Sub", place_y, op_float(g, 1)), v};
    return op_clip(g, op_concat(g, 3, part, 1), op_float(g, -5), op_float(g, 5));
}

static const char *emit_nethack_compact(const struct onnx_net *n)
{
    static const struct nethack_crop crop = {9, 4, 4};
    struct onnx_graph *g = n->g;
    const char *glyphs = net_field_ints(n, "glyphs"), *blstats = net_field_ints(n, "blstats");
    const char *message = net_field_ints(n, "message"), *inside, *pad = op_int(g, MAP_PAD);
    glyphs = op_where(g, op_within(g, glyphs, 0, MAP_PAD), glyphs, pad);
    const char *x = op_clip_int(g, nethack_stat(g, blstats, NETHACK_BL_X), 0, NETHACK_COLS - 1);
    const char *y = op_clip_int(g, nethack_stat(g, blstats, NETHACK_BL_Y), 0, NETHACK_ROWS - 1);
    const char *near = nethack_crop(g, glyphs, x, y, &crop, &inside);
    near = op_gather(g, net_matrix(n, "nethack.glyph"), op_where(g, inside, near, pad), 0);
    near = op_flat(g, near, net_param(n, "nethack.crop_w")->rows);
    const char *part[4];
    part[0] = net_dense(n, near, "nethack.crop_w", "nethack.crop_b", "Relu");
    onnx_scope(g, "map");
    part[1] = nethack_map_facts(n, glyphs, blstats, x, y);
    onnx_scope(g, "words");
    part[2] = nethack_words(n, message);
    onnx_scope(g, "status");
    part[3] = net_dense(n, compact_status(g, blstats, x, y), "nethack.status_w", "nethack.status_b",
                        "Relu");
    onnx_scope(g, "encoder");
    return net_dense(n, op_concat(g, 4, part, 1), "nethack.out_w", "nethack.out_b", "Relu");
}

const struct onnx_encoder onnx_encoder_nethack_compact = {"nethack-compact", emit_nethack_compact};
