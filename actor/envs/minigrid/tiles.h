/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_MINIGRID_TILES_H
#define ONIC_ACTOR_ENVS_MINIGRID_TILES_H

/* tiles.h - how a cell looks, and the agent's view as a picture; private to the folder.
 *
 * The picture is, byte for byte, that of RGBImgPartialObsWrapper of the package minigrid 3.2.0
 * (drawn with numpy 2): each tile is sampled at 3 x 3 points a pixel, what the agent sees is
 * lighter, and the agent is the triangle at the bottom that points up. */

#include "actor/envs/minigrid/world.h"

struct mg_shade {
    int rgb[3];
};

/* The colour of a point of a cell, from (0, 0) top left to (1, 1). */
struct mg_shade mg_point(uint32_t cell, double u, double v);
/* Whether the agent that looks in that direction is there. */
bool mg_agent_covers(int dir, double u, double v);
/* What is seen: three tenths on the way to white. */
struct mg_shade mg_lighter(struct mg_shade s);

/* All tiles of a size; immutable. */
struct mg_tiles;
enum { MG_TILE_MIN = 3, MG_TILE_MAX = 32 };
/* side: pixels, MG_TILE_MIN to MG_TILE_MAX. Made by the first call and kept for the process's life.
 * Thread-safe. */
const struct mg_tiles *mg_tiles_get(int side);
/* The tile [side, side, 3] of a cell that is seen, with the agent on it or not. */
const uint8_t *mg_tile(const struct mg_tiles *t, uint32_t cell, bool agent);
/* out [MG_VIEW * side, MG_VIEW * side, 3], rows from top to bottom. */
void mg_picture(const struct minigrid *m, const struct mg_tiles *t, uint8_t *out);

#endif /* ONIC_ACTOR_ENVS_MINIGRID_TILES_H */
