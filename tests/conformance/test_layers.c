/* SPDX-License-Identifier: MIT */
/* test_layers.c - what every layer of layers.def must do: agree with a naive computation in double,
 * have gradients that finite differences of that computation confirm, add to parameter gradients,
 * and give the same bits twice.
 *
 * A layer is presented as a function of up to four float arrays (inputs and parameters). The oracle
 * computes the same function in double with plain loops; differences are taken of the oracle, so
 * they are exact to about 1e-7. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/conv1d/conv1d.h"
#include "common/nn/layers/conv2d/conv2d.h"
#include "common/nn/layers/dense/dense.h"
#include "common/nn/layers/embedding/embedding.h"
#include "common/nn/layers/gather_sum/gather_sum.h"
#include "common/nn/layers/gru/gru.h"
#include "common/nn/layers/layernorm/layernorm.h"
#include "common/nn/layers/lstm/lstm.h"
#include "common/nn/layers/maxpool1d/maxpool1d.h"
#include "common/nn/layers/mingru/mingru.h"
#include "common/nn/layers/softmax_ce/softmax_ce.h"
#include "tests/onic_test.h"

enum { ARRAYS = 6 };

/* One layer at one size. */
struct layer_case {
    int size[8]; /* meaning is the layer's own */
    enum act act;
    int count[ARRAYS]; /* floats of each input array; 0 ends */
    bool adds[ARRAYS]; /* its gradient is added to; else overwritten */
    bool no_grad[ARRAYS];
    int outputs;
    int32_t idx[512], places[64]; /* look-ups, targets */
    uint8_t reset[64];
    float *memory; /* scratch, caches */
};

struct layer_test {
    const char *id;
    /* fills size, count, outputs */
    void (*setup)(struct layer_case *c, int variant, struct rng *r);
    void (*forward)(struct layer_case *c, float *y, float *const in[]);
    void (*backward)(struct layer_case *c, float *const d[], float *dy, const float *y,
                     float *const in[]);
    void (*oracle)(const struct layer_case *c, double *y, double *const in[]);
};

static double act_double(double x, enum act act)
{
    switch (act) {
    case ACT_RELU:
        return x > 0 ? x : 0;
    case ACT_ELU:
        return x > 0 ? x : exp(x) - 1;
    case ACT_TANH:
        return tanh(x);
    case ACT_NONE:
        break;
    }
    return x;
}

static const enum act acts[4] = {ACT_NONE, ACT_RELU, ACT_ELU, ACT_TANH};

/* --- dense: x [M,K], w, b -------------------------------------------------------------------- */

static void dense_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][3] = {{1, 1, 1}, {7, 13, 5}, {1, 33, 17}, {19, 64, 70}};
    (void)r;
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    int M = c->size[0], K = c->size[1], N = c->size[2];
    c->act = acts[variant];
    c->count[0] = M * K, c->count[1] = K * N, c->count[2] = N;
    c->adds[1] = c->adds[2] = true;
    c->outputs = M * N;
}

static void dense_f(struct layer_case *c, float *y, float *const in[])
{
    int M = c->size[0], K = c->size[1], N = c->size[2];
    dense_forward(y, N, in[0], K, in[1], in[2], M, K, N, c->act);
}

static void dense_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                    float *const in[])
{
    int M = c->size[0], K = c->size[1], N = c->size[2];
    dense_backward(d[0], K, d[1], d[2], dy, N, in[0], K, y, N, in[1], M, K, N, c->act);
}

static void dense_o(const struct layer_case *c, double *y, double *const in[])
{
    int M = c->size[0], K = c->size[1], N = c->size[2];
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            double s = in[2][n];
            for (int k = 0; k < K; k++)
                s += in[0][m * K + k] * in[1][k * N + n];
            y[m * N + n] = act_double(s, c->act);
        }
}

/* --- embedding: table [R,D] ------------------------------------------------------------------ */

