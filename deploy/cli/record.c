/* SPDX-License-Identifier: MIT */
/* record.c - see record.h. */
#include "deploy/cli/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/picture/text_pixels.h"
#include "deploy/cli/picture.h"
#include "deploy/cli/record_output.h"

enum { RECORD_TEXT_MAX = 1 << 20, OUTPUTS_MAX = 3 };
/* Of a drawn frame: cells of text below the picture, and of a picture that is text; pixels around
 * both. */
enum { TEXT_ROWS = 8, TEXT_COLS_MIN = 80, PICTURE_ROWS_MAX = 100, PICTURE_COLS_MAX = 240 };
enum { FRAME_MARGIN = 8 };

struct recording {
    struct frame_sink sink; /* first */
    struct record_params params;
    struct record_output *output[OUTPUTS_MAX];
    int outputs;
    bool drawn; /* some output wants pixels */
    int64_t steps, periods;
    struct buf picture, text;
    struct pixels environment, frame; /* what is drawn of it; the whole */
};

/* --- pixels ---------------------------------------------------------------------------------- */

/* The environment's picture alone. A picture of text has the size of the first one. */
static void record_draw_environment(struct recording *r, const struct env *e)
{
    struct pixels *p = &r->environment;
    if (e->family->draw) {
        e->family->draw(e, p);
        return;
    }
    int rows, cols;
    text_pixels_measure(r->picture.data, &rows, &cols);
    rows = rows < 1 ? 1 : rows > PICTURE_ROWS_MAX ? PICTURE_ROWS_MAX : rows;
    cols = cols < 1 ? 1 : cols > PICTURE_COLS_MAX ? PICTURE_COLS_MAX : cols;
    int width = p->width ? p->width : cols * FONT_WIDTH;
    int height = p->height ? p->height : rows * FONT_HEIGHT;
    pixels_size(p, width, height);
    struct text_area area = {.rows = height / FONT_HEIGHT, .cols = width / FONT_WIDTH};
    text_pixels_draw(p, &area, r->picture.data);
}

/* Even, as videos want it. */
static int record_side(int pixels)
{
    int side = pixels + pixels % 2;
    return side < PIXELS_SIDE_MAX ? side : PIXELS_SIDE_MAX;
}

/* Picture above, centred, text below. The first frame decides the size of all. */
static void record_compose(struct recording *r, const struct env *e)
{
    struct pixels *f = &r->frame, *p = &r->environment;
    record_draw_environment(r, e);
    int text_width = TEXT_COLS_MIN * FONT_WIDTH;
    int inner = p->width > text_width ? p->width : text_width;
    int width = f->width ? f->width : record_side(inner + 2 * FRAME_MARGIN);
    int height =
        f->height ? f->height : record_side(p->height + 3 * FRAME_MARGIN + TEXT_ROWS * FONT_HEIGHT);
    pixels_size(f, width, height);
    pixels_copy(f, (width - p->width) / 2, FRAME_MARGIN, p);
    struct text_area area = {.x = FRAME_MARGIN,
                             .y = height - FRAME_MARGIN - TEXT_ROWS * FONT_HEIGHT,
                             .rows = TEXT_ROWS,
                             .cols = (width - 2 * FRAME_MARGIN) / FONT_WIDTH,
                             .fold = true};
    text_pixels_draw(f, &area, r->text.data);
}

/* --- frames ---------------------------------------------------------------------------------- */

static int recording_frame(struct frame_sink *self, const struct env *e, const uint8_t *obs,
                           const char *text, bool last, struct onic_err *err)
{
    struct recording *r = (struct recording *)self;
    int rc = ONIC_OK;
    buf_reset(&r->picture);
    buf_reset(&r->text);
    picture_draw(e, obs, &r->picture);
    buf_puts(&r->text, text);
    shown_clean_lines(r->text.data, r->text.len);
    if (r->drawn)
        record_compose(r, e);
    struct record_frame f = {.pixels = &r->frame,
                             .picture = r->picture.data,
                             .text = r->text.data,
                             .first = r->periods,
                             .periods = 1 + (last ? (int64_t)ceil(r->params.fps) : 0),
                             .fps = r->params.fps};
    for (int i = 0; !rc && i < r->outputs; i++)
        rc = r->output[i]->frame(r->output[i], &f, err);
    r->periods += f.periods;
    r->steps++;
    return rc;
}

struct frame_sink *recording_sink(struct recording *r)
{
    return &r->sink;
}

int64_t recording_steps(const struct recording *r)
{
    return r->steps;
}

/* --- files ----------------------------------------------------------------------------------- */

static bool output_is_given(const char *path)
{
    return path && path[0];
}

static int check_distinct(const struct record_params *p, struct onic_err *err)
{
    const char *const path[] = {p->gif, p->mp4, p->cast};
    for (int i = 0; i < OUTPUTS_MAX; i++)
        for (int k = 0; k < i; k++)
            if (output_is_given(path[i]) && output_is_given(path[k]) &&
                strcmp(path[i], path[k]) == 0)
                return err_set(err, ONIC_ECONFIG, "%s was given twice: one file holds one kind",
                               path[i]);
    return ONIC_OK;
}

int recording_open(struct recording **out, const struct record_params *p, struct onic_err *err)
{
    struct recording *r = xcalloc(1, sizeof *r);
    *out = r;
    r->sink.frame = recording_frame;
    r->params = *p;
    buf_init(&r->picture, RECORD_TEXT_MAX);
    buf_init(&r->text, RECORD_TEXT_MAX);
    int rc = check_distinct(p, err);
    if (!rc && output_is_given(p->gif)) {
        rc = record_gif_open(&r->output[r->outputs], p->gif, p->force, err);
        r->outputs += !rc;
        r->drawn = true;
    }
    if (!rc && output_is_given(p->mp4)) {
        rc = record_mp4_open(&r->output[r->outputs], p->mp4, p->force, err);
        r->outputs += !rc;
        r->drawn = true;
    }
    if (!rc && output_is_given(p->cast)) {
        rc = record_cast_open(&r->output[r->outputs], p->cast, p->force, p->title, err);
        r->outputs += !rc;
    }
    return rc;
}

int recording_finish(struct recording *r, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (!r->steps)
        return err_set(err, ONIC_ECONFIG, "nothing was recorded: it was stopped before a step");
    for (int i = 0; !rc && i < r->outputs; i++) {
        struct stat st = {.st_size = 0};
        rc = r->output[i]->finish(r->output[i], err);
        if (!rc && stat(r->output[i]->path, &st) == 0)
            shown_printf(stdout, "%s: %lld frames, %.1f s, %.1f KiB\n", r->output[i]->path,
                         (long long)r->steps, (double)r->periods / r->params.fps,
                         (double)st.st_size / 1024);
    }
    return rc;
}

void recording_free(struct recording *r)
{
    if (!r)
        return;
    for (int i = 0; i < r->outputs; i++)
        r->output[i]->free(r->output[i]);
    pixels_free(&r->environment);
    pixels_free(&r->frame);
    buf_release(&r->picture);
    buf_release(&r->text);
    free(r);
}
