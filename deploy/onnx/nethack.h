/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_ONNX_NETHACK_H
#define ONIC_DEPLOY_ONNX_NETHACK_H

/* nethack.h - what the networks for NetHack share as graphs. */

#include "deploy/onnx/net.h"

/* Column `place` of blstats int64 [B, 27], as [B, 1]. */
const char *nethack_stat(struct onnx_graph *g, const char *blstats, int place);

struct nethack_crop {
    int side, row, col; /* cells; where the cell (y, x) is in it */
};
/* map int64 [B, 21 * 79], x and y int64 [B, 1] inside the map: cells [B, side * side] around it;
 * inside, bool of the same shape: a cell is of the map. */
const char *nethack_crop(struct onnx_graph *g, const char *map, const char *x, const char *y,
                         const struct nethack_crop *c, const char **inside);
/* x and y of blstats; where they are no place in the map, 0, and there [B, 1] is false. */
void nethack_hero(struct onnx_graph *g, const char *blstats, const char **x, const char **y,
                  const char **there);
/* The status line as nethack_numbers has it: float [B, 27]. */
const char *nethack_status(struct onnx_graph *g, const char *blstats);

/* nethack_map.c, nethack_words.c: float [B, P], ReLU included. glyphs int64 [B, 1659] from 0 to
 * MAP_PAD, x and y inside the map. */
const char *nethack_map_facts(const struct onnx_net *n, const char *glyphs, const char *blstats,
                              const char *x, const char *y);
const char *nethack_words(const struct onnx_net *n, const char *message);

#endif /* ONIC_DEPLOY_ONNX_NETHACK_H */