static void embedding_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][4] = {{1, 1, 1, 1}, {3, 5, 7, 6}, {2, 9, 16, 11}, {4, 3, 33, 5}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]); /* M, L, D, R */
    int M = c->size[0], L = c->size[1], D = c->size[2], R = c->size[3];
    for (int i = 0; i < M * L; i++)
        c->idx[i] = (int32_t)rng_below(r, (uint32_t)R); /* repeats: gradients must add up */
    c->count[0] = R * D;
    c->adds[0] = true;
    c->outputs = M * L * D;
}

static void embedding_idx(const struct layer_case *c, int16_t *idx)
{
    for (int i = 0; i < c->size[0] * c->size[1]; i++)
        idx[i] = (int16_t)c->idx[i];
}

static void embedding_f(struct layer_case *c, float *y, float *const in[])
{
    int16_t idx[512];
    embedding_idx(c, idx);
    embedding_forward(y, idx, in[0], c->size[0], c->size[1], c->size[2]);
}

static void embedding_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                        float *const in[])
{
    (void)y, (void)in;
    int16_t idx[512];
    embedding_idx(c, idx);
    embedding_backward(d[0], dy, idx, c->size[0], c->size[1], c->size[2]);
}

static void embedding_o(const struct layer_case *c, double *y, double *const in[])
{
    int D = c->size[2];
    for (int i = 0; i < c->size[0] * c->size[1]; i++)
        for (int j = 0; j < D; j++)
            y[i * D + j] = in[0][c->idx[i] * D + j];
}

/* --- gather_sum: table [R,N], b -------------------------------------------------------------- */

static void gather_sum_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][4] = {{1, 1, 1, 1}, {5, 7, 19, 11}, {1, 9, 64, 30}, {6, 4, 147, 8}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]); /* M, L, N, R */
    int M = c->size[0], L = c->size[1], N = c->size[2], R = c->size[3];
    for (int i = 0; i < M * L; i++)
        c->idx[i] = (int32_t)rng_below(r, (uint32_t)R);
    for (int m = 0; m < M; m++)
        c->places[m] = m == 0 ? L : (int32_t)rng_below(r, (uint32_t)L + 1); /* also none */
    c->act = acts[variant];
    c->count[0] = R * N, c->count[1] = N;
    c->adds[0] = c->adds[1] = true;
    c->outputs = M * N;
}

static void gather_sum_f(struct layer_case *c, float *y, float *const in[])
{
    gather_sum_forward(y, c->size[2], c->idx, c->places, c->size[1], in[0], in[1], c->size[0],
                       c->size[2], c->act);
}

static void gather_sum_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                         float *const in[])
{
    (void)in;
    gather_sum_backward(d[0], d[1], dy, c->size[2], y, c->size[2], c->idx, c->places, c->size[1],
                        c->size[0], c->size[2], c->act);
}

static void gather_sum_o(const struct layer_case *c, double *y, double *const in[])
{
    int L = c->size[1], N = c->size[2];
    for (int m = 0; m < c->size[0]; m++)
        for (int n = 0; n < N; n++) {
            double s = in[1][n];
            for (int l = 0; l < c->places[m]; l++)
                s += in[0][c->idx[m * L + l] * N + n];
            y[m * N + n] = act_double(s, c->act);
        }
}

#include "tests/conformance/convolution_layers.h"
#include "tests/conformance/recurrent_layers.h"

/* --- layernorm: x [M,N], gain, bias ---------------------------------------------------------- */

static void layernorm_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][2] = {{1, 1}, {1, 7}, {5, 64}, {3, 33}};
    (void)r;
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    int M = c->size[0], N = c->size[1];
    c->count[0] = c->outputs = M * N;
    c->count[1] = c->count[2] = N;
    c->adds[1] = c->adds[2] = true;
    c->memory = xaligned((size_t)(M * N + M) * sizeof(float));
}

static void layernorm_f(struct layer_case *c, float *y, float *const in[])
{
    layernorm_forward(y, c->memory, c->memory + c->outputs, in[0], in[1], in[2], c->size[0],
                      c->size[1]);
}

