/* SPDX-License-Identifier: MIT */
/* kernels_impl.h - the loops of kernels.h. Included by kernels_avx2.c and kernels_avx512.c, which
 * differ only in the compiler's target and the width of a register; no include guard, because each
 * includes it once.
 *
 * Plain loops that the compiler vectorises. exp and tanh are our own: calls into libm would not be
 * vectorised by every compiler, and would make results depend on the installed libm. Fused
 * multiply-adds are written out where the order of operations carries the accuracy, because
 * -ffast-math may reorder anything else. */
#include <float.h>
#include <string.h>

#include "common/nn/kernels_sets.h"

typedef float vec __attribute__((vector_size(KERNELS_LANES * 4), aligned(4), may_alias));

/* No iteration reads what another writes, also where output and input are the same array. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

#define FMA(a, b, c) __builtin_fmaf((a), (b), (c))

/* 2^n e^r with x = n ln2 + r, |r| <= ln2/2: Taylor to r^7/7!, error 6e-9 relative before rounding.
 */
static inline float exp1(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float n = __builtin_rintf(x * 1.44269504f);
    float r = FMA(n, -0.693359375f, x); /* ln2 in two parts: n times the first is exact */
    r = FMA(n, 2.12194440e-4f, r);
    float p = FMA(r, 1.0f / 5040.0f, 1.0f / 720.0f);
    p = FMA(p, r, 1.0f / 120.0f);
    p = FMA(p, r, 1.0f / 24.0f);
    p = FMA(p, r, 1.0f / 6.0f);
    p = FMA(p, r, 0.5f);
    p = FMA(p, r, 1.0f);
    p = FMA(p, r, 1.0f);
    int32_t bits = ((int32_t)n + 127) << 23;
    float two_n;
    memcpy(&two_n, &bits, sizeof two_n);
    return p * two_n;
}

static inline float sigmoid1(float x)
{
    return 1.0f / (1.0f + exp1(-x));
}

/* (1 - e^-2a)/(1 + e^-2a) loses digits near 0; there the odd series to a^9 takes over. */
static inline float tanh1(float x)
{
    float a = __builtin_fabsf(x);
    float e = exp1(-2.0f * a);
    float big = (1.0f - e) / (1.0f + e);
    float s = x * x;
    float p = FMA(s, 62.0f / 2835.0f, -17.0f / 315.0f);
    p = FMA(p, s, 2.0f / 15.0f);
    p = FMA(p, s, -1.0f / 3.0f);
    float small = FMA(p * s, x, x);
    return a < 0.25f ? small : __builtin_copysignf(big, x);
}

static inline float relu1(float x)
{
    return x > 0.0f ? x : 0.0f;
}

static inline float elu1(float x)
{
    return x > 0.0f ? x : exp1(x) - 1.0f;
}

#define MAP(name)                                                                                  \
    static void k_##name(float *y, const float *x, size_t n)                                       \
    {                                                                                              \
        INDEPENDENT                                                                                \
        for (size_t i = 0; i < n; i++)                                                             \
            y[i] = name##1(x[i]);                                                                  \
    }
MAP(tanh)
MAP(sigmoid)
MAP(exp)
MAP(relu)
MAP(elu)

static void k_bias_act(float *y, int ld, const float *bias, int M, int N, enum act act)
{
    for (int r = 0; r < M; r++) {
        float *restrict row = y + (size_t)r * (size_t)ld;
        if (bias && act == ACT_RELU) { /* the common case in one pass */
            for (int j = 0; j < N; j++)
                row[j] = relu1(row[j] + bias[j]);
            continue;
        }
        if (bias)
            for (int j = 0; j < N; j++)
                row[j] += bias[j];
        if (act == ACT_RELU)
            k_relu(row, row, (size_t)N);
        else if (act == ACT_ELU)
            k_elu(row, row, (size_t)N);
        else if (act == ACT_TANH)
            k_tanh(row, row, (size_t)N);
    }
}

static void k_act_backward(float *dy, int lddy, const float *y, int ldy, int M, int N, enum act act)
{
    for (int r = 0; r < M; r++) {
        float *restrict d = dy + (size_t)r * (size_t)lddy;
        const float *restrict v = y + (size_t)r * (size_t)ldy;
        if (act == ACT_RELU)
            for (int j = 0; j < N; j++)
                d[j] = v[j] > 0.0f ? d[j] : 0.0f;
        else if (act == ACT_ELU)
            for (int j = 0; j < N; j++)
                d[j] *= v[j] > 0.0f ? 1.0f : v[j] + 1.0f;
        else if (act == ACT_TANH)
            for (int j = 0; j < N; j++)
                d[j] *= 1.0f - v[j] * v[j];
    }
}

