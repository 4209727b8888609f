/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_MINGRU_H
#define ONIC_COMMON_NN_LAYERS_MINGRU_H

/* mingru.h - the minimal gated recurrent unit (Feng et al., arXiv 2410.01201, appendix B.3) over
 * sequences with resets inside.
 *
 * Its gates see the input only, so there is no product with the state: 2 I H multiply-adds a row
 * where a GRU has 3 H (I + H). Gates are side by side [z c] in 2H columns: a = x W + b;
 * z = sigmoid(a_z);  c = g(a_c), g(a) = a + 1/2 for a >= 0, else sigmoid(a): positive;
 * h = (1 - z) h' + z c, h' = h of the step before, or 0 where the step is reset. A state is H
 * floats per environment. Letters: T steps, B environments, I inputs, H cells. Thread-safe when
 * caches differ. */

#include <stddef.h>
#include <stdint.h>

struct mingru_weights { /* also used for gradients */
    float *w;           /* [I, 2H] */
    float *b;           /* [2H] */
};

/* What forward keeps for backward; floats each: T B 2H, (T+1) B H; backward's own: B H. */
struct mingru_cache {
    float *gates, *h_in, *scratch;
};
size_t mingru_cache_floats(int T, int B, int H);
/* cuts memory into the parts */
void mingru_cache_set(struct mingru_cache *c, float *memory, int T, int B, int H);

/* One step: state [B,H] is read and overwritten; x [B,I]; gates [B,2H] is scratch. */
void mingru_step(float *state, const float *x, const struct mingru_weights *w, int B, int I, int H,
                 float *gates);
/* h [T,B,H] from x [T,B,I], state0 [B,H], reset [T,B] (NULL: none). */
void mingru_forward(float *h, struct mingru_cache *c, const float *x, const float *state0,
                    const uint8_t *reset, const struct mingru_weights *w, int T, int B, int I,
                    int H);
/* dh [T,B,H] is used up. d (weights) is added to; dx [T,B,I] is overwritten (NULL: not computed). T
 * may be shorter than in forward: later steps then count as having no gradient. The cache is used
 * up. */
void mingru_backward(float *dx, const struct mingru_weights *d, float *dh, struct mingru_cache *c,
                     const float *x, const uint8_t *reset, const struct mingru_weights *w, int T,
                     int B, int I, int H);

#endif /* ONIC_COMMON_NN_LAYERS_MINGRU_H */