static void layernorm_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                        float *const in[])
{
    (void)y;
    layernorm_backward(d[0], d[1], d[2], dy, c->memory, c->memory + c->outputs, in[1], c->size[0],
                       c->size[1]);
}

static void layernorm_o(const struct layer_case *c, double *y, double *const in[])
{
    int N = c->size[1];
    for (int m = 0; m < c->size[0]; m++) {
        const double *x = in[0] + m * N;
        double mean = 0, var = 0;
        for (int i = 0; i < N; i++)
            mean += x[i] / N;
        for (int i = 0; i < N; i++)
            var += (x[i] - mean) * (x[i] - mean) / N;
        for (int i = 0; i < N; i++)
            y[m * N + i] = in[1][i] * (x[i] - mean) / sqrt(var + 1e-5) + in[2][i];
    }
}

/* --- softmax_ce: logits [M,N] -> loss [M] ---------------------------------------------------- */

static void softmax_ce_setup(struct layer_case *c, int variant, struct rng *r)
{
    static const int sizes[4][2] = {{1, 1}, {1, 7}, {5, 28}, {3, 2}};
    memcpy(c->size, sizes[variant], sizeof sizes[0]);
    for (int m = 0; m < c->size[0]; m++)
        c->idx[m] = (int32_t)rng_below(r, (uint32_t)c->size[1]);
    c->count[0] = c->size[0] * c->size[1];
    c->adds[0] = true;
    c->outputs = c->size[0];
    c->memory = xaligned((size_t)c->count[0] * sizeof(float));
}

static void softmax_ce_f(struct layer_case *c, float *y, float *const in[])
{
    softmax_ce_forward(c->memory, y, in[0], c->idx, c->size[0], c->size[1]);
}

static void softmax_ce_b(struct layer_case *c, float *const d[], float *dy, const float *y,
                         float *const in[])
{
    (void)y, (void)in;
    softmax_ce_backward(d[0], dy, c->memory, c->idx, c->size[0], c->size[1]);
}

static void softmax_ce_o(const struct layer_case *c, double *y, double *const in[])
{
    for (int m = 0; m < c->size[0]; m++) {
        double sum = 0;
        for (int n = 0; n < c->size[1]; n++)
            sum += exp(in[0][m * c->size[1] + n]);
        y[m] = log(sum) - in[0][m * c->size[1] + c->idx[m]];
    }
}

/* --- the tests ------------------------------------------------------------------------------- */

#define LAYER(id)                                                                                  \
    static const struct layer_test layer_##id = {#id, id##_setup, id##_f, id##_b, id##_o};
#include "common/nn/layers/layers.def"
#undef LAYER

struct run {
    struct layer_case c;
    float *in[ARRAYS], *d[ARRAYS], *y, *dy;
    double *in_double[ARRAYS], *y_double;
};

static struct run *run_create(const struct layer_test *l, int variant)
{
    struct run *t = xcalloc(1, sizeof *t);
    struct rng r = rng_stream(11, l->id, (uint64_t)variant, 0, 0);
    l->setup(&t->c, variant, &r);
    for (int k = 0; k < ARRAYS; k++) {
        size_t n = (size_t)t->c.count[k];
        t->in[k] = xcalloc(n + 1, sizeof(float));
        t->d[k] = xcalloc(n + 1, sizeof(float));
        t->in_double[k] = xcalloc(n + 1, sizeof(double));
        for (size_t i = 0; i < n; i++) {
            t->in[k][i] = 0.5f * rng_normal(&r);
            t->in_double[k][i] = (double)t->in[k][i];
        }
    }
    size_t n = (size_t)t->c.outputs;
    t->y = xcalloc(n + 1, sizeof(float));
    t->dy = xcalloc(n, sizeof(float));
    t->y_double = xcalloc(n, sizeof(double));
    t->y[n] = 12345.0f; /* guard */
    for (size_t i = 0; i < n; i++)
        t->dy[i] = rng_normal(&r);
    return t;
}

