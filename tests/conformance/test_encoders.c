/* SPDX-License-Identifier: MIT */
/* test_encoders.c - what every encoder of encoders.def must do, whatever the observation holds. */
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/policy/encoders/encoder.h"
#include "tests/onic_test.h"

enum { ROWS = 13 };

/* The types and shapes environments give the fields encoders name (deploy/interface.md section 4).
 * */
static struct obs_spec spec_for(const struct encoder_type *e)
{
    static const struct {
        const char *name;
        enum obs_type type;
        int ndim, shape[3];
    } known[] = {
        {"image", OBS_U8, 3, {7, 7, 3}},     {"direction", OBS_U8, 1, {1}},
        {"glyphs", OBS_I16, 2, {21, 79}},    {"blstats", OBS_I64, 1, {27}},
        {"message", OBS_U8, 1, {256}},       {"tty_chars", OBS_U8, 2, {24, 80}},
        {"tty_colors", OBS_I8, 2, {24, 80}}, {"tty_cursor", OBS_U8, 1, {2}},
        {"chars", OBS_U8, 2, {21, 79}},      {"colors", OBS_U8, 2, {21, 79}},
        {"reals", OBS_F32, 1, {5}},          {"words", OBS_I32, 1, {3}},
    };
    struct obs_spec s = {0};
    if (e->has_pictures) {
        obs_spec_add(&s, "frame", OBS_U8, 3, (const int[]){31, 16, 3});
        obs_spec_add(&s, "direction", OBS_U8, 1, (const int[]){1});
        obs_spec_add(&s, "reals", OBS_F32, 1, (const int[]){5});
        return s;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (encoder_reads(e, known[i].name))
            obs_spec_add(&s, known[i].name, known[i].type, known[i].ndim, known[i].shape);
    return s;
}

struct encoder_run {
    const struct encoder_type *e;
    void *self, *cache;
    struct params params;
    float *block, *grads, *out, *dout;
    uint8_t *obs;
    const uint8_t *rows[ROWS];
    int width;
};

/* Observations are random bytes at odd addresses: worse than any peer can send. */
static struct encoder_run *run_create(const struct encoder_type *e)
{
    struct encoder_run *t = xcalloc(1, sizeof *t);
    struct policy_config c = {.hidden = e->hidden, .core_size = 8, .actions = {.n = 3}};
    struct rng r = rng_stream(1, e->id, 0, 0, 0);
    c.obs = spec_for(e);
    t->e = e;
    assert_ok(encoder_check(e, &c.obs, &err));
    assert_ok(e->create(&t->self, &c, &t->params, &err));
    t->width = e->width(t->self);
    t->block = xaligned(t->params.floats * sizeof(float));
    t->grads = xaligned(t->params.floats * sizeof(float));
    params_init(&t->params, t->block, 1);
    t->cache = xaligned(e->cache(t->self, NULL, ROWS) + 64);
    memset(t->cache, 0xa5, e->cache(t->self, NULL, ROWS) + 64);
    assert_int_equal(e->cache(t->self, t->cache, ROWS), e->cache(t->self, NULL, ROWS));
    t->out = xcalloc((size_t)(ROWS * t->width), sizeof(float));
    t->dout = xcalloc((size_t)(ROWS * t->width), sizeof(float));
    size_t stride = c.obs.obs_bytes + 1;
    t->obs = xcalloc(ROWS, stride);
    for (size_t i = 0; i < ROWS * stride; i++)
        t->obs[i] = (uint8_t)rng_u32(&r);
    for (size_t i = 0; i < ROWS; i++)
        t->rows[i] = t->obs + i * stride;
    for (int i = 0; i < ROWS * t->width; i++)
        t->dout[i] = rng_normal(&r);
    return t;
}

static void run_free(struct encoder_run *t)
{
    t->e->free(t->self);
    free(t->cache);
    free(t->block);
    free(t->grads);
    free(t->out);
    free(t->dout);
    free(t->obs);
    free(t);
}

static void check_encoder(void **state)
{
    const struct encoder_type *e = *state;
    struct encoder_run *t = run_create(e);
    size_t floats = (size_t)(ROWS * t->width);
    assert_true(t->width >= 1 && e->macs(t->self) > 0 && e->hidden > 0 && e->core_size > 0);
    uint64_t allocations = xmalloc_calls();
    e->forward(t->self, t->cache, t->block, t->rows, ROWS, t->out);
    float *dout = t->dout, *first = t->out;
    e->backward(t->self, t->cache, t->block, t->out, dout, ROWS - 2, t->grads);
    assert_int_equal(xmalloc_calls(), allocations);
    for (size_t i = 0; i < floats; i++)
        assert_true(isfinite(first[i]) && fabsf(first[i]) < 1e4f);
    double norm = 0;
    for (size_t i = 0; i < t->params.floats; i++)
        norm += (double)t->grads[i] * (double)t->grads[i];
    assert_true(isfinite(norm) && norm > 0);
    const uint8_t *guard = (const uint8_t *)t->cache + e->cache(t->self, NULL, ROWS);
    for (int i = 0; i < 64; i++)
        assert_int_equal(guard[i], 0xa5);
    /* a row's features do not depend on its neighbours beyond rounding */
    float *alone = xcalloc((size_t)t->width, sizeof *alone);
    for (int i = 0; i < ROWS; i += 6) {
        e->forward(t->self, t->cache, t->block, t->rows + i, 1, alone);
        for (int j = 0; j < t->width; j++)
            assert_close(alone[j], first[i * t->width + j], 1e-4, 1e-4);
    }
    free(alone);
    run_free(t);
}

static void check_same_bits(void **state)
{
    struct encoder_run *a = run_create(*state), *b = run_create(*state);
    struct encoder_run *both[] = {a, b};
    for (int k = 0; k < 2; k++) {
        struct encoder_run *t = both[k];
        t->e->forward(t->self, t->cache, t->block, t->rows, ROWS, t->out);
        t->e->backward(t->self, t->cache, t->block, t->out, t->dout, ROWS, t->grads);
    }
    assert_memory_equal(a->out, b->out, (size_t)(ROWS * a->width) * sizeof(float));
    assert_memory_equal(a->grads, b->grads, a->params.floats * sizeof(float));
    run_free(a);
    run_free(b);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

#define ENCODER(id) extern const struct encoder_type encoder_##id;
#include "common/policy/encoders.def"
#undef ENCODER

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ENCODER(id)                                                                                \
    {"encoder/" #id, check_encoder, NULL, NULL, (void *)(uintptr_t)&encoder_##id},                 \
        {"encoder/" #id "/same_bits", check_same_bits, NULL, NULL,                                 \
         (void *)(uintptr_t)&encoder_##id},
#include "common/policy/encoders.def"
#undef ENCODER
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
