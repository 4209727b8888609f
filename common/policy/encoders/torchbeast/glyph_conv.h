/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_GLYPH_CONV_H
#define ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_GLYPH_CONV_H

/* glyph_conv.h - a 3x3 convolution over embedded glyphs, computed exactly as look-ups.
 *
 * An embedding of 128 numbers per cell under a 3x3 window is 1,152 inputs per output position, and
 * the same few dozen glyphs again and again. So each glyph of a batch is multiplied with the nine
 * taps' weights once (tap_table), and a position is the sum of nine rows of N numbers: a hundredth
 * of the multiplications. Backward sums what each (glyph, tap) received, then multiplies once.
 *
 * Cells hold places in a id_set; a cell below 0 is outside and adds nothing, as zero padding
 * does. Pure functions over the caller's memory. */

#include <stddef.h>
#include <stdint.h>

enum { GLYPH_TAPS = 9 };

struct glyph_conv {
    int H, W;   /* cells of the grid */
    int stride; /* of both directions; padding is 1 */
    int D, N;   /* width of an embedding, output channels */
};
int glyph_conv_out_h(const struct glyph_conv *c);
int glyph_conv_out_w(const struct glyph_conv *c);

/* table [count, 9, N] = e [count, D] times the taps of w [9*D, N] */
void tap_table(const struct glyph_conv *c, float *table, const float *e, int count, const float *w);
/* Gradients of it: de [count, D] += and dw [9*D, N] +=. */
void tap_table_backward(const struct glyph_conv *c, float *de, float *dw, const float *dtable,
                        const float *e, int count, const float *w);
/* One grid: y [OH, OW, N] = ELU(b + look-ups); cells [H, W] are places. */
void glyph_conv_forward(const struct glyph_conv *c, float *y, const int16_t *cells,
                        const float *table, const float *b);
/* dy is used up; dtable [count, 9, N] and db [N] are added to. */
void glyph_conv_backward(const struct glyph_conv *c, float *dtable, float *db, float *dy,
                         const float *y, const int16_t *cells);

#endif /* ONIC_COMMON_POLICY_ENCODERS_TORCHBEAST_GLYPH_CONV_H */
