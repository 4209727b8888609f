/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_CHAR_PICTURE_H
#define ONIC_TESTS_SUPPORT_CHAR_PICTURE_H

/* char_picture.h - the picture that the look-ups of oni-default stand for, drawn. */

#include <string.h>

#include "common/policy/encoders/oni_default/char_view.h"

/* view [12, 12] -> image [72, 72, 3] in 0..top */
static inline void char_picture_draw(const struct char_cell *view, float top, float *image)
{
    memset(image, 0, (size_t)CHAR_SIDE * CHAR_SIDE * 3 * sizeof *image);
    for (int i = 0; i < CHAR_CELLS * CHAR_CELLS; i++) {
        float one[CHAR_PIXELS][CHAR_PIXELS * 3];
        if (!view[i].character)
            continue;
        char_view_picture(view[i], top, one[0]);
        for (int y = 0; y < CHAR_PIXELS; y++)
            memcpy(image + (((i / CHAR_CELLS) * CHAR_PIXELS + y) * CHAR_SIDE +
                            (i % CHAR_CELLS) * CHAR_PIXELS) *
                               3,
                   one[y], sizeof one[y]);
    }
}

#endif /* ONIC_TESTS_SUPPORT_CHAR_PICTURE_H */
