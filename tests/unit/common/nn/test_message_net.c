/* SPDX-License-Identifier: MIT */
/* test_message_net.c - the caption network against plain loops over the full padded length. */
#include "common/nn/message_net.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "tests/onic_test.h"

enum { CAPTIONS = 6 };

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
static const char *const TEXT[CAPTIONS] = {
    "",
    "You kill the newt!",
    X50 X50 X50,
    "The door opens.",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"
    "nopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
    "abcdefghijklmnopqrstuvwxyz",
    "q"};

struct fixture {
    struct params p;
    struct message_net net;
    struct message_work *work;
    float *weights, *grads;
    double *w; /* the oracle's */
    uint16_t len[CAPTIONS];
};

static struct fixture *create(enum message_net_size size)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    message_net_create(&f->net, size, &f->p);
    f->work = message_work_create(&f->net);
    f->weights = xaligned(f->p.floats * sizeof(float));
    f->grads = xaligned(f->p.floats * sizeof(float));
    f->w = xcalloc(f->p.floats, sizeof(double));
    params_init(&f->p, f->weights, 3);
    for (size_t i = 0; i < f->p.floats; i++)
        f->w[i] = (double)f->weights[i];
    for (int i = 0; i < CAPTIONS; i++)
        f->len[i] = (uint16_t)strlen(TEXT[i]);
    return f;
}

static void destroy(struct fixture *f)
{
    message_work_free(f->work);
    free(f->weights);
    free(f->grads);
    free(f->w);
    free(f);
}

/* --- the oracle: every position, in double --------------------------------------------------- */

static double weighted(const double *x, const double *w, int inputs, int outputs, int n)
{
    double sum = 0;
    for (int i = 0; i < inputs; i++)
        sum += x[i] * w[(size_t)i * (size_t)outputs + (size_t)n];
    return sum;
}

static void oracle_stage(const struct fixture *f, const struct message_stage *s, double *y,
                         const double *x)
{
    int inputs = s->kind == STAGE_CONV ? s->k * s->in : s->in;
    for (int p = 0; p < s->positions; p++)
        for (int n = 0; n < s->out; n++) {
            double *out = &y[p * s->out + n];
            if (s->kind == STAGE_POOL)
                *out = fmax(x[3 * p * s->in + n],
                            fmax(x[(3 * p + 1) * s->in + n], x[(3 * p + 2) * s->in + n]));
            else if (s->kind == STAGE_FLATTEN)
                *out = x[n];
            else
                *out = fmax(0.0, f->w[s->b + (size_t)n] +
                                     weighted(x + p * s->in, f->w + s->w, inputs, s->out, n));
        }
}

