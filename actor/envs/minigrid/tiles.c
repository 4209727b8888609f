/* SPDX-License-Identifier: MIT */
/* tiles.c - see tiles.h.
 *
 * Numbers are computed as the package's drawing code computes them, in the same order and with its
 * float32 where numpy keeps float32, because a point on an edge belongs to the shape or not by the
 * last bit, and a mean is cut to a whole number (test_minigrid_tiles.c compares with what the
 * package drew). */
#include "actor/envs/minigrid/tiles.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum { SUBDIVISIONS = 3, STATES = 3, CELLS = MG_TYPES * MG_COLORS * STATES };

static const struct mg_shade colour_of[MG_COLORS] = {{{255, 0, 0}},   {{0, 255, 0}},
                                                     {{0, 0, 255}},   {{112, 39, 195}},
                                                     {{255, 255, 0}}, {{100, 100, 100}}};
static const struct mg_shade black = {{0, 0, 0}}, grid_line = {{100, 100, 100}},
                             lava = {{255, 128, 0}}, agent_red = {{255, 0, 0}};

/* --- shapes ---------------------------------------------------------------------------------- */

static bool in_rect(double u, double v, double left, double right, double top, double bottom)
{
    return u >= left && u <= right && v >= top && v <= bottom;
}

static bool in_circle(double u, double v, double x, double y, double radius)
{
    return (u - x) * (u - x) + (v - y) * (v - y) <= radius * radius;
}

/* Within r of the line from (x0, y0) to (x1, y1). */
static bool near_line(double u, double v, double x0, double y0, double x1, double y1, double r)
{
    if (u < fmin(x0, x1) - r || u > fmax(x0, x1) + r || v < fmin(y0, y1) - r ||
        v > fmax(y0, y1) + r)
        return false;
    float px = (float)x0, py = (float)y0, dx = (float)x1 - px, dy = (float)y1 - py;
    float length = sqrtf(dx * dx + dy * dy);
    dx /= length;
    dy /= length;
    double along = (u - (double)px) * (double)dx + (v - (double)py) * (double)dy;
    along = along < 0 ? 0 : along > (double)length ? (double)length : along;
    double ex = u - ((double)px + along * (double)dx), ey = v - ((double)py + along * (double)dy);
    return sqrt(ex * ex + ey * ey) <= r;
}

/* In the agent that looks to the right. */
static bool in_triangle(double u, double v)
{
    const float a[2] = {0.12f, 0.19f}, b[2] = {0.87f, 0.50f}, c[2] = {0.12f, 0.81f};
    float v0[2] = {c[0] - a[0], c[1] - a[1]}, v1[2] = {b[0] - a[0], b[1] - a[1]};
    double v2[2] = {u - (double)a[0], v - (double)a[1]};
    float d00 = v0[0] * v0[0] + v0[1] * v0[1], d01 = v0[0] * v1[0] + v0[1] * v1[1];
    float d11 = v1[0] * v1[0] + v1[1] * v1[1];
    double d02 = (double)v0[0] * v2[0] + (double)v0[1] * v2[1];
    double d12 = (double)v1[0] * v2[0] + (double)v1[1] * v2[1];
    double scale = (double)(1.0f / (d00 * d11 - d01 * d01));
    double s = ((double)d11 * d02 - (double)d01 * d12) * scale;
    double t = ((double)d00 * d12 - (double)d01 * d02) * scale;
    return s >= 0 && t >= 0 && s + t < 1;
}

bool mg_agent_covers(int dir, double u, double v)
{
    double angle = -(0.5 * 3.141592653589793 * dir), x = u - 0.5, y = v - 0.5;
    return in_triangle(0.5 + x * cos(angle) - y * sin(angle),
                       0.5 + y * cos(angle) + x * sin(angle));
}

/* --- things ---------------------------------------------------------------------------------- */

static struct mg_shade shade_share(struct mg_shade c, double share)
{
    for (int i = 0; i < 3; i++)
        c.rgb[i] = (int)(share * c.rgb[i]);
    return c;
}

