/* SPDX-License-Identifier: MIT */
/* map_features.c - see map_features.h.
 *
 * One pass over the 1,659 cells. Most are unexplored; eight at a time are compared with the
 * unexplored pattern and skipped together. For the rest two table look-ups give the class of the
 * glyph and the region it lies in. Directions are those of a move: the signs of dx and dy, so
 * "north-west" is any cell above and to the left; that is the first step towards it when nothing is
 * in the way. Distance is counted in moves (the larger of |dx|, |dy|), in powers of two.
 *
 * Glyph numbers are NetHack 3.6's (include/display.h, src/drawing.c), as NLE gives them. */
#include "common/policy/encoders/nethack_compact/map_features.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy/encoders/nethack_compact/map_rows.h"

enum { /* first glyph of each group */
       GLYPH_MONSTER = 0,
       GLYPH_PET = 381,
       GLYPH_INVISIBLE = 762, /* and detected */
       GLYPH_BODY = 1144,
       GLYPH_RIDDEN = 1525,
       GLYPH_OBJECT = 1906,
       GLYPH_GOLD = GLYPH_OBJECT + 410,
       GLYPH_BOULDER = GLYPH_OBJECT + 447,
       GLYPH_EXPLODE = 2446,
       GLYPH_WARNING = 5589,
       GLYPH_STATUE = 5595
};

enum { /* classes; 0 is none */
       NONE,
       MONSTER,
       PET,
       UNSEEN_MONSTER,
       BODY,
       GOLD,
       OBJECT,
       BOULDER,
       STATUE,
       STAIRS_UP,
       STAIRS_DOWN,
       DOORWAY,
       DOOR_CLOSED,
       FURNITURE,
       TRAP,
       CORRIDOR,
       WATER
};

_Static_assert(2 * MAP_CLASSES + MAP_REGIONS + 4 + MAP_CONDITIONS <= MAP_FACTS_MAX,
               "facts fit the list");

/* Class of the map symbols, by number behind MAP_UNEXPLORED; what is not named is NONE. */
static int symbol_class(int s)
{
    switch (s) {
    case 12: /* no door, open doors */
    case 13:
    case 14:
        return DOORWAY;
    case 15:
    case 16:
        return DOOR_CLOSED;
    case 21:
    case 22:
        return CORRIDOR;
    case 23: /* stairs, ladder */
    case 25:
        return STAIRS_UP;
    case 24:
    case 26:
        return STAIRS_DOWN;
    case 27: /* altar, grave, throne, sink, fountain */
    case 28:
    case 29:
    case 30:
    case 31:
        return FURNITURE;
    case 32: /* pool, lava, water */
    case 34:
    case 41:
        return WATER;
    default:
        return s >= 42 && s <= 64 ? TRAP : NONE;
    }
}

int map_class(int glyph)
{
    if (glyph >= GLYPH_STATUE)
        return glyph < MAP_PAD ? STATUE : NONE;
    if (glyph >= GLYPH_WARNING)
        return UNSEEN_MONSTER;
    if (glyph >= GLYPH_EXPLODE)
        return NONE;
    if (glyph >= MAP_UNEXPLORED)
        return symbol_class(glyph - MAP_UNEXPLORED);
    if (glyph >= GLYPH_OBJECT)
        return glyph == GLYPH_GOLD ? GOLD : glyph == GLYPH_BOULDER ? BOULDER : OBJECT;
    if (glyph >= GLYPH_RIDDEN)
        return UNSEEN_MONSTER;
    if (glyph >= GLYPH_BODY)
        return BODY;
    if (glyph >= GLYPH_INVISIBLE)
        return UNSEEN_MONSTER;
    return glyph >= GLYPH_PET ? PET : MONSTER;
}

