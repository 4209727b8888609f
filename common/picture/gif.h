/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_PICTURE_GIF_H
#define ONIC_COMMON_PICTURE_GIF_H

/* gif.h - an animated GIF, made in memory (giflib does the compressing).
 *
 * A frame holds the rectangle that differs from the frame before it; frames that are equal are one
 * that stays longer. It is played for ever. */

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/picture/pixels.h"

struct gif;

/* out: receives the file, whose end is there after gif_finish; borrowed until then. */
struct gif *gif_create(struct buf *out);
/* hundredths: how long the frame is seen, at least 1 hundredth of a second. All frames have the
 * size of the first. ONIC_ELIMIT: the file would be larger than `out` may be. */
int gif_frame(struct gif *g, const struct pixels *frame, int hundredths, struct onic_err *err);
int gif_finish(struct gif *g, struct onic_err *err); /* at least one frame was given */
void gif_free(struct gif *g);                        /* NULL is allowed */

#endif /* ONIC_COMMON_PICTURE_GIF_H */