static struct mg_shade door_point(enum mg_door state, struct mg_shade c, double u, double v,
                                  struct mg_shade ground)
{
    if (state == MG_OPEN)
        return in_rect(u, v, 0.92, 0.96, 0.04, 0.96) ? black : u >= 0.88 ? c : ground;
    if (state == MG_LOCKED)
        return in_rect(u, v, 0.52, 0.75, 0.50, 0.56)   ? c
               : in_rect(u, v, 0.06, 0.94, 0.06, 0.94) ? shade_share(c, 0.45)
                                                       : c;
    if (in_circle(u, v, 0.75, 0.50, 0.08))
        return c;
    if (in_rect(u, v, 0.12, 0.88, 0.12, 0.88))
        return black;
    bool gap = in_rect(u, v, 0.04, 0.96, 0.04, 0.96) && !in_rect(u, v, 0.08, 0.92, 0.08, 0.92);
    return gap ? black : c;
}

static struct mg_shade key_point(struct mg_shade c, double u, double v, struct mg_shade ground)
{
    if (in_circle(u, v, 0.56, 0.28, 0.064))
        return black;
    bool covered = in_circle(u, v, 0.56, 0.28, 0.190) || in_rect(u, v, 0.50, 0.63, 0.31, 0.88) ||
                   in_rect(u, v, 0.38, 0.50, 0.59, 0.66) || in_rect(u, v, 0.38, 0.50, 0.81, 0.88);
    return covered ? c : ground;
}

static struct mg_shade box_point(struct mg_shade c, double u, double v, struct mg_shade ground)
{
    if (in_rect(u, v, 0.16, 0.84, 0.47, 0.53))
        return c;
    if (in_rect(u, v, 0.18, 0.82, 0.18, 0.82))
        return black;
    return in_rect(u, v, 0.12, 0.88, 0.12, 0.88) ? c : ground;
}

static bool in_wave(double u, double v)
{
    for (int i = 0; i < 3; i++) {
        double low = 0.3 + 0.2 * i, high = 0.4 + 0.2 * i;
        if (near_line(u, v, 0.1, low, 0.3, high, 0.03) ||
            near_line(u, v, 0.3, high, 0.5, low, 0.03) ||
            near_line(u, v, 0.5, low, 0.7, high, 0.03) ||
            near_line(u, v, 0.7, high, 0.9, low, 0.03))
            return true;
    }
    return false;
}

struct mg_shade mg_point(uint32_t cell, double u, double v)
{
    struct mg_shade ground = u <= 0.031 || v <= 0.031 ? grid_line : black;
    struct mg_shade c = colour_of[mg_color(cell)];
    switch (mg_type(cell)) {
    case MG_WALL:
    case MG_GOAL:
        return c;
    case MG_FLOOR:
        return in_rect(u, v, 0.031, 1, 0.031, 1) ? shade_share(c, 0.5) : ground;
    case MG_DOOR:
        return door_point(mg_door_state(cell), c, u, v, ground);
    case MG_KEY:
        return key_point(c, u, v, ground);
    case MG_BALL:
        return in_circle(u, v, 0.5, 0.5, 0.31) ? c : ground;
    case MG_BOX:
        return box_point(c, u, v, ground);
    case MG_LAVA:
        return in_wave(u, v) ? black : lava;
    default:
        return ground;
    }
}

struct mg_shade mg_lighter(struct mg_shade s)
{
    for (int i = 0; i < 3; i++)
        s.rgb[i] = (int)(s.rgb[i] + 0.30 * (255 - s.rgb[i]));
    return s;
}

/* --- tiles ----------------------------------------------------------------------------------- */

struct mg_tiles {
    int side;
    size_t bytes;  /* of a tile */
    uint8_t *dark; /* [bytes] what is not seen */
    uint8_t *seen; /* [2, CELLS, bytes] with the agent: 1 */
};

