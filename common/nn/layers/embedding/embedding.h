/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_EMBEDDING_H
#define ONIC_COMMON_NN_LAYERS_EMBEDDING_H

/* embedding.h - a table row per small integer; rows side by side. Thread-safe. */

#include <stdint.h>

/* y [M, L*D]: row idx[m,l] of table [R,D] at columns l*D ..; idx [M,L] in [0, R), checked by the
 * caller. */
void embedding_forward(float *y, const int16_t *idx, const float *table, int M, int L, int D);
/* dtable [R,D] += */
void embedding_backward(float *dtable, const float *dy, const int16_t *idx, int M, int L, int D);

#endif /* ONIC_COMMON_NN_LAYERS_EMBEDDING_H */
