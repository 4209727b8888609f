/* SPDX-License-Identifier: MIT */
/* picture.c - see picture.h. A field of an observation is shown as the table it is: a row per line,
 * the innermost dimension side by side, as far as a person would read it. One that has the shape of
 * a picture is drawn: a character is two pixels, its upper half and its lower one. */
#include "deploy/cli/picture.h"

#include "common/picture/pixels.h"
#include "common/policy/obs_picture.h"

enum { DIGITS = 4, ROWS_MAX = 16, ROW_VALUES_MAX = 24 };
enum { DRAWN_SIDE_MIN = 16, DRAWN_WIDTH_MAX = 64, DRAWN_HEIGHT_MAX = 48 };

/* --- a picture ------------------------------------------------------------------------------- */

static bool is_drawn(const struct obs_field *f)
{
    if (f->type != OBS_U8 || f->ndim != 3)
        return false;
    struct obs_picture p = obs_picture_of(f);
    return p.H >= DRAWN_SIDE_MIN && p.W >= DRAWN_SIDE_MIN;
}

/* The mean of a channel over the pixels [x0, x1) x [y0, y1). */
static int picture_mean(const struct obs_picture *p, const uint8_t *obs, const int x[2],
                        const int y[2], int channel)
{
    long sum = 0, count = 0;
    for (int i = y[0]; i < y[1]; i++)
        for (int k = x[0]; k < x[1]; k++, count++)
            sum += obs[p->at + (size_t)((i * p->W + k) * p->pixel + channel * p->channel)];
    return (int)(sum / count);
}

/* Of the pixel (x, y) of a drawing of width x height. Channels are red, green and blue where three
 * divide them, else grey; of several frames the last. */
static uint8_t drawn_colour(const struct obs_picture *p, const uint8_t *obs, int width, int height,
                            int x, int y)
{
    const int xs[2] = {x * p->W / width, (x + 1) * p->W / width};
    const int ys[2] = {y * p->H / height, (y + 1) * p->H / height};
    int channels = p->C % 3 == 0 ? 3 : 1, rgb[3];
    for (int k = 0; k < 3; k++)
        rgb[k] = picture_mean(p, obs, xs, ys, p->C - channels + k % channels);
    return pixels_nearest(rgb[0], rgb[1], rgb[2]);
}

static void picture_put_drawing(const struct obs_field *f, const uint8_t *obs, struct buf *out)
{
    struct obs_picture p = obs_picture_of(f);
    int width = p.W < DRAWN_WIDTH_MAX ? p.W : DRAWN_WIDTH_MAX, height = p.H * width / p.W;
    if (height > DRAWN_HEIGHT_MAX) {
        width = width * DRAWN_HEIGHT_MAX / height;
        height = DRAWN_HEIGHT_MAX;
    }
    width = width < 1 ? 1 : width;
    height = height < 2 ? 2 : height / 2 * 2;
    buf_printf(out, "%s:\n", f->name);
    for (int y = 0; y < height; y += 2) {
        for (int x = 0; x < width; x++)
            buf_printf(out, "\x1b[38;5;%d;48;5;%dm\xe2\x96\x80",
                       drawn_colour(&p, obs, width, height, x, y),
                       drawn_colour(&p, obs, width, height, x, y + 1));
        buf_puts(out, "\x1b[0m\n");
    }
}

/* --- a table --------------------------------------------------------------------------------- */

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
    for (int i = 0; i < e->spec.obs.nfields; i++) {
        const struct obs_field *f = &e->spec.obs.field[i];
        if (is_drawn(f))
            picture_put_drawing(f, obs, out);
        else
            picture_put_field(f, obs, out);
    }
}
