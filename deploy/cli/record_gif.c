/* SPDX-License-Identifier: MIT */
/* record_gif.c - a recording as an animated GIF. */
#include <math.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"
#include "common/picture/gif.h"
#include "deploy/cli/record_output.h"

enum { GIF_BYTES_MAX = 1 << 29 };

struct record_gif {
    struct record_output output; /* first */
    struct buf bytes;
    struct gif *gif;
};

/* Times are rounded from the start on, so that the whole is as long as it should be. */
static long hundredths_until(int64_t period, double fps)
{
    return lround((double)period * 100.0 / fps);
}

static int record_gif_frame(struct record_output *self, const struct record_frame *f,
                            struct onic_err *err)
{
    struct record_gif *g = (struct record_gif *)self;
    long seen =
        hundredths_until(f->first + f->periods, f->fps) - hundredths_until(f->first, f->fps);
    return gif_frame(g->gif, f->pixels, (int)seen, err);
}

static int record_gif_finish(struct record_output *self, struct onic_err *err)
{
    struct record_gif *g = (struct record_gif *)self;
    int rc = gif_finish(g->gif, err);
    return rc ? rc : record_write(self, &g->bytes, err);
}

static void record_gif_free(struct record_output *self)
{
    struct record_gif *g = (struct record_gif *)self;
    gif_free(g->gif);
    buf_release(&g->bytes);
    free(g);
}

int record_gif_open(struct record_output **out, const char *path, bool force, struct onic_err *err)
{
    int rc = record_check_path("--gif", path, force, err);
    if (rc)
        return rc;
    struct record_gif *g = xcalloc(1, sizeof *g);
    g->output = (struct record_output){.path = path,
                                       .force = force,
                                       .frame = record_gif_frame,
                                       .finish = record_gif_finish,
                                       .free = record_gif_free};
    buf_init(&g->bytes, GIF_BYTES_MAX);
    g->gif = gif_create(&g->bytes);
    *out = &g->output;
    return ONIC_OK;
}