static size_t cell_number(uint32_t cell)
{
    return ((size_t)mg_type(cell) * MG_COLORS + (size_t)mg_color(cell)) * STATES +
           (size_t)mg_door_state(cell);
}

/* The mean of 3 x 3 points, first along a row, then of the rows, each division rounded. */
static void draw_pixel(uint32_t cell, bool seen, bool agent, int side, int px, int py, uint8_t *out)
{
    double mean[3] = {0};
    for (int j = 0; j < SUBDIVISIONS; j++) {
        int sum[3] = {0};
        for (int i = 0; i < SUBDIVISIONS; i++) {
            double u = (px * SUBDIVISIONS + i + 0.5) / (side * SUBDIVISIONS);
            double v = (py * SUBDIVISIONS + j + 0.5) / (side * SUBDIVISIONS);
            struct mg_shade s =
                agent && mg_agent_covers(3, u, v) ? agent_red : mg_point(cell, u, v);
            if (seen)
                s = mg_lighter(s);
            for (int k = 0; k < 3; k++)
                sum[k] += s.rgb[k];
        }
        for (int k = 0; k < 3; k++)
            mean[k] += sum[k] / (double)SUBDIVISIONS;
    }
    for (int k = 0; k < 3; k++)
        out[k] = (uint8_t)(mean[k] / SUBDIVISIONS);
}

static void draw_tile(uint32_t cell, bool seen, bool agent, int side, uint8_t *out)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++, out += 3)
            draw_pixel(cell, seen, agent, side, x, y, out);
}

static struct mg_tiles *mg_tiles_create(int side)
{
    struct mg_tiles *t = xcalloc(1, sizeof *t);
    t->side = side;
    t->bytes = (size_t)(3 * side * side);
    t->dark = xmalloc(t->bytes);
    t->seen = xmalloc(2 * CELLS * t->bytes);
    draw_tile(MG_EMPTY_CELL, false, false, side, t->dark);
    for (uint32_t type = 0; type < MG_TYPES; type++)
        for (uint32_t color = 0; color < MG_COLORS; color++)
            for (uint32_t state = 0; state < STATES; state++)
                for (size_t agent = 0; agent < 2; agent++) {
                    uint32_t cell = MG_CELL(type, color, state);
                    draw_tile(cell, true, agent, side,
                              t->seen + (agent * CELLS + cell_number(cell)) * t->bytes);
                }
    return t;
}

const struct mg_tiles *mg_tiles_get(int side)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct mg_tiles *made[MG_TILE_MAX + 1];
    ONIC_ASSERT(side >= MG_TILE_MIN && side <= MG_TILE_MAX);
    pthread_mutex_lock(&lock);
    if (!made[side])
        made[side] = mg_tiles_create(side);
    const struct mg_tiles *t = made[side];
    pthread_mutex_unlock(&lock);
    return t;
}

const uint8_t *mg_tile(const struct mg_tiles *t, uint32_t cell, bool agent)
{
    return t->seen + ((agent ? CELLS : 0) + cell_number(cell)) * t->bytes;
}

void mg_picture(const struct minigrid *m, const struct mg_tiles *t, uint8_t *out)
{
    uint64_t visible = mg_visible(m);
    size_t line = (size_t)(3 * t->side), row = MG_VIEW * line;
    for (int j = 0; j < MG_VIEW; j++)
        for (int i = 0; i < MG_VIEW; i++) {
            bool own = i == MG_VIEW / 2 && j == MG_VIEW - 1;
            uint32_t cell = own ? m->s.carrying : *mg_view_cell(m, i, j);
            const uint8_t *tile =
                own || visible >> (MG_VIEW * j + i) & 1 ? mg_tile(t, cell, own) : t->dark;
            uint8_t *to = out + (size_t)(j * t->side) * row + (size_t)i * line;
            for (int y = 0; y < t->side; y++)
                memcpy(to + (size_t)y * row, tile + (size_t)y * line, line);
        }
}
