/* SPDX-License-Identifier: MIT */
/* render.c - the world as coloured text for `onic play`: two characters per cell, the agent an
 * arrow, the visible cells on a lighter ground, the mission above and what the agent carries below.
 */
#include "actor/envs/minigrid/world.h"

static const int ansi_color[MG_COLORS] = {31, 32, 34, 35, 33, 90};

static void render_put_cell(const struct minigrid *m, int x, int y, bool visible, struct buf *out)
{
    static const char *const symbol[MG_TYPES] = {"  ", "  ", "##", "..", "[]",
                                                 "k ", "o ", "b ", "><", "~~"};
    static const char *const door[] = {"||", "[]", "[X"};
    static const char *const arrow[] = {"> ", "v ", "< ", "^ "};
    uint32_t cell = *mg_at(m, x, y);
    const char *text = symbol[mg_type(cell)];
    int color = ansi_color[mg_color(cell)];
    if (m->s.agent.x == x && m->s.agent.y == y) {
        text = arrow[m->s.dir];
        color = 91;
    } else if (mg_type(cell) == MG_DOOR) {
        text = door[mg_door_state(cell)];
    }
    buf_printf(out, "\033[%s%dm%s\033[0m", visible ? "48;5;238;" : "", color, text);
}

void mg_mission(const struct minigrid *m, struct buf *out)
{
    if (m->task->rules->mission)
        buf_puts(out, m->task->rules->mission);
    else
        buf_printf(out, "pick up the %s %s", mg_color_name[mg_color(m->s.target)],
                   mg_type_name[mg_type(m->s.target)]);
}

void mg_carried(const struct minigrid *m, struct buf *out)
{
    if (m->s.carrying)
        buf_printf(out, "carrying: %s %s", mg_color_name[mg_color(m->s.carrying)],
                   mg_type_name[mg_type(m->s.carrying)]);
    else
        buf_puts(out, "carrying: nothing");
}

void mg_render(const struct minigrid *m, struct buf *out)
{
    uint64_t visible = mg_visible(m);
    mg_mission(m, out);
    buf_puts(out, "\n");
    for (int y = 0; y < m->task->height; y++) {
        for (int x = 0; x < m->task->width; x++)
            render_put_cell(m, x, y, mg_is_visible(m, visible, x, y), out);
        buf_puts(out, "\n");
    }
    mg_carried(m, out);
    buf_printf(out, "\nstep %d of %d\n", m->s.steps, m->max_steps);
}
