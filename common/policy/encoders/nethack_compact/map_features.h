/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_FEATURES_H
#define ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_FEATURES_H

/* map_features.h - a NetHack level and status line as a short list of facts, each a row of a weight
 * table.
 *
 * The network sees the 9x9 cells around the hero in detail; this list says what lies beyond: for
 * each class of thing (stairs, doors, monsters, gold, ...) how many there are and where the nearest
 * one is, and how much of the map is known in each direction. Facts of the status line that are
 * categories by nature (depth, level, hunger, conditions) follow. Pure functions of the
 * observation. Thread-safe. */

#include <stdint.h>

#include "common/policy/nethack_obs.h"

enum {
    MAP_PAD = NETHACK_GLYPHS, /* "outside the map" */
    MAP_GLYPHS,
    MAP_CLASSES = 16,
    MAP_FACTS_MAX = 128 /* look-ups of one observation at most */
};

struct map_view { /* one observation, copied out of its row and brought into range */
    int16_t glyphs[NETHACK_ROWS][NETHACK_COLS];
    int64_t blstats[NETHACK_BLSTATS];
    int x, y; /* hero's cell */
};

/* glyphs int16[21,79] and blstats int64[27] of a row; any alignment. */
void map_view_read(struct map_view *v, const uint8_t *glyphs, const uint8_t *blstats);
/* size x size glyphs around the hero, size odd; MAP_PAD outside. */
void map_crop(const struct map_view *v, int size, int16_t *out);
/* Writes the table rows of all facts; returns how many (<= MAP_FACTS_MAX). Rows are below
 * map_fact_rows(). */
int map_facts(const struct map_view *v, int32_t *rows);
int map_fact_rows(void);
/* Class of a glyph, 0 = nothing worth a fact (floor, wall, unexplored), 1..MAP_CLASSES. */
int map_class(int glyph);

enum { MAP_NUMBERS = 24 };
/* The status line as numbers of size about 1, limited to +-5. */
void map_numbers(const struct map_view *v, float *out);

#endif /* ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_FEATURES_H */
