/* SPDX-License-Identifier: MIT */
/* maxpool1d.c - see maxpool1d.h. Backward looks the position up again by comparing values, which
 * costs less than keeping indices. */
#include "common/nn/layers/maxpool1d/maxpool1d.h"

#include <stddef.h>
#include <string.h>

static int clamp(int row, int rows)
{
    return row < rows ? row : rows - 1;
}

void maxpool1d_forward(float *y, const float *x, int window, int C, int M, const int *rows_in,
                       const int *rows_out)
{
    size_t c = (size_t)C;
    for (int m = 0; m < M; m++) {
        for (int q = 0; q < rows_out[m]; q++, y += c) {
            memcpy(y, x + (size_t)clamp(q * window, rows_in[m]) * c, c * sizeof *y);
            for (int t = 1; t < window; t++) {
                const float *row = x + (size_t)clamp(q * window + t, rows_in[m]) * c;
                for (size_t j = 0; j < c; j++)
                    y[j] = row[j] > y[j] ? row[j] : y[j];
            }
        }
        x += (size_t)rows_in[m] * c;
    }
}

void maxpool1d_backward(float *dx, const float *dy, const float *x, const float *y, int window,
                        int C, int M, const int *rows_in, const int *rows_out)
{
    size_t c = (size_t)C;
    for (int m = 0; m < M; m++) {
        memset(dx, 0, (size_t)rows_in[m] * c * sizeof *dx);
        for (int q = 0; q < rows_out[m]; q++, y += c, dy += c)
            for (size_t j = 0; j < c; j++) {
                int t = 0;
                while (t < window - 1 &&
                       x[(size_t)clamp(q * window + t, rows_in[m]) * c + j] != y[j])
                    t++;
                dx[(size_t)clamp(q * window + t, rows_in[m]) * c + j] += dy[j];
            }
        x += (size_t)rows_in[m] * c;
        dx += (size_t)rows_in[m] * c;
    }
}
