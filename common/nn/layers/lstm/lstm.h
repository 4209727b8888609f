/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_LAYERS_LSTM_H
#define ONIC_COMMON_NN_LAYERS_LSTM_H

/* lstm.h - long short-term memory over sequences with resets inside.
 *
 * Gates are concatenated [i f o | g] in 4H columns: one sigmoid loop covers three of them. With x,
 * h, c of B environments and [h' c'] = [h c], or 0 where the step is reset: a = x W_x + h' W_h + b;
 * i, f, o = sigmoid(a_i, a_f + 1, a_o);  g = tanh(a_g);  c = f c' + i g;  h = o tanh(c). A state is
 * stored per environment as [h | c], 2H floats. Letters: T steps, B environments, I inputs, H
 * cells. Thread-safe when caches differ. */

#include <stddef.h>
#include <stdint.h>

struct lstm_weights { /* also used for gradients */
    float *w_x;       /* [I, 4H] */
    float *w_h;       /* [H, 4H] */
    float *b;         /* [4H] */
};

/* What forward keeps for backward; floats each: T B 4H, (T+1) B H, (T+1) B H, T B H; backward's
 * own: 2 B H + 4 H H. */
struct lstm_cache {
    float *gates, *h_in, *c_in, *tanh_c, *scratch;
};
size_t lstm_cache_floats(int T, int B, int H);
/* cuts memory into the parts */
void lstm_cache_set(struct lstm_cache *c, float *memory, int T, int B, int H);

/* One step: state [B,2H] is read and overwritten; x [B,I]; gates [B,4H] and tanh_c [B,H] are
 * scratch. The new h is state[., 0..H). */
void lstm_step(float *state, const float *x, const struct lstm_weights *w, int B, int I, int H,
               float *gates, float *tanh_c);
/* h [T,B,H] from x [T,B,I], state0 [B,2H], reset [T,B] (NULL: none). */
void lstm_forward(float *h, struct lstm_cache *c, const float *x, const float *state0,
                  const uint8_t *reset, const struct lstm_weights *w, int T, int B, int I, int H);
/* dh [T,B,H] is used up. d (weights) is added to; dx [T,B,I] is overwritten (NULL: not computed). T
 * may be shorter than in forward: later steps then count as having no gradient. The cache is used
 * up. */
void lstm_backward(float *dx, const struct lstm_weights *d, float *dh, struct lstm_cache *c,
                   const float *x, const uint8_t *reset, const struct lstm_weights *w, int T, int B,
                   int I, int H);

#endif /* ONIC_COMMON_NN_LAYERS_LSTM_H */