void map_view_read(struct map_view *v, const uint8_t *glyphs, const uint8_t *blstats)
{
    memcpy(v->glyphs, glyphs, sizeof v->glyphs);
    memcpy(v->blstats, blstats, sizeof v->blstats);
    int16_t *g = &v->glyphs[0][0];
    for (int i = 0; i < NETHACK_ROWS * NETHACK_COLS; i++)
        g[i] = g[i] < 0 || g[i] > MAP_PAD ? MAP_PAD : g[i];
    int64_t x = v->blstats[NETHACK_BL_X], y = v->blstats[NETHACK_BL_Y];
    v->x = x < 0 ? 0 : x >= NETHACK_COLS ? NETHACK_COLS - 1 : (int)x;
    v->y = y < 0 ? 0 : y >= NETHACK_ROWS ? NETHACK_ROWS - 1 : (int)y;
}

void map_crop(const struct map_view *v, int size, int16_t *out)
{
    int half = size / 2;
    for (int y = v->y - half; y <= v->y + half; y++)
        for (int x = v->x - half; x <= v->x + half; x++) {
            bool in = y >= 0 && y < NETHACK_ROWS && x >= 0 && x < NETHACK_COLS;
            *out++ = in ? v->glyphs[y][x] : MAP_PAD;
        }
}

/* 0..7 for (dx, dy) != (0, 0), by their signs. */
static int direction(int dx, int dy)
{
    int k = ((dy > 0) - (dy < 0) + 1) * 3 + (dx > 0) - (dx < 0) + 1; /* 0..8, 4 = here */
    return k < 4 ? k : k - 1;
}

static int map_features_distance(int dx, int dy)
{
    int ax = abs(dx), ay = abs(dy);
    return ax > ay ? ax : ay;
}

/* 1 -> 0, 2 -> 1, 3-4 -> 2, 5-8 -> 3, ...; at most last. */
static int power_bucket(int n, int last)
{
    int b = 0;
    while (b < last && (1 << b) < n)
        b++;
    return b;
}

struct scan {
    int count[MAP_CLASSES + 1];
    int nearest[MAP_CLASSES + 1];    /* distance */
    int8_t towards[MAP_CLASSES + 1]; /* direction of the nearest */
    int explored[MAP_REGIONS];
};

static void scan_cell(struct scan *s, int glyph, int dx, int dy)
{
    int d = map_features_distance(dx, dy);
    if (d == 0)
        return; /* the hero */
    int dir = direction(dx, dy), band = d <= 4 ? 0 : d <= 16 ? 1 : 2;
    s->explored[dir * MAP_BANDS + band]++;
    int c = map_class(glyph);
    s->count[c]++;
    if (d < s->nearest[c]) {
        s->nearest[c] = d;
        s->towards[c] = (int8_t)dir;
    }
}

static void scan_map(const struct map_view *v, struct scan *s)
{
    enum { RUN = 8 };
    static const int16_t unexplored[RUN] = {MAP_UNEXPLORED, MAP_UNEXPLORED, MAP_UNEXPLORED,
                                            MAP_UNEXPLORED, MAP_UNEXPLORED, MAP_UNEXPLORED,
                                            MAP_UNEXPLORED, MAP_UNEXPLORED};
    memset(s, 0, sizeof *s);
    for (int c = 0; c <= MAP_CLASSES; c++)
        s->nearest[c] = NETHACK_COLS + 1;
    for (int y = 0; y < NETHACK_ROWS; y++)
        for (int x = 0; x < NETHACK_COLS; x++) {
            const int16_t *g = &v->glyphs[y][x];
            if (x + RUN <= NETHACK_COLS && memcmp(g, unexplored, sizeof unexplored) == 0) {
                x += RUN - 1;
                continue;
            }
            if (*g != MAP_UNEXPLORED && *g != MAP_PAD)
                scan_cell(s, *g, x - v->x, y - v->y);
        }
}

/* v in [0, n), whatever a peer sent. */
static int limited(int64_t v, int n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : (int)v;
}

