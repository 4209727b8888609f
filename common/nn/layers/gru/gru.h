/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_GRU_H
#define ONIC_COMMON_NN_LAYERS_GRU_H

/* gru.h - gated recurrent unit over sequences with resets inside, in the frameworks' form.
 *
 * Gates are side by side [r z n] in 3H columns, each with two biases. With x, h of B environments
 * and h' = h, or 0 where the step is reset: a = x W_x + b_x; u = h' W_h + b_h;
 * r, z = sigmoid(a_r + u_r, a_z + u_z);  n = tanh(a_n + r u_n);  h = (1 - z) n + z h'. A state is H
 * floats per environment. Letters: T steps, B environments, I inputs, H cells. Thread-safe when
 * caches differ. */

#include <stddef.h>
#include <stdint.h>

struct gru_weights {  /* also used for gradients */
    float *w_x;       /* [I, 3H] */
    float *w_h;       /* [H, 3H] */
    float *b_x, *b_h; /* [3H] */
};

/* What forward keeps for backward; floats each: T B 3H, T B 3H, (T+1) B H, T B H; backward's own:
 * B H + 3 H H. */
struct gru_cache {
    float *gates, *rec, *h_in, *u_n, *scratch;
};
size_t gru_cache_floats(int T, int B, int H);
/* cuts memory into the parts */
void gru_cache_set(struct gru_cache *c, float *memory, int T, int B, int H);

/* One step: state [B,H] is read and overwritten; x [B,I]; gates, rec [B,3H] and u_n [B,H] are
 * scratch. */
void gru_step(float *state, const float *x, const struct gru_weights *w, int B, int I, int H,
              float *gates, float *rec, float *u_n);
/* h [T,B,H] from x [T,B,I], state0 [B,H], reset [T,B] (NULL: none). */
void gru_forward(float *h, struct gru_cache *c, const float *x, const float *state0,
                 const uint8_t *reset, const struct gru_weights *w, int T, int B, int I, int H);
/* dh [T,B,H] is used up. d (weights) is added to; dx [T,B,I] is overwritten (NULL: not computed). T
 * may be shorter than in forward: later steps then count as having no gradient. The cache is used
 * up. */
void gru_backward(float *dx, const struct gru_weights *d, float *dh, struct gru_cache *c,
                  const float *x, const uint8_t *reset, const struct gru_weights *w, int T, int B,
                  int I, int H);

#endif /* ONIC_COMMON_NN_LAYERS_GRU_H */
