/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_ROWS_H
#define ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_ROWS_H

/* map_rows.h - which row of the table "nethack.map_table" says what (map_features.h). Part of the
 * network: whoever writes it in another form reads it here.
 *
 * Rows of a class: direction and distance of the nearest thing of it, then how many there are. */

#include "common/policy/encoders/nethack_compact/map_features.h"

enum { MAP_UNEXPLORED = 2359 }; /* the first of the map's symbols */

enum {
    MAP_DIRECTIONS = 8,
    MAP_DISTANCES = 7, /* 1, 2, 3-4, 5-8, 9-16, 17-32, more */
    MAP_COUNTS = 4,    /* 1, 2, 3-4, more */
    MAP_PER_CLASS = MAP_DIRECTIONS * MAP_DISTANCES + MAP_COUNTS,
    MAP_BANDS = 3, /* of distance: 1-4, 5-16, more */
    MAP_REGIONS = MAP_DIRECTIONS * MAP_BANDS,
    MAP_LEVELS = 3, /* explored cells in a region: 1-3, 4-15, more */
    MAP_DEPTHS = 50,
    MAP_XLEVELS = 30,
    MAP_HUNGERS = 7,
    MAP_BURDENS = 6,
    MAP_CONDITIONS = 16,
    MAP_ROW_REGION = MAP_CLASSES * MAP_PER_CLASS,
    MAP_ROW_DEPTH = MAP_ROW_REGION + MAP_REGIONS * MAP_LEVELS,
    MAP_ROW_XLEVEL = MAP_ROW_DEPTH + MAP_DEPTHS,
    MAP_ROW_HUNGER = MAP_ROW_XLEVEL + MAP_XLEVELS,
    MAP_ROW_BURDEN = MAP_ROW_HUNGER + MAP_HUNGERS,
    MAP_ROW_CONDITION = MAP_ROW_BURDEN + MAP_BURDENS,
    MAP_ROW_COUNT = MAP_ROW_CONDITION + MAP_CONDITIONS
};

enum { /* places in blstats */
       NETHACK_BL_X,
       NETHACK_BL_Y,
       NETHACK_BL_STRENGTH = 3,
       NETHACK_BL_CHARISMA = 8,
       NETHACK_BL_HP = 10,
       NETHACK_BL_HP_MAX,
       NETHACK_BL_DEPTH,
       NETHACK_BL_GOLD,
       NETHACK_BL_ENERGY,
       NETHACK_BL_ENERGY_MAX,
       NETHACK_BL_AC,
       NETHACK_BL_XLEVEL = 18,
       NETHACK_BL_EXPERIENCE,
       NETHACK_BL_TIME,
       NETHACK_BL_HUNGER,
       NETHACK_BL_BURDEN,
       NETHACK_BL_DUNGEON,
       NETHACK_BL_LEVEL,
       NETHACK_BL_CONDITION,
       NETHACK_BL_ALIGNMENT
};

#endif /* ONIC_COMMON_POLICY_ENCODERS_NETHACK_MAP_ROWS_H */
