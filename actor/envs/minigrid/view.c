/* SPDX-License-Identifier: MIT */
/* view.c - the 7 x 7 cells in front of the agent, and which of them it can see.
 *
 * The package spreads visibility cell by cell: row by row away from the agent, once to the right
 * and once to the left; a visible cell that does not block the view makes the next cell of its row
 * visible, and the two cells ahead of both. Here a row is a byte. "Reaches through a run of clear
 * cells" is the carry of a parallel-prefix network, so a pass costs a handful of shifts, and the
 * result is the same for every pattern (test_view.c compares with the cell-by-cell form).
 *
 * The image is a copy of three bytes per cell, written as four-byte words each of which overwrites
 * the surplus byte of the one before. It is stored x first, so view columns are the outer loop. */
#include "actor/envs/minigrid/world.h"

#include <string.h>

enum { ROW = (1 << MG_VIEW) - 1 };

/* Visible and clear cells of a row after spreading towards higher (lower) bits. */
static unsigned spread_up(unsigned visible, unsigned clear)
{
    unsigned reach = visible & clear, run = clear;
    reach |= run & reach << 1;
    run &= run << 1;
    reach |= run & reach << 2;
    run &= run << 2;
    return reach | (run & reach << 4);
}

static unsigned spread_down(unsigned visible, unsigned clear)
{
    unsigned reach = visible & clear, run = clear;
    reach |= run & reach >> 1;
    run &= run >> 1;
    reach |= run & reach >> 2;
    run &= run >> 2;
    return reach | (run & reach >> 4);
}

uint64_t mg_visible(const struct minigrid *m)
{
    if (m->task->rules->see_through)
        return (1ULL << (MG_VIEW * MG_VIEW)) - 1;
    const uint32_t *row_start = mg_view_cell(m, 0, MG_VIEW - 1);
    int right = mg_dx(m->s.dir) * m->stride - mg_dy(m->s.dir);
    int ahead = mg_dy(m->s.dir) * m->stride + mg_dx(m->s.dir);
    unsigned visible = 1U << (MG_VIEW / 2);
    uint64_t mask = 0;
    for (int j = MG_VIEW - 1; j >= 0 && visible; j--, row_start += ahead) {
        unsigned clear = 0;
        for (int i = 0; i < MG_VIEW; i++)
            clear |= (~row_start[i * right] >> 31) << i;
        /* The package's passes stop before their last cell; letting it spread, too, marks nothing
         * new, because the other pass, or the cell before it, has marked the same cells. */
        unsigned sources = spread_up(visible, clear);
        unsigned next = sources | sources << 1;
        visible |= sources << 1;
        sources = spread_down(visible, clear);
        next |= sources | sources >> 1;
        visible |= sources >> 1;
        mask |= (uint64_t)(visible & ROW) << (MG_VIEW * j);
        visible = next & ROW;
    }
    return mask;
}

/* Inverse of mg_view_cell: how far ahead and to the right of the agent the cell is. */
bool mg_is_visible(const struct minigrid *m, uint64_t visible, int x, int y)
{
    int dx = mg_dx(m->s.dir), dy = mg_dy(m->s.dir);
    int rx = x - m->s.agent.x, ry = y - m->s.agent.y;
    int j = MG_VIEW - 1 - (rx * dx + ry * dy), i = MG_VIEW / 2 + (ry * dx - rx * dy);
    bool in_view = i >= 0 && i < MG_VIEW && j >= 0 && j < MG_VIEW;
    return in_view && visible >> (MG_VIEW * j + i) & 1;
}

void mg_observe(const struct minigrid *m, uint8_t *image, uint64_t *sights)
{
    uint64_t visible = mg_visible(m), found = 0;
    const uint32_t *column = mg_view_cell(m, 0, 0);
    int right = mg_dx(m->s.dir) * m->stride - mg_dy(m->s.dir);
    int back = -(mg_dy(m->s.dir) * m->stride + mg_dx(m->s.dir));
    uint8_t buffer[MG_IMAGE_BYTES + 1];
    uint8_t *at = buffer;
    for (int i = 0; i < MG_VIEW; i++, column += right) {
        const uint32_t *from = column;
        uint64_t bits = visible >> i;
        for (int j = 0; j < MG_VIEW; j++, from += back, bits >>= MG_VIEW, at += 3) {
            uint32_t cell = bits & 1 ? *from : 0;
            if (mg_type(cell) >= MG_DOOR)
                found |= mg_sight(cell);
            memcpy(at, &cell, sizeof cell);
        }
    }
    /* The agent's own cell shows what it carries, and nothing of what it stands on. */
    uint32_t own = m->s.carrying ? m->s.carrying : MG_EMPTY_CELL;
    memcpy(buffer + (MG_VIEW / 2 * MG_VIEW + MG_VIEW - 1) * 3, &own, 3);
    if (image)
        memcpy(image, buffer, MG_IMAGE_BYTES);
    *sights = found;
}
