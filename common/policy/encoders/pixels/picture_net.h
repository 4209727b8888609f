/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_NET_H
#define ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_NET_H

/* picture_net.h - the convolutions of the network pixels: pictures to maps, channels last. What
 * they are and why: README.md.
 *
 * map 0 is the picture, v / 255; map k + 1 is what layer k makes of map k. The two convolutions of
 * a residual block are two layers: map k + 2 = ReLU(map k + conv(map k + 1)).
 * Letters: M pictures. A map [M, its floats]. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/nn/layers/conv2d/conv2d.h"
#include "common/nn/params.h"
#include "common/policy/policy.h"

enum { PICTURE_LAYERS_MAX = 16, PICTURE_BLOCK = 8 };

struct picture_layer {
    struct conv2d conv;
    bool adds;   /* the second of a residual block */
    size_t w, b; /* offsets into the parameters: [KH*KW*C, N], [1, N] */
};

struct picture_net {
    int H, W, C; /* of the picture */
    int count;
    struct picture_layer layer[PICTURE_LAYERS_MAX];
};

/* The layers that c asks for, for a picture of H x W x C with sides of at least 16; their
 * parameters are added to p as pixels.conv<k>_w, _b. ONIC_ECONFIG: the picture is too small for
 * them. */
int picture_net_make(struct picture_net *n, const struct policy_config *c, int H, int W, int C,
                     struct params *p, struct onic_err *err);

size_t picture_net_floats(const struct picture_net *n, int map); /* of map `map`, for one picture */
double picture_net_macs(const struct picture_net *n);

/* Memory of a caller: maps 1 to count of M pictures, and what a block of them needs besides. */
struct picture_cache {
    float *map[PICTURE_LAYERS_MAX + 1];  /* [M, floats]; map[0] [PICTURE_BLOCK, floats] */
    float *dmap[PICTURE_LAYERS_MAX + 1]; /* [PICTURE_BLOCK, floats]; not of the ends */
    float *scratch;
};
/* Lays it out behind *at of memory (memory_cut). */
void picture_cache_cut(const struct picture_net *n, struct picture_cache *c, void *memory,
                       size_t *at, int M);

/* pixels [M, H*W*C], channels last. Fills the maps 1 to count. */
void picture_net_forward(const struct picture_net *n, const struct picture_cache *c,
                         const float *params, const uint8_t *pixels, int M);
/* dlast [M, floats of the last map] is used up; adds to grads. Of the last forward's pictures. */
void picture_net_backward(const struct picture_net *n, const struct picture_cache *c,
                          const float *params, const uint8_t *pixels, float *dlast, int M,
                          float *grads);

#endif /* ONIC_COMMON_POLICY_ENCODERS_PIXELS_PICTURE_NET_H */
