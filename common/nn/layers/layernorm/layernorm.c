/* SPDX-License-Identifier: MIT */
/* layernorm.c - see layernorm.h.
 *
 * With d_i = gain_i dy_i, means over the row: dx_i = inv_std (d_i - mean(d) - n_i mean(d n)). */
#include "common/nn/layers/layernorm/layernorm.h"

#include <math.h>
#include <stddef.h>

static const double EPSILON = 1e-5;

void layernorm_forward(float *y, float *n, float *inv_std, const float *x, const float *gain,
                       const float *bias, int M, int N)
{
    for (int m = 0; m < M; m++) {
        size_t row = (size_t)m * (size_t)N;
        double sum = 0, squares = 0;
        for (int i = 0; i < N; i++)
            sum += (double)x[row + (size_t)i];
        double mean = sum / N;
        for (int i = 0; i < N; i++) {
            double d = (double)x[row + (size_t)i] - mean;
            squares += d * d;
        }
        double inv = 1.0 / sqrt(squares / N + EPSILON);
        inv_std[m] = (float)inv;
        for (int i = 0; i < N; i++) {
            size_t at = row + (size_t)i;
            n[at] = (float)(((double)x[at] - mean) * inv);
            y[at] = gain[i] * n[at] + bias[i];
        }
    }
}

void layernorm_backward(float *dx, float *dgain, float *dbias, const float *dy, const float *n,
                        const float *inv_std, const float *gain, int M, int N)
{
    for (int m = 0; m < M; m++) {
        size_t row = (size_t)m * (size_t)N;
        double sum = 0, along = 0;
        for (int i = 0; i < N; i++) {
            size_t at = row + (size_t)i;
            double d = (double)(gain[i] * dy[at]);
            sum += d;
            along += d * (double)n[at];
            dgain[i] += dy[at] * n[at];
            dbias[i] += dy[at];
        }
        float mean = (float)(sum / N), slope = (float)(along / N);
        for (int i = 0; i < N; i++) {
            size_t at = row + (size_t)i;
            dx[at] = inv_std[m] * (gain[i] * dy[at] - mean - n[at] * slope);
        }
    }
}
