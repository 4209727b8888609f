/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_NN_KERNELS_H
#define ONIC_COMMON_NN_KERNELS_H

/* kernels.h - element-wise loops, compiled once for AVX2 and once for AVX-512 and chosen at run
 * time.
 *
 * Only these loops are compiled with -ffast-math (common/CMakeLists.txt), so nothing here may test
 * for NaN or infinity; what must be finite is checked by the callers (grad_clip.c, the learner's
 * loss). Pointers need no alignment; outputs must not overlap inputs unless a comment says in
 * place. Thread-safe. */

#include <stddef.h>
#include <stdint.h>

enum act { ACT_NONE, ACT_RELU, ACT_ELU, ACT_TANH };

struct kernels {
    const char *path; /* "avx2", "avx512" */

    /* y [n] = f(x [n]); y may be x. Relative error below 1e-6. */
    void (*tanh)(float *y, const float *x, size_t n);
    void (*sigmoid)(float *y, const float *x, size_t n);
    void (*exp)(float *y, const float *x, size_t n);
    void (*relu)(float *y, const float *x, size_t n);
    void (*elu)(float *y, const float *x, size_t n);

    /* y [M,N] = act(y + bias [N]) in place; bias may be NULL. ld: distance of rows. */
    void (*bias_act)(float *y, int ld, const float *bias, int M, int N, enum act act);
    /* dy [M,N] *= act'(.), from the activated output y, in place. */
    void (*act_backward)(float *dy, int lddy, const float *y, int ldy, int M, int N, enum act act);
    /* sum [N] += column sums of x [M,N] */
    void (*add_columns)(float *sum, const float *x, int ld, int M, int N);

    /* One LSTM step of B rows. gates [B,4H]: in the products, out the activations i, f, o, g. bias
     * [4H]. The forget gate gets +1, so that a new network remembers. c = f c_in + i g; h = o
     * tanh(c). */
    void (*lstm_cell)(float *h, int ldh, float *c, int ldc, float *tanh_c, float *gates,
                      const float *bias, const float *c_in, int ldc_in, int B, int H);
    /* gates [B,4H]: in the activations, out the gradient of the products. dh, dc [B,H]: gradients
     * of h and c; dc becomes the gradient of c_in. */
    void (*lstm_cell_backward)(float *gates, float *dc, const float *dh, const float *tanh_c,
                               const float *c_in, int B, int H);

    /* One GRU step of B rows. gates, rec [B,3H]: the products with x and with h_in; gates becomes
     * the activations r, z, n, and u_n [B,H] = rec_n + its bias. h = (1-z) n + z h_in; h may be
     * h_in.
     */
    void (*gru_cell)(float *h, float *gates, float *u_n, const float *rec, const float *b_x,
                     const float *b_h, const float *h_in, int B, int H);
    /* gates: in the activations, out the gradient of x W_x; rec [B,3H]: out the gradient of h W_h;
     * dh_direct [B,H] = dh z. */
    void (*gru_cell_backward)(float *gates, float *rec, float *dh_direct, const float *dh,
                              const float *u_n, const float *h_in, int B, int H);

    /* y [N] = start [N] (NULL: 0) + the rows idx[0..count) of table [.,N]. */
    void (*gather_sum)(float *y, const float *start, const float *table, const int32_t *idx,
                       int count, int N);
    /* rows idx[0..count) of table += dy [N] */
    void (*scatter_add)(float *table, const float *dy, const int32_t *idx, int count, int N);

    /* One Adam step of n values: g = scale * grad; m, v moments; p -= lr_t m / (sqrt(v) * v_scale +
     * eps). */
    void (*adam)(float *p, float *m, float *v, const float *grad, size_t n, float scale, float lr_t,
                 float beta1, float beta2, float v_scale, float eps);
    double (*sum_squares)(const float *x, size_t n);
    void (*axpy)(float *y, const float *x, float a, size_t n);       /* y += a x */
    void (*scale)(float *y, float a, size_t n);                      /* y *= a */
    void (*u8_scale)(float *y, const uint8_t *x, float a, size_t n); /* y = a x */
    /* y [M,N] = softmax of each row of x; y may be x. */
    void (*softmax_rows)(float *y, const float *x, int M, int N);
};

/* The widest set this CPU runs; the same on every call. */
const struct kernels *kernels(void);
/* By name, for tests and benchmarks; NULL when this CPU cannot run it or there is none such. */
const struct kernels *kernels_named(const char *path);

#endif /* ONIC_COMMON_NN_KERNELS_H */