int map_facts(const struct map_view *v, int32_t *rows)
{
    struct scan s;
    int n = 0;
    scan_map(v, &s);
    for (int c = 1; c <= MAP_CLASSES; c++) {
        int base = (c - 1) * MAP_PER_CLASS;
        if (s.count[c] == 0)
            continue;
        rows[n++] =
            base + s.towards[c] * MAP_DISTANCES + power_bucket(s.nearest[c], MAP_DISTANCES - 1);
        rows[n++] =
            base + MAP_DIRECTIONS * MAP_DISTANCES + power_bucket(s.count[c], MAP_COUNTS - 1);
    }
    for (int r = 0; r < MAP_REGIONS; r++)
        if (s.explored[r])
            rows[n++] =
                MAP_ROW_REGION + r * MAP_LEVELS + (s.explored[r] >= 4) + (s.explored[r] >= 16);
    const int64_t *b = v->blstats;
    rows[n++] = MAP_ROW_DEPTH + limited(b[NETHACK_BL_DEPTH], MAP_DEPTHS);
    rows[n++] = MAP_ROW_XLEVEL + limited(b[NETHACK_BL_XLEVEL], MAP_XLEVELS);
    rows[n++] = MAP_ROW_HUNGER + limited(b[NETHACK_BL_HUNGER], MAP_HUNGERS);
    rows[n++] = MAP_ROW_BURDEN + limited(b[NETHACK_BL_BURDEN], MAP_BURDENS);
    for (int i = 0; i < MAP_CONDITIONS; i++)
        if (b[NETHACK_BL_CONDITION] >> i & 1)
            rows[n++] = MAP_ROW_CONDITION + i;
    return n;
}

int map_fact_rows(void)
{
    return MAP_ROW_COUNT;
}

static float log_scaled(int64_t v, float scale)
{
    return log1pf((float)(v < 0 ? 0 : v)) * scale;
}

static float share(int64_t part, int64_t whole)
{
    return whole > 0 ? (float)part / (float)whole : 0.0f;
}

void map_numbers(const struct map_view *v, float *out)
{
    const int64_t *b = v->blstats;
    float *o = out;
    *o++ = (float)v->x / 39.0f - 1.0f;
    *o++ = (float)v->y / 10.0f - 1.0f;
    for (int i = NETHACK_BL_STRENGTH; i <= NETHACK_BL_CHARISMA; i++)
        *o++ = ((float)b[i] - 12.0f) / 5.0f;
    *o++ = 2.0f * share(b[NETHACK_BL_HP], b[NETHACK_BL_HP_MAX]) - 1.0f;
    *o++ = log_scaled(b[NETHACK_BL_HP], 0.3f);
    *o++ = log_scaled(b[NETHACK_BL_HP_MAX], 0.3f);
    *o++ = share(b[NETHACK_BL_ENERGY], b[NETHACK_BL_ENERGY_MAX]);
    *o++ = log_scaled(b[NETHACK_BL_ENERGY], 0.3f);
    *o++ = log_scaled(b[NETHACK_BL_ENERGY_MAX], 0.3f);
    *o++ = log_scaled(b[NETHACK_BL_DEPTH], 0.5f);
    *o++ = log_scaled(b[NETHACK_BL_GOLD], 0.2f);
    *o++ = (10.0f - (float)b[NETHACK_BL_AC]) / 10.0f;
    *o++ = (float)b[NETHACK_BL_XLEVEL] / 10.0f;
    *o++ = log_scaled(b[NETHACK_BL_EXPERIENCE], 0.15f);
    *o++ = log_scaled(b[NETHACK_BL_TIME], 0.1f);
    *o++ = (float)b[NETHACK_BL_HUNGER];
    *o++ = (float)b[NETHACK_BL_DUNGEON] / 4.0f;
    *o++ = (float)b[NETHACK_BL_LEVEL] / 10.0f;
    *o++ = (float)b[NETHACK_BL_ALIGNMENT];
    for (int i = 0; i < MAP_NUMBERS; i++)
        out[i] = out[i] < -5.0f ? -5.0f : out[i] > 5.0f ? 5.0f : out[i];
}
_Static_assert(2 + (NETHACK_BL_CHARISMA - NETHACK_BL_STRENGTH + 1) + 16 == MAP_NUMBERS,
               "map_numbers fills its array");