static void k_add_columns(float *sum, const float *x, int ld, int M, int N)
{
    int r = 0;
    for (; r + 4 <= M; r += 4) { /* four rows per pass: a quarter of the traffic on sum */
        const float *restrict a = x + (size_t)r * (size_t)ld, *restrict b = a + ld;
        const float *restrict c = b + ld, *restrict d = c + ld;
        for (int j = 0; j < N; j++)
            sum[j] += (a[j] + b[j]) + (c[j] + d[j]);
    }
    for (; r < M; r++)
        for (int j = 0; j < N; j++)
            sum[j] += x[(size_t)r * (size_t)ld + (size_t)j];
}

static void k_lstm_cell(float *h, int ldh, float *c, int ldc, float *tanh_c, float *gates,
                        const float *bias, const float *c_in, int ldc_in, int B, int H)
{
    for (int r = 0; r < B; r++) {
        float *restrict g = gates + (size_t)r * 4 * (size_t)H;
        float *restrict hr = h + (size_t)r * (size_t)ldh, *restrict cr =
                                                              c + (size_t)r * (size_t)ldc;
        float *restrict tr = tanh_c + (size_t)r * (size_t)H;
        const float *ci = c_in + (size_t)r * (size_t)ldc_in; /* may be cr */
        for (int j = 0; j < H; j++)
            g[j] = sigmoid1(g[j] + bias[j]);
        for (int j = H; j < 2 * H; j++)
            g[j] = sigmoid1(g[j] + bias[j] + 1.0f);
        for (int j = 2 * H; j < 3 * H; j++)
            g[j] = sigmoid1(g[j] + bias[j]);
        for (int j = 3 * H; j < 4 * H; j++)
            g[j] = tanh1(g[j] + bias[j]);
        INDEPENDENT
        for (int j = 0; j < H; j++) {
            float v = g[H + j] * ci[j] + g[j] * g[3 * H + j];
            float t = tanh1(v);
            cr[j] = v;
            tr[j] = t;
            hr[j] = g[2 * H + j] * t;
        }
    }
}

static void k_lstm_cell_backward(float *gates, float *dc, const float *dh, const float *tanh_c,
                                 const float *c_in, int B, int H)
{
    for (int r = 0; r < B; r++) {
        float *restrict gi = gates + (size_t)r * 4 * (size_t)H, *restrict gf = gi + H;
        float *restrict go = gf + H, *restrict gg = go + H;
        float *restrict dcr = dc + (size_t)r * (size_t)H;
        const float *restrict dhr = dh + (size_t)r * (size_t)H;
        const float *restrict tr = tanh_c + (size_t)r * (size_t)H;
        const float *restrict ci = c_in + (size_t)r * (size_t)H;
        for (int j = 0; j < H; j++) {
            float i = gi[j], f = gf[j], o = go[j], g = gg[j], t = tr[j];
            float d = dcr[j] + dhr[j] * o * (1.0f - t * t);
            dcr[j] = d * f;
            gi[j] = d * g * i * (1.0f - i);
            gf[j] = d * ci[j] * f * (1.0f - f);
            go[j] = dhr[j] * t * o * (1.0f - o);
            gg[j] = d * i * (1.0f - g * g);
        }
    }
}

static void k_gru_cell(float *h, float *gates, float *u_n, const float *rec, const float *b_x,
                       const float *b_h, const float *h_in, int B, int H)
{
    for (int r = 0; r < B; r++) {
        float *restrict g = gates + (size_t)r * 3 * (size_t)H;
        const float *restrict u = rec + (size_t)r * 3 * (size_t)H;
        float *restrict un = u_n + (size_t)r * (size_t)H;
        float *hr = h + (size_t)r * (size_t)H;
        const float *hi = h_in + (size_t)r * (size_t)H; /* may be hr */
        for (int j = 0; j < 2 * H; j++)
            g[j] = sigmoid1(g[j] + b_x[j] + u[j] + b_h[j]);
        for (int j = 0; j < H; j++) {
            un[j] = u[2 * H + j] + b_h[2 * H + j];
            g[2 * H + j] = tanh1(g[2 * H + j] + b_x[2 * H + j] + g[j] * un[j]);
        }
        INDEPENDENT
        for (int j = 0; j < H; j++)
            hr[j] = g[2 * H + j] + g[H + j] * (hi[j] - g[2 * H + j]);
    }
}

static void k_gru_cell_backward(float *gates, float *rec, float *dh_direct, const float *dh,
                                const float *u_n, const float *h_in, int B, int H)
{
    for (int r = 0; r < B; r++) {
        float *restrict gr = gates + (size_t)r * 3 * (size_t)H, *restrict gz = gr + H;
        float *restrict gn = gz + H, *restrict ur = rec + (size_t)r * 3 * (size_t)H;
        float *restrict direct = dh_direct + (size_t)r * (size_t)H;
        const float *restrict d = dh + (size_t)r * (size_t)H;
        const float *restrict un = u_n + (size_t)r * (size_t)H;
        const float *restrict hi = h_in + (size_t)r * (size_t)H;
        for (int j = 0; j < H; j++) {
            float reset = gr[j], z = gz[j], n = gn[j];
            float dn = d[j] * (1.0f - z) * (1.0f - n * n);
            direct[j] = d[j] * z;
            ur[j] = gr[j] = dn * un[j] * reset * (1.0f - reset);
            ur[H + j] = gz[j] = d[j] * (hi[j] - n) * z * (1.0f - z);
            gn[j] = dn;
            ur[2 * H + j] = dn * reset;
        }
    }
}

