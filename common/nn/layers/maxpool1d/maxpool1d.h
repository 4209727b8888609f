/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_MAXPOOL1D_H
#define ONIC_COMMON_NN_LAYERS_MAXPOOL1D_H

/* maxpool1d.h - the largest of each `window` positions, next window beside it, per channel; over
 * sequences of different lengths as in conv1d.h: positions past the last row repeat it.
 * Thread-safe. */

void maxpool1d_forward(float *y, const float *x, int window, int C, int M, const int *rows_in,
                       const int *rows_out);
/* dx is overwritten; among equal positions the first gets the gradient. x, y: of the forward call.
 */
void maxpool1d_backward(float *dx, const float *dy, const float *x, const float *y, int window,
                        int C, int M, const int *rows_in, const int *rows_out);

#endif /* ONIC_COMMON_NN_LAYERS_MAXPOOL1D_H */