static void run_free(struct run *t)
{
    for (int k = 0; k < ARRAYS; k++) {
        free(t->in[k]);
        free(t->d[k]);
        free(t->in_double[k]);
    }
    free(t->y);
    free(t->dy);
    free(t->y_double);
    free(t->c.memory);
    free(t);
}

/* Backward with a copy of dy, because layers may use it up; caches are made fresh. */
static void run_backward(const struct layer_test *l, struct run *t)
{
    size_t bytes = (size_t)t->c.outputs * sizeof(float);
    float *dy = xcalloc(1, bytes);
    memcpy(dy, t->dy, bytes);
    l->forward(&t->c, t->y, t->in);
    l->backward(&t->c, t->d, dy, t->y, t->in);
    free(dy);
}

static void forward_agrees_with_the_oracle(const struct layer_test *l, int variant)
{
    struct run *t = run_create(l, variant);
    l->forward(&t->c, t->y, t->in);
    l->oracle(&t->c, t->y_double, t->in_double);
    for (int i = 0; i < t->c.outputs; i++)
        assert_close(t->y[i], t->y_double[i], 1e-5, 2e-6);
    assert_close(t->y[t->c.outputs], 12345.0, 0, 0);
    run_free(t);
}

static double oracle_loss(const struct layer_test *l, struct run *t)
{
    double sum = 0;
    l->oracle(&t->c, t->y_double, t->in_double);
    for (int i = 0; i < t->c.outputs; i++)
        sum += t->y_double[i] * (double)t->dy[i];
    return sum;
}

static void gradients_agree_with_differences(const struct layer_test *l, int variant)
{
    struct run *t = run_create(l, variant);
    run_backward(l, t);
    const double h = 1e-6;
    for (int k = 0; k < ARRAYS; k++)
        for (int i = 0; i < t->c.count[k] && !t->c.no_grad[k]; i++) {
            double kept = t->in_double[k][i];
            t->in_double[k][i] = kept + h;
            double up = oracle_loss(l, t);
            t->in_double[k][i] = kept - h;
            double down = oracle_loss(l, t);
            t->in_double[k][i] = kept;
            assert_close(t->d[k][i], (up - down) / (2 * h), 1e-3, 2e-5);
        }
    run_free(t);
}

static void parameter_gradients_add_up(const struct layer_test *l, int variant)
{
    struct run *t = run_create(l, variant);
    run_backward(l, t);
    float *first[ARRAYS];
    for (int k = 0; k < ARRAYS; k++) {
        first[k] = xcalloc((size_t)t->c.count[k] + 1, sizeof(float));
        memcpy(first[k], t->d[k], (size_t)t->c.count[k] * sizeof(float));
    }
    run_backward(l, t);
    for (int k = 0; k < ARRAYS; k++) {
        for (int i = 0; i < t->c.count[k]; i++)
            assert_close(t->d[k][i], (t->c.adds[k] ? 2.0f : 1.0f) * first[k][i], 1e-5, 1e-6);
        free(first[k]);
    }
    run_free(t);
}

static void running_twice_gives_the_same_bits(const struct layer_test *l, int variant)
{
    struct run *a = run_create(l, variant), *b = run_create(l, variant);
    run_backward(l, a);
    run_backward(l, b);
    assert_memory_equal(a->y, b->y, (size_t)a->c.outputs * sizeof(float));
    for (int k = 0; k < ARRAYS; k++)
        assert_memory_equal(a->d[k], b->d[k], (size_t)a->c.count[k] * sizeof(float));
    run_free(a);
    run_free(b);
}

static void check_layer(void **state)
{
    const struct layer_test *l = *state;
    for (int variant = 0; variant < 4; variant++) { /* the first has every size 1 */
        forward_agrees_with_the_oracle(l, variant);
        gradients_agree_with_differences(l, variant);
        parameter_gradients_add_up(l, variant);
        running_twice_gives_the_same_bits(l, variant);
    }
}

