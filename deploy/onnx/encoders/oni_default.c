/* SPDX-License-Identifier: MIT */
/* oni_default.c - the network oni-default. The first convolution, which C computes as look-ups, is
 * one here, over the picture that is drawn from a table of all coloured characters. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/policy/encoders/oni_default/char_conv.h"
#include "deploy/onnx/nethack.h"

extern const struct onnx_encoder onnx_encoder_oni_default;

enum { COLOURS = 16 };

/* [16 * 256, 6 * 6 * 3]; character 0 and the blank are not drawn. */
static const char *picture_table(const struct onnx_net *n, float top)
{
    float *table = xcalloc((size_t)CHAR_IDS * CHAR_PICTURE, sizeof *table);
    for (int id = 0; id < CHAR_IDS; id++) {
        struct char_cell cell = {(uint8_t)(id % 256), (uint8_t)(id / 256)};
        if (cell.character && cell.character != ' ')
            char_view_picture(cell, top, table + (size_t)id * CHAR_PICTURE);
    }
    const char *made = onnx_tensor(n->g, "oni.pictures", ONNX_FLOAT, 2,
                                   (const int64_t[]){CHAR_IDS, CHAR_PICTURE}, table);
    free(table);
    return made;
}

/* What is drawn around the hero: float [B, 3, 72, 72]. */
static const char *oni_picture(const struct onnx_net *n, const char *blstats)
{
    bool oni = policy_config(n->policy)->compat_oni;
    const struct nethack_crop crop = {CHAR_CELLS, oni ? CHAR_HERO_ONI : CHAR_HERO, CHAR_HERO};
    struct onnx_graph *g = n->g;
    const char *x, *y, *there, *inside;
    nethack_hero(g, blstats, &x, &y, &there);
    const char *colours = op2(g, "Mod", net_field_ints(n, "colors"), op_int(g, COLOURS));
    const char *id = op2(g, "Mul", colours, op_int(g, 256));
    id = op2(g, "Add", id, net_field_ints(n, "chars"));
    id = nethack_crop(g, id, x, y, &crop, &inside);
    id = op_where(g, op2(g, "And", inside, there), id, op_int(g, 0));
    const char *cells = op_gather(g, picture_table(n, oni ? 255.0f : 1.0f), id, 0);
    cells = op_reshape(g, cells, 6,
                       (const int64_t[]){-1, CHAR_CELLS, CHAR_CELLS, CHAR_PIXELS, CHAR_PIXELS, 3});
    cells = op_transpose(g, cells, 6, (const int64_t[]){0, 5, 1, 3, 2, 4});
    return op_reshape(g, cells, 4, (const int64_t[]){-1, 3, CHAR_SIDE, CHAR_SIDE});
}

static const char *oni_two_dense(const struct onnx_net *n, const char *x, const char *name)
{
    char w[PARAM_NAME_MAX], b[PARAM_NAME_MAX];
    for (int i = 0; i < 2; i++) {
        snprintf(w, sizeof w, "oni.%s%d_w", name, i);
        snprintf(b, sizeof b, "oni.%s%d_b", name, i);
        x = net_dense(n, x, w, b, "Elu");
    }
    return x;
}

static const char *emit_oni_default(const struct onnx_net *n)
{
    static const struct net_conv conv[] = {{8, 4, 0, 2}, {4, 2, 0, 2}, {3, 2, 0, 2}};
    struct onnx_graph *g = n->g;
    const char *blstats = net_field_ints(n, "blstats"), *part[4];
    onnx_scope(g, "picture");
    const char *x = oni_picture(n, blstats);
    x = net_conv(n, x, &conv[0], "oni.conv0_w", "oni.conv0_b", "Elu");
    x = net_conv(n, x, &conv[1], "oni.conv1_w", "oni.conv1_b", "Elu");
    x = net_conv(n, x, &conv[2], "oni.conv2_w", "oni.conv2_b", "Elu");
    part[0] = net_dense(n, net_flat_channels_last(n, x, 2), "oni.fc_w", "oni.fc_b", "Elu");
    onnx_scope(g, "status");
    part[2] = nethack_status(g, blstats);
    part[1] = oni_two_dense(n, part[2], "status");
    onnx_scope(g, "message");
    x = op_cast(g, net_field(n, "message"), ONNX_FLOAT);
    part[3] = oni_two_dense(n, op2(g, "Div", x, op_float(g, 255)), "message");
    return op_concat(g, 4, part, 1);
}

const struct onnx_encoder onnx_encoder_oni_default = {"oni-default", emit_oni_default};