static void k_gather_sum(float *y, const float *start, const float *table, const int32_t *idx,
                         int count, int N)
{
    int j = 0;
    for (; j + 4 * KERNELS_LANES <= N; j += 4 * KERNELS_LANES) { /* four registers of columns */
        vec a = {0}, b = {0}, c = {0}, d = {0};
        if (start) {
            const vec *s = (const vec *)(start + j);
            a = s[0], b = s[1], c = s[2], d = s[3];
        }
        for (int k = 0; k < count; k++) {
            const vec *s = (const vec *)(table + (size_t)idx[k] * (size_t)N + (size_t)j);
            a += s[0], b += s[1], c += s[2], d += s[3];
        }
        vec *o = (vec *)(y + j);
        o[0] = a, o[1] = b, o[2] = c, o[3] = d;
    }
    for (; j + KERNELS_LANES <= N; j += KERNELS_LANES) {
        vec a = {0};
        if (start)
            a = *(const vec *)(start + j);
        for (int k = 0; k < count; k++)
            a += *(const vec *)(table + (size_t)idx[k] * (size_t)N + (size_t)j);
        *(vec *)(y + j) = a;
    }
    for (; j < N; j++) {
        float a = start ? start[j] : 0.0f;
        for (int k = 0; k < count; k++)
            a += table[(size_t)idx[k] * (size_t)N + (size_t)j];
        y[j] = a;
    }
}

static void k_scatter_add(float *table, const float *dy, const int32_t *idx, int count, int N)
{
    for (int k = 0; k < count; k++) {
        float *restrict row = table + (size_t)idx[k] * (size_t)N;
        for (int j = 0; j < N; j++)
            row[j] += dy[j];
    }
}

static void k_adam(float *restrict p, float *restrict m, float *restrict v,
                   const float *restrict grad, size_t n, float scale, float lr_t, float beta1,
                   float beta2, float v_scale, float eps)
{
    for (size_t i = 0; i < n; i++) {
        float g = scale * grad[i];
        float a = beta1 * m[i] + (1.0f - beta1) * g;
        float b = beta2 * v[i] + (1.0f - beta2) * g * g;
        m[i] = a;
        v[i] = b;
        p[i] -= lr_t * a / (__builtin_sqrtf(b) * v_scale + eps);
    }
}

static double k_sum_squares(const float *x, size_t n)
{
    double sum = 0; /* float inside a block, double across blocks */
    for (size_t i = 0; i < n;) {
        size_t end = i + 4096 < n ? i + 4096 : n;
        float s = 0;
        for (; i < end; i++)
            s += x[i] * x[i];
        sum += (double)s;
    }
    return sum;
}

static void k_axpy(float *restrict y, const float *restrict x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void k_scale(float *y, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

static void k_u8_scale(float *restrict y, const uint8_t *restrict x, float a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a * (float)x[i];
}

static void k_softmax_rows(float *y, const float *x, int M, int N)
{
    for (int r = 0; r < M; r++) {
        const float *in = x + (size_t)r * (size_t)N;
        float *out = y + (size_t)r * (size_t)N;
        float top = -FLT_MAX, sum = 0;
        for (int j = 0; j < N; j++)
            top = in[j] > top ? in[j] : top;
        for (int j = 0; j < N; j++)
            out[j] = exp1(in[j] - top);
        for (int j = 0; j < N; j++)
            sum += out[j];
        float inv = 1.0f / sum;
        for (int j = 0; j < N; j++)
            out[j] *= inv;
    }
}

const struct kernels KERNELS_SET = {
    .path = KERNELS_PATH,
    .tanh = k_tanh,
    .sigmoid = k_sigmoid,
    .exp = k_exp,
    .relu = k_relu,
    .elu = k_elu,
    .bias_act = k_bias_act,
    .act_backward = k_act_backward,
    .add_columns = k_add_columns,
    .lstm_cell = k_lstm_cell,
    .lstm_cell_backward = k_lstm_cell_backward,
    .gru_cell = k_gru_cell,
    .gru_cell_backward = k_gru_cell_backward,
    .gather_sum = k_gather_sum,
    .scatter_add = k_scatter_add,
    .adam = k_adam,
    .sum_squares = k_sum_squares,
    .axpy = k_axpy,
    .scale = k_scale,
    .u8_scale = k_u8_scale,
    .softmax_rows = k_softmax_rows,
};
