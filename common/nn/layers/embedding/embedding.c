/* SPDX-License-Identifier: MIT */
/* embedding.c - copy rows out, add rows back; see embedding.h.
 *
 * The output is cheap to recompute from idx, so callers keep idx (2 bytes a look-up) and not y (4 D
 * bytes). */
#include "common/nn/layers/embedding/embedding.h"

#include <stddef.h>
#include <string.h>

void embedding_forward(float *y, const int16_t *idx, const float *table, int M, int L, int D)
{
    size_t rows = (size_t)M * (size_t)L, d = (size_t)D;
    if (D == 16) { /* a size the compiler can unroll: one or two registers */
        for (size_t r = 0; r < rows; r++)
            memcpy(y + r * 16, table + (size_t)idx[r] * 16, 16 * sizeof *y);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * d, table + (size_t)idx[r] * d, d * sizeof *y);
}

void embedding_backward(float *dtable, const float *dy, const int16_t *idx, int M, int L, int D)
{
    size_t rows = (size_t)M * (size_t)L, d = (size_t)D;
    if (D == 16) {
        for (size_t r = 0; r < rows; r++) {
            float *restrict row = dtable + (size_t)idx[r] * 16;
            for (size_t j = 0; j < 16; j++)
                row[j] += dy[r * 16 + j];
        }
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = dtable + (size_t)idx[r] * d;
        for (size_t j = 0; j < d; j++)
            row[j] += dy[r * d + j];
    }
}
