/* SPDX-License-Identifier: MIT */
/* picture.c - see picture.h. A field of an observation is shown as the table it is: a row per line,
 * the innermost dimension side by side, as far as a person would read it. */
#include "deploy/cli/picture.h"

enum { DIGITS = 4, ROWS_MAX = 16, ROW_VALUES_MAX = 24 };

static void picture_put_row(const struct obs_field *f, const uint8_t *obs, int first, int count,
                            struct buf *out)
{
    for (int i = 0; i < count && i < ROW_VALUES_MAX; i++) {
        buf_puts(out, " ");
        buf_json_number(out, obs_value(f, obs, first + i), DIGITS);
    }
    buf_puts(out, count > ROW_VALUES_MAX ? " ...\n" : "\n");
}

static void picture_put_field(const struct obs_field *f, const uint8_t *obs, struct buf *out)
{
    int values = obs_field_count(f), width = f->ndim ? f->shape[f->ndim - 1] : 1;
    int rows = width > 0 ? values / width : 0;
    buf_printf(out, "%s:", f->name);
    if (rows > 1)
        buf_puts(out, "\n");
    for (int r = 0; r < rows && r < ROWS_MAX; r++)
        picture_put_row(f, obs, r * width, width, out);
    if (rows > ROWS_MAX)
        buf_printf(out, " ... %d rows in all\n", rows);
}

void picture_draw(const struct env *e, const uint8_t *obs, struct buf *out)
{
    if (e->family->render) {
        e->family->render(e, out);
        return;
    }
    buf_printf(out, "%s draws no picture; it observes\n", e->spec.id);
    for (int i = 0; i < e->spec.obs.nfields; i++)
        picture_put_field(&e->spec.obs.field[i], obs, out);
}
