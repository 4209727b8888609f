/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_PARAMS_H
#define ONIC_COMMON_NN_PARAMS_H

/* params.h - all parameters of a network in one contiguous block, described by one table.
 *
 * A network adds its tensors in a fixed order when it is built; values, gradients and optimiser
 * moments are then separate blocks of the same layout, so that publishing, saving, clipping and
 * stepping are single loops. Matrices are stored input-major (K x N): Y = X W reads them without a
 * transpose, which costs OpenBLAS up to half of its speed where X has few rows. */

#include <stddef.h>

#include "common/base/rng.h"

enum { PARAM_NAME_MAX = 48, PARAMS_MAX = 128 };

enum param_init {
    PARAM_ZERO,
    PARAM_ORTHOGONAL, /* scale = gain; [K, N] */
    PARAM_UNIFORM,    /* scale = bound: U(-scale, scale) */
    PARAM_NORMAL,     /* scale = standard deviation */
    PARAM_EMBEDDING,  /* as PARAM_NORMAL, but row 0, the padding, is 0 */
    PARAM_CONSTANT    /* scale = value */
};

struct param {
    char name[PARAM_NAME_MAX]; /* "core.w_h" */
    int rows, cols;            /* vectors: rows = 1 */
    size_t offset;             /* floats from the start of the block; a multiple of 16 (64 bytes) */
    enum param_init init;
    float scale;
};

struct params {
    int count;
    struct param param[PARAMS_MAX];
    size_t floats; /* length of a block, padding included (padding stays 0) */
};

/* Appends a tensor and returns its offset. */
size_t params_add(struct params *p, const char *name, int rows, int cols, enum param_init init,
                  float scale);
const struct param *params_find(const struct params *p, const char *name); /* NULL when absent */
size_t params_count(const struct params *p); /* parameters without padding */
/* Fills block [floats] according to the table; each tensor from its own stream, so adding one
 * leaves the others alone. */
void params_init(const struct params *p, float *block, uint64_t seed);

#endif /* ONIC_COMMON_NN_PARAMS_H */
