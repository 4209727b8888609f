/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_CONV1D_H
#define ONIC_COMMON_NN_LAYERS_CONV1D_H

/* conv1d.h - one-dimensional convolution over sequences of different lengths, channels last, no
 * padding, stride 1.
 *
 * Sequences lie one after another: sequence m is rows_in[m] rows of C floats. Positions past its
 * last row repeat that row, so a sequence with a constant tail stores the tail once. w [k*C, N]
 * (tap-major, channel fastest). Each sequence gets rows_out[m] rows of N floats; the caller chooses
 * how many it wants. All rows must be at least 1. Thread-safe with separate scratch. */

#include <stddef.h>

#include "common/nn/kernels.h"

struct conv1d {
    int k, C, N; /* taps, input channels, output channels */
    enum act act;
};

/* For sequences of at most `longest` output rows. */
size_t conv1d_scratch_floats(const struct conv1d *s, int longest);
void conv1d_forward(float *y, const float *x, const float *w, const float *b,
                    const struct conv1d *s, int M, const int *rows_in, const int *rows_out,
                    float *scratch);
/* dy is used up; dw, db are added to; dx is overwritten (NULL: not computed). The gradient of a
 * repeated row is the sum over its repetitions. */
void conv1d_backward(float *dx, float *dw, float *db, float *dy, const float *x, const float *y,
                     const float *w, const struct conv1d *s, int M, const int *rows_in,
                     const int *rows_out, float *scratch);

#endif /* ONIC_COMMON_NN_LAYERS_CONV1D_H */
