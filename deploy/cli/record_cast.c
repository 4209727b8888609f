/* SPDX-License-Identifier: MIT */
/* record_cast.c - a recording as an asciinema cast, version 2: a line of JSON about the terminal,
 * then one for each time that something was written to it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/picture/text_pixels.h"
#include "deploy/cli/record_output.h"
#include "deploy/cli/screen.h"

enum { CAST_BYTES_MAX = 1 << 29, CAST_FRAME_MAX = 1 << 22 };
enum { CAST_ROWS_MAX = 100, CAST_COLS_MIN = 80, CAST_COLS_MAX = 240, CAST_TEXT_ROWS = 9 };
enum { CAST_TITLE_MAX = 600 };

struct record_cast {
    struct record_output output; /* first */
    char title[CAST_TITLE_MAX];
    struct screen screen; /* no rows before the first frame */
    struct buf bytes, frame;
    double end; /* seconds: until the last frame has been seen */
};

static int cast_line(struct record_cast *c, json_t *value, struct onic_err *err)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
    ONIC_ASSERT(text); /* screen.c lets nothing through that is no UTF-8 */
    buf_puts(&c->bytes, text);
    buf_puts(&c->bytes, "\n");
    free(text);
    json_decref(value);
    return c->bytes.overflow ? err_set(err, ONIC_ELIMIT,
                                       "the cast would be larger than %d MiB: record fewer "
                                       "episodes",
                                       CAST_BYTES_MAX >> 20)
                             : ONIC_OK;
}

/* The window is that of the first picture. */
static int cast_begin(struct record_cast *c, const struct record_frame *f, struct onic_err *err)
{
    int rows, cols;
    text_pixels_measure(f->picture, &rows, &cols);
    rows += CAST_TEXT_ROWS;
    cols = cols < CAST_COLS_MIN ? CAST_COLS_MIN : cols;
    c->screen = (struct screen){.rows = rows < CAST_ROWS_MAX ? rows : CAST_ROWS_MAX,
                                .cols = cols < CAST_COLS_MAX ? cols : CAST_COLS_MAX,
                                .colour = true};
    json_t *head = json_pack("{s:i, s:i, s:i, s:s%, s:{s:s}}", "version", 2, "width",
                             c->screen.cols, "height", c->screen.rows, "title", c->title,
                             strlen(c->title), "env", "TERM", "xterm-256color");
    ONIC_ASSERT(head);
    return cast_line(c, head, err);
}

static int cast_event(struct record_cast *c, double at, const char *text, size_t len,
                      struct onic_err *err)
{
    return cast_line(c, json_pack("[f, s, s%]", at, "o", text, len), err);
}

static int record_cast_frame(struct record_output *self, const struct record_frame *f,
                             struct onic_err *err)
{
    struct record_cast *c = (struct record_cast *)self;
    int rc = ONIC_OK;
    buf_reset(&c->frame);
    if (!c->screen.rows) {
        rc = cast_begin(c, f, err);
        buf_puts(&c->frame, "\x1b[?25l");
    }
    screen_frame(&c->screen, f->picture, f->text, NULL, &c->frame);
    c->end = (double)(f->first + f->periods) / f->fps;
    return rc ? rc : cast_event(c, (double)f->first / f->fps, c->frame.data, c->frame.len, err);
}

/* The last line says until when the last frame is seen, and gives the cursor back. */
static int record_cast_finish(struct record_output *self, struct onic_err *err)
{
    static const char end[] = "\x1b[?25h\r\n";
    struct record_cast *c = (struct record_cast *)self;
    int rc = cast_event(c, c->end, end, sizeof end - 1, err);
    return rc ? rc : record_write(self, &c->bytes, err);
}

static void record_cast_free(struct record_output *self)
{
    struct record_cast *c = (struct record_cast *)self;
    buf_release(&c->bytes);
    buf_release(&c->frame);
    free(c);
}

int record_cast_open(struct record_output **out, const char *path, bool force, const char *title,
                     struct onic_err *err)
{
    int rc = record_check_path("--cast", path, force, err);
    if (rc)
        return rc;
    struct record_cast *c = xcalloc(1, sizeof *c);
    c->output = (struct record_output){.path = path,
                                       .force = force,
                                       .frame = record_cast_frame,
                                       .finish = record_cast_finish,
                                       .free = record_cast_free};
    snprintf(c->title, sizeof c->title, "%s", title);
    shown_clean_line(c->title, strlen(c->title));
    buf_init(&c->bytes, CAST_BYTES_MAX);
    buf_init(&c->frame, CAST_FRAME_MAX);
    *out = &c->output;
    return ONIC_OK;
}
