/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_LAYERNORM_H
#define ONIC_COMMON_NN_LAYERS_LAYERNORM_H

/* layernorm.h - layer normalisation (Ba, Kiros, Hinton, arXiv 1607.06450, section 3).
 *
 *   n = (x - mean) / sqrt(var + 1e-5)     y = gain n + bias
 *
 * with mean and variance (divided by N) of each row. Sums of a row in double: a row of equal
 * numbers must come out as the bias, not as rounding noise blown up. Thread-safe. */

/* y [M,N] from x [M,N]; gain, bias [N]. n [M,N] and inv_std [M] are kept for backward. x, n and y
 * may be the same array when there is no backward. */
void layernorm_forward(float *y, float *n, float *inv_std, const float *x, const float *gain,
                       const float *bias, int M, int N);
/* dx [M,N], which may be dy; dgain, dbias [N] are added to. */
void layernorm_backward(float *dx, float *dgain, float *dbias, const float *dy, const float *n,
                        const float *inv_std, const float *gain, int M, int N);

#endif /* ONIC_COMMON_NN_LAYERS_LAYERNORM_H */