/* Without a gradient at its end a sequence may be cut there: same result. */
static void lstm_backward_may_stop_early(void **state)
{
    (void)state;
    struct run *a = run_create(&layer_lstm, 2), *b = run_create(&layer_lstm, 2);
    int T = a->c.size[0], BH = a->c.size[1] * a->c.size[3];
    memset(a->dy + (T - 2) * BH, 0, (size_t)(2 * BH) * sizeof(float));
    run_backward(&layer_lstm, a);
    struct lstm_cache cache;
    struct lstm_weights w = {b->in[1], b->in[2], b->in[3]}, dw = {b->d[1], b->d[2], b->d[3]};
    lstm_f(&b->c, b->y, b->in);
    memcpy(b->dy, a->dy, (size_t)(T * BH) * sizeof(float));
    lstm_cache_set(&cache, b->c.memory, T, b->c.size[1], b->c.size[3]);
    lstm_backward(b->d[0], &dw, b->dy, &cache, b->in[0], b->c.reset, &w, T - 2, b->c.size[1],
                  b->c.size[2], b->c.size[3]);
    for (int k = 1; k < 4; k++)
        for (int i = 0; i < a->c.count[k]; i++)
            assert_close(b->d[k][i], a->d[k][i], 1e-5, 1e-6);
    run_free(a);
    run_free(b);
}

static void lstm_step_equals_one_step_of_a_sequence(void **state)
{
    (void)state;
    struct run *t = run_create(&layer_lstm, 1);
    int B = t->c.size[1], I = t->c.size[2], H = t->c.size[3];
    memset(t->c.reset, 0, sizeof t->c.reset);
    lstm_f(&t->c, t->y, t->in);
    struct lstm_weights w = {t->in[1], t->in[2], t->in[3]};
    float gates[64 * 4], tanh_c[64];
    lstm_step(t->in[4], t->in[0], &w, B, I, H, gates, tanh_c);
    for (int b = 0; b < B; b++)
        for (int j = 0; j < H; j++)
            assert_close(t->in[4][b * 2 * H + j], t->y[b * H + j], 1e-6, 1e-7);
    run_free(t);
}

static void gru_backward_may_stop_early(void **state)
{
    (void)state;
    struct run *a = run_create(&layer_gru, 2), *b = run_create(&layer_gru, 2);
    int T = a->c.size[0], BH = a->c.size[1] * a->c.size[3];
    memset(a->dy + (T - 2) * BH, 0, (size_t)(2 * BH) * sizeof(float));
    run_backward(&layer_gru, a);
    struct gru_cache cache;
    struct gru_weights w = {b->in[1], b->in[2], b->in[3], b->in[4]};
    struct gru_weights dw = {b->d[1], b->d[2], b->d[3], b->d[4]};
    gru_f(&b->c, b->y, b->in);
    memcpy(b->dy, a->dy, (size_t)(T * BH) * sizeof(float));
    gru_cache_set(&cache, b->c.memory, T, b->c.size[1], b->c.size[3]);
    gru_backward(b->d[0], &dw, b->dy, &cache, b->in[0], b->c.reset, &w, T - 2, b->c.size[1],
                 b->c.size[2], b->c.size[3]);
    for (int k = 1; k < 5; k++)
        for (int i = 0; i < a->c.count[k]; i++)
            assert_close(b->d[k][i], a->d[k][i], 1e-5, 1e-6);
    run_free(a);
    run_free(b);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define LAYER(id) {"layer/" #id, check_layer, NULL, NULL, (void *)(uintptr_t)&layer_##id},
#include "common/nn/layers/layers.def"
#undef LAYER
        cmocka_unit_test(lstm_backward_may_stop_early),
        cmocka_unit_test(lstm_step_equals_one_step_of_a_sequence),
        cmocka_unit_test(gru_backward_may_stop_early),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