static void oracle(const struct fixture *f, int caption, double *features)
{
    static double buffer[2][256 * 64];
    const struct message_stage *s = f->net.stage;
    for (int i = 0; i < f->net.bytes; i++) {
        int id = i < f->len[caption] ? (unsigned char)TEXT[caption][i] : 0;
        for (int j = 0; j < s->out; j++)
            buffer[0][i * s->out + j] = f->w[s->w + (size_t)(id * s->out + j)];
    }
    for (int i = 1; i < f->net.stages; i++)
        oracle_stage(f, &s[i], buffer[i % 2], buffer[(i + 1) % 2]);
    memcpy(features, buffer[(f->net.stages - 1) % 2],
           (size_t)message_net_features(&f->net) * sizeof *features);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void parameter_counts_are_those_of_the_specification(void **state)
{
    (void)state;
    struct fixture *f = create(MESSAGE_NET_LT_CNN), *small = create(MESSAGE_NET_LT_CNN_SMALL);
    assert_int_equal(params_count(&f->p), 141824);
    assert_int_equal(message_net_features(&f->net), 128);
    static const int positions[] = {256, 250, 83, 77, 25, 23, 21, 19, 17, 5, 1, 1};
    assert_int_equal(f->net.stages, 12);
    for (int i = 0; i < f->net.stages; i++)
        assert_int_equal(f->net.stage[i].positions, positions[i]);
    assert_int_equal(f->net.stage[10].out, 320);
    assert_int_equal(message_net_features(&small->net), 32);
    assert_int_equal(small->net.stage[small->net.stages - 3].out, 96);
    destroy(f);
    destroy(small);
}

/* Also shows that leaving out the padding changes nothing. */
static void features_are_those_of_the_full_padded_net(void **state)
{
    (void)state;
    for (int size = 0; size < 2; size++) {
        struct fixture *f = create((enum message_net_size)size);
        int n = message_net_features(&f->net);
        double want[128];
        const float *got =
            message_net_forward(&f->net, f->weights, TEXT, f->len, CAPTIONS, f->work);
        for (int m = 0; m < CAPTIONS; m++) {
            oracle(f, m, want);
            for (int j = 0; j < n; j++)
                assert_close(got[m * n + j], want[j], 1e-4, 1e-6);
        }
        destroy(f);
    }
}

static double oracle_loss(const struct fixture *f, const float *dout)
{
    double sum = 0, y[128];
    int n = message_net_features(&f->net);
    for (int m = 0; m < CAPTIONS; m++) {
        oracle(f, m, y);
        for (int j = 0; j < n; j++)
            sum += y[j] * (double)dout[m * n + j];
    }
    return sum;
}

/* Some elements of each tensor; all differences are of the full net. */
static void gradients_agree_with_differences_of_the_full_net(void **state)
{
    (void)state;
    const double h = 1e-6;
    struct rng r = rng_stream(5, "test", 0, 0, 0);
    for (int size = 0; size < 2; size++) {
        struct fixture *f = create((enum message_net_size)size);
        float dout[CAPTIONS * 128], used[CAPTIONS * 128];
        for (int i = 0; i < CAPTIONS * 128; i++)
            used[i] = dout[i] = rng_normal(&r);
        message_net_forward(&f->net, f->weights, TEXT, f->len, CAPTIONS, f->work);
        message_net_backward(&f->net, f->weights, f->grads, used, f->work);
        for (int t = 0; t < f->p.count; t++)
            for (int i = 0; i < 4; i++) {
                const struct param *q = &f->p.param[t];
                uint32_t row = rng_below(&r, (uint32_t)q->rows);
                if (t == 0) /* an embedding that is used */
                    row = (uint32_t) "xoea"[i];
                size_t at = q->offset + row * (size_t)q->cols + rng_below(&r, (uint32_t)q->cols);
                double kept = f->w[at];
                f->w[at] = kept + h;
                double up = oracle_loss(f, dout);
                f->w[at] = kept - h;
                double down = oracle_loss(f, dout);
                f->w[at] = kept;
                assert_close(f->grads[at], (up - down) / (2 * h), 2e-3, 1e-4);
            }
        destroy(f);
    }
}

static void the_padding_stays_zero(void **state)
{
    (void)state;
    struct fixture *f = create(MESSAGE_NET_LT_CNN_SMALL);
    float dout[CAPTIONS * 32];
    for (int i = 0; i < CAPTIONS * 32; i++)
        dout[i] = 1.0f;
    message_net_forward(&f->net, f->weights, TEXT, f->len, CAPTIONS, f->work);
    message_net_backward(&f->net, f->weights, f->grads, dout, f->work);
    for (int j = 0; j < 16; j++) {
        assert_close(f->weights[j], 0, 0, 0);
        assert_close(f->grads[j], 0, 0, 0);
    }
    destroy(f);
}

/* Weights of a formula; numbers of tests/golden/make_message_net.py. */
static void set_golden_weights(struct fixture *f)
{
    for (int t = 0; t < f->p.count; t++) {
        const struct param *q = &f->p.param[t];
        int inputs = t == 0 ? 1 : t % 2 ? q->rows : f->p.param[t - 1].rows;
        for (int j = 0; j < q->rows * q->cols; j++)
            f->weights[q->offset + (size_t)j] =
                (float)(((double)((31LL * j * j + 7919LL * j + 104729LL * t) % 2003) / 1001.5 - 1) *
                        2.4 / sqrt((double)inputs));
    }
    memset(f->weights, 0, (size_t)f->net.stage[0].out * sizeof *f->weights); /* the padding */
}

static void golden(enum message_net_size size, const int at[5], const double want[3][6])
{
    struct fixture *f = create(size);
    set_golden_weights(f);
    int n = message_net_features(&f->net);
    const float *y = message_net_forward(&f->net, f->weights, TEXT, f->len, 3, f->work);
    for (int m = 0; m < 3; m++) {
        double sum = 0;
        for (int j = 0; j < n; j++)
            sum += (double)y[m * n + j];
        assert_close(sum, want[m][5], 1e-4, 1e-5);
        for (int i = 0; i < 5; i++)
            assert_close(y[m * n + at[i]], want[m][i], 1e-4, 1e-5);
    }
    destroy(f);
}

static void features_are_the_golden_numbers(void **state)
{
    (void)state;
    static const double big[3][6] = {
        {0.099023, 0.472277, 0.000000, 0.229030, 0.165474, 20.757415},
        {0.000000, 0.678768, 0.000000, 0.276608, 0.194811, 26.486269},
        {1.028382, 2.247450, 0.000000, 0.000000, 1.262478, 124.181067}};
    static const double small[3][6] = {
        {0.645915, 0.000000, 0.799178, 0.208525, 0.000000, 7.692312},
        {2.355643, 0.073185, 0.836940, 1.036767, 0.221177, 17.795406},
        {1.529538, 0.000000, 2.302879, 0.954684, 0.000000, 19.842909}};
    golden(MESSAGE_NET_LT_CNN, (const int[5]){0, 1, 17, 64, 127}, big);
    golden(MESSAGE_NET_LT_CNN_SMALL, (const int[5]){0, 5, 9, 20, 31}, small);
}

/* The same bits from a workspace in given memory, which is never left and never grows. */
static void a_placed_workspace_does_the_same_without_allocating(void **state)
{
    (void)state;
    for (int size = 0; size < 2; size++) {
        struct fixture *f = create((enum message_net_size)size),
                       *g = create((enum message_net_size)size);
        size_t bytes = 0, at = 0, features = CAPTIONS * (size_t)message_net_features(&f->net);
        message_work_place(&f->net, CAPTIONS, NULL, &bytes);
        unsigned char *memory = xaligned(bytes + 64);
        memset(memory, 0xa5, bytes + 64);
        struct message_work *placed = message_work_place(&f->net, CAPTIONS, memory, &at);
        assert_int_equal(at, bytes);
        float dout[2][CAPTIONS * 128];
        for (int i = 0; i < CAPTIONS * 128; i++)
            dout[0][i] = dout[1][i] = (float)(i % 7) - 3.0f;
        const float *grown =
            message_net_forward(&f->net, f->weights, TEXT, f->len, CAPTIONS, f->work);
        message_net_backward(&f->net, f->weights, f->grads, dout[0], f->work);
        uint64_t calls = xmalloc_calls();
        const float *got = message_net_forward(&f->net, f->weights, TEXT, f->len, CAPTIONS, placed);
        message_net_backward(&f->net, f->weights, g->grads, dout[1], placed);
        assert_int_equal(xmalloc_calls(), calls);
        assert_memory_equal(got, grown, features * sizeof *got);
        assert_memory_equal(f->grads, g->grads, f->p.floats * sizeof *f->grads);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(memory[bytes + i], 0xa5);
        free(memory);
        destroy(f);
        destroy(g);
    }
}

/* Multiply-adds of ONI's message CNN: three convolutions and the first dense layer. */
static void its_cost_is_that_of_the_specification(void **state)
{
    (void)state;
    struct fixture *f = create(MESSAGE_NET_LT_CNN);
    assert_close(message_net_macs(&f->net), 3584000 + 2207744 + 983040 + 40960, 0, 0);
    destroy(f);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameter_counts_are_those_of_the_specification),
        cmocka_unit_test(features_are_those_of_the_full_padded_net),
        cmocka_unit_test(gradients_agree_with_differences_of_the_full_net),
        cmocka_unit_test(the_padding_stays_zero),
        cmocka_unit_test(a_placed_workspace_does_the_same_without_allocating),
        cmocka_unit_test(its_cost_is_that_of_the_specification),
        cmocka_unit_test(features_are_the_golden_numbers),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
