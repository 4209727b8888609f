/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_CONV_H
#define ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_CONV_H

/* char_conv.h - ONI's first convolution (8x8 pixels, stride 4, 32 channels, ELU) over the picture
 * of 12x12 characters (char_view.h), computed exactly as look-ups.
 *
 * A window of 8x8 pixels with stride 4 always covers 2x2 cells of 6x6 pixels, in one of three ways
 * per axis. So a cell's picture is multiplied once with the 36 parts of the weights that can fall
 * on it, and an output is the sum of four rows: 1.8 million multiply-adds a frame become 37,000
 * additions, and no picture is drawn. Pure functions over the caller's memory. */

#include <stdint.h>

#include "common/policy/encoders/oni_default/char_view.h"
#include "common/policy/id_set.h"

enum {
    CHAR_PARTS = 36,                              /* 3 phases x 2 cells, per axis */
    CHAR_PICTURE = CHAR_PIXELS * CHAR_PIXELS * 3, /* floats of a cell's picture */
    CHAR_CHANNELS = 32,
    CHAR_OUT = 17, /* side of the output */
    CHAR_ROW = CHAR_PARTS * CHAR_CHANNELS,
    CHAR_IDS = 16 * 256 /* coloured characters */
};

/* w [8*8*3, 32] laid out by what it meets in a cell: spread [CHAR_PICTURE, CHAR_ROW], so that
 * pictures [n, CHAR_PICTURE] times spread is the table [n, 36, 32]. */
void char_conv_spread(float *spread, const float *w);
/* The gradient of it: dw += */
void char_conv_fold(float *dw, const float *dspread);

/* Adds the cells [12, 12] of one view to the set; black ones are left out. */
void char_conv_collect(struct id_set *set, const struct char_cell *cells);
/* Pictures [set.count, CHAR_PICTURE] of what is in the set, in 0..top. */
void char_conv_pictures(float *out, const struct id_set *set, float top);
/* y [17, 17, 32] of one view, all of whose cells are in the set; b [32] */
void char_conv_forward(float *y, const struct char_cell *cells, const struct id_set *set,
                       const float *table, const float *b);
/* dy is used up; dtable [set.count, 36, 32] and db [32] are added to. */
void char_conv_backward(float *dtable, float *db, float *dy, const float *y,
                        const struct char_cell *cells, const struct id_set *set);

#endif /* ONIC_COMMON_POLICY_ENCODERS_ONI_DEFAULT_CHAR_CONV_H */
