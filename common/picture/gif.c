/* SPDX-License-Identifier: MIT */
/* gif.c - see gif.h. The time that a frame is seen stands before its pixels, so a frame is written
 * when the next one that differs has come. */
#include "common/picture/gif.h"

#include <gif_lib.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum { HUNDREDTHS_MAX = 65535, COLOUR_BITS = 8 };

struct box {
    int x, y, width, height;
};

struct gif {
    struct buf *out;
    GifFileType *file;  /* NULL before the first frame */
    struct pixels now;  /* the frame that waits to be written */
    struct box changed; /* of it, since the one before */
    long hundredths;    /* it has been seen so long */
};

static int gif_put(GifFileType *file, const GifByteType *data, int n)
{
    struct gif *g = file->UserData;
    return buf_append(g->out, data, (size_t)n) == ONIC_OK ? n : 0;
}

static int gif_failed(const struct gif *g, int code, struct onic_err *err)
{
    if (g->out->overflow)
        return err_set(err, ONIC_ELIMIT,
                       "the GIF would be larger than %zu MiB: record fewer episodes",
                       g->out->max >> 20);
    const char *why = GifErrorString(code);
    return err_set(err, ONIC_EINTERNAL, "the GIF could not be made: %s", why ? why : "unknown");
}

static int gif_fault(const struct gif *g, struct onic_err *err)
{
    return gif_failed(g, g->file->Error, err);
}

struct gif *gif_create(struct buf *out)
{
    struct gif *g = xcalloc(1, sizeof *g);
    g->out = out;
    return g;
}

/* Head, colours, and that it is played for ever. */
static int gif_begin(struct gif *g, const struct pixels *frame, struct onic_err *err)
{
    int code = 0;
    GifColorType colour[PIXELS_COLOURS];
    for (int i = 0; i < PIXELS_COLOURS; i++) {
        uint8_t rgb[3];
        pixels_rgb((uint8_t)i, rgb);
        colour[i] = (GifColorType){rgb[0], rgb[1], rgb[2]};
    }
    g->file = EGifOpen(g, gif_put, &code);
    ColorMapObject *map = g->file ? GifMakeMapObject(PIXELS_COLOURS, colour) : NULL;
    if (!map)
        return gif_failed(g, code, err);
    EGifSetGifVersion(g->file, true);
    bool good =
        EGifPutScreenDesc(g->file, frame->width, frame->height, COLOUR_BITS, 0, map) == GIF_OK &&
        EGifPutExtensionLeader(g->file, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
        EGifPutExtensionBlock(g->file, 11, "NETSCAPE2.0") == GIF_OK &&
        EGifPutExtensionBlock(g->file, 3, "\x01\x00\x00") == GIF_OK &&
        EGifPutExtensionTrailer(g->file) == GIF_OK;
    GifFreeMapObject(map);
    return good ? ONIC_OK : gif_fault(g, err);
}

/* The smallest box around what differs; without a difference one pixel, since a frame has some. */
static struct box gif_difference(const struct pixels *a, const struct pixels *b)
{
    int left = a->width, right = -1, top = a->height, bottom = -1;
    for (int y = 0; y < a->height; y++) {
        const uint8_t *p = a->at + (size_t)y * (size_t)a->width;
        const uint8_t *q = b->at + (size_t)y * (size_t)a->width;
        if (memcmp(p, q, (size_t)a->width) == 0)
            continue;
        top = y < top ? y : top;
        bottom = y;
        for (int x = 0; x < a->width; x++)
            if (p[x] != q[x]) {
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
    }
    if (bottom < 0)
        return (struct box){0, 0, 1, 1};
    return (struct box){left, top, right - left + 1, bottom - top + 1};
}

static int gif_write_image(struct gif *g, const struct box *b, int hundredths, struct onic_err *err)
{
    GraphicsControlBlock control = {.DisposalMode = DISPOSE_DO_NOT,
                                    .DelayTime = hundredths,
                                    .TransparentColor = NO_TRANSPARENT_COLOR};
    GifByteType bytes[4];
    EGifGCBToExtension(&control, bytes);
    bool good = EGifPutExtension(g->file, GRAPHICS_EXT_FUNC_CODE, sizeof bytes, bytes) == GIF_OK &&
                EGifPutImageDesc(g->file, b->x, b->y, b->width, b->height, false, NULL) == GIF_OK;
    for (int row = 0; good && row < b->height; row++)
        good = EGifPutLine(g->file, g->now.at + (size_t)(b->y + row) * (size_t)g->now.width + b->x,
                           b->width) == GIF_OK;
    return good ? ONIC_OK : gif_fault(g, err);
}

/* What is seen longer than a frame can say is several frames, which change nothing. */
static int gif_write_waiting(struct gif *g, struct onic_err *err)
{
    struct box b = g->changed;
    int rc = ONIC_OK;
    while (!rc && g->hundredths > 0) {
        int part = g->hundredths > HUNDREDTHS_MAX ? HUNDREDTHS_MAX : (int)g->hundredths;
        rc = gif_write_image(g, &b, part, err);
        g->hundredths -= part;
        b = (struct box){0, 0, 1, 1};
    }
    return rc;
}

int gif_frame(struct gif *g, const struct pixels *frame, int hundredths, struct onic_err *err)
{
    size_t bytes = (size_t)frame->width * (size_t)frame->height;
    bool first = g->file == NULL;
    if (first) {
        int rc = gif_begin(g, frame, err);
        if (rc)
            return rc;
        g->changed = (struct box){0, 0, frame->width, frame->height};
        pixels_size(&g->now, frame->width, frame->height);
    } else if (memcmp(g->now.at, frame->at, bytes) != 0) {
        struct box changed = gif_difference(&g->now, frame);
        int rc = gif_write_waiting(g, err);
        if (rc)
            return rc;
        g->changed = changed;
    }
    ONIC_ASSERT(frame->width == g->now.width && frame->height == g->now.height);
    memcpy(g->now.at, frame->at, bytes);
    g->hundredths += hundredths;
    return ONIC_OK;
}

int gif_finish(struct gif *g, struct onic_err *err)
{
    int code = 0, rc = gif_write_waiting(g, err);
    if (rc)
        return rc;
    GifFileType *file = g->file;
    g->file = NULL;
    if (EGifCloseFile(file, &code) != GIF_OK || g->out->overflow)
        return gif_failed(g, code, err);
    return ONIC_OK;
}

void gif_free(struct gif *g)
{
    if (!g)
        return;
    if (g->file) /* given up: what it still writes is nobody's any more */
        EGifCloseFile(g->file, NULL);
    pixels_free(&g->now);
    free(g);
}
