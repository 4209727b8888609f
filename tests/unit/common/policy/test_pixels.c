/* SPDX-License-Identifier: MIT */
/* test_pixels.c - the network pixels: its numbers, which fields are pictures, and what it refuses.
 * Its gradients: test_policy_gradients.c. */
#include <math.h>
#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/softmax_ce/softmax_ce.h"
#include "common/nn/optim/adam.h"
#include "common/nn/optim/grad_clip.h"
#include "common/policy/encoders/encoder.h"
#include "tests/onic_test.h"

enum { HIDDEN = 12 };

/* A policy without a core around it, with parameters by formula. */
struct pixels_case {
    struct policy_config c;
    const struct encoder_type *e;
    struct params table;
    void *self, *cache;
    float *params;
    int rows;
};

static struct pixels_case pixels_case_of(const struct obs_spec *obs, bool nature, int channels)
{
    struct pixels_case t = {.c = {.net = "pixels",
                                  .hidden = HIDDEN,
                                  .pixels_nature = nature,
                                  .pixels_channels = channels,
                                  .obs = *obs},
                            .e = encoder_find("pixels")};
    assert_non_null(t.e);
    return t;
}

static void open_case(struct pixels_case *t, int rows)
{
    t->rows = rows;
    assert_ok(t->e->create(&t->self, &t->c, &t->table, &err));
    t->cache = xaligned(t->e->cache(t->self, NULL, rows));
    t->e->cache(t->self, t->cache, rows);
    t->params = xaligned(t->table.floats * sizeof(float));
    for (int k = 0; k < t->table.count; k++) {
        const struct param *p = &t->table.param[k];
        for (int i = 0; i < p->rows * p->cols; i++)
            t->params[p->offset + (size_t)i] =
                (float)(p->rows == 1 ? 0.1 * sin(i + k) : 2 / sqrt(p->rows) * sin(1.7 * i * i + k));
    }
}

static void close_case(struct pixels_case *t)
{
    t->e->free(t->self);
    free(t->cache);
    free(t->params);
}

static void fill_bytes(uint8_t *obs, const struct obs_field *f, int first)
{
    for (int i = 0; i < obs_field_count(f); i++)
        obs[f->offset + (size_t)i] = (uint8_t)(i * 7 + first);
}

static void check_features(struct pixels_case *t, const uint8_t *obs, const double *want)
{
    enum { ROWS = 11 }; /* more than a block */
    const uint8_t *rows[ROWS];
    float out[ROWS * HIDDEN];
    for (int i = 0; i < ROWS; i++)
        rows[i] = obs;
    open_case(t, ROWS);
    t->e->forward(t->self, t->cache, t->params, rows, ROWS, out);
    for (int i = 0; i < ROWS * HIDDEN; i++)
        assert_close(out[i], want[i % HIDDEN], 2e-5, 2e-5);
    close_case(t);
}

/* tests/golden/make_pixels.py */
static void features_equal_an_independent_computation(void **state)
{
    static const double want[HIDDEN] = {1.66608, 0, 0, 0,       0.205829, 3.23058,
                                        1.75416, 0, 0, 1.12356, 0,        1.7234};
    (void)state;
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "side", OBS_U8, 1, (const int[]){2});
    obs_spec_add(&obs, "frame", OBS_U8, 3, (const int[]){20, 34, 3});
    obs_spec_add(&obs, "sensor", OBS_F32, 1, (const int[]){2});
    obs_spec_add(&obs, "before", OBS_U8, 3, (const int[]){1, 20, 34});
    uint8_t *row = xcalloc(1, obs.obs_bytes);
    memcpy(row + obs.field[0].offset, (const uint8_t[]){4, 200}, 2);
    memcpy(row + obs.field[2].offset, (const float[]){1.5f, -0.25f}, 8);
    fill_bytes(row, &obs.field[1], 3);
    fill_bytes(row, &obs.field[3], 90);
    struct pixels_case t = pixels_case_of(&obs, false, 5);
    check_features(&t, row, want);
    free(row);
}

static void the_layers_of_dqn_do_too(void **state)
{
    static const double want[HIDDEN] = {0.0312563, 0.024127, 0,       0.1277, 0.315707, 0,
                                        1.05595,   0,        1.05191, 0,      0.216514, 0};
    (void)state;
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "screen", OBS_U8, 2, (const int[]){44, 36});
    uint8_t *row = xcalloc(1, obs.obs_bytes);
    fill_bytes(row, &obs.field[0], 11);
    struct pixels_case t = pixels_case_of(&obs, true, 0);
    check_features(&t, row, want);
    free(row);
}

/* --- which fields ---------------------------------------------------------------------------- */

static void channels_may_come_first_or_last(void **state)
{
    enum { SIDE = 18, C = 3, BYTES = SIDE * SIDE * C };
    static uint8_t last[BYTES + 8], first[BYTES + 8];
    float out[2][HIDDEN];
    (void)state;
    for (int i = 0; i < BYTES; i++) {
        last[i] = (uint8_t)(i * 31 + i / 7);
        first[i % C * SIDE * SIDE + i / C] = last[i];
    }
    for (int k = 0; k < 2; k++) {
        struct obs_spec obs = {0};
        obs_spec_add(&obs, "image", OBS_U8, 3,
                     k ? (const int[]){C, SIDE, SIDE} : (const int[]){SIDE, SIDE, C});
        struct pixels_case t = pixels_case_of(&obs, false, 4);
        const uint8_t *row = k ? first : last;
        open_case(&t, 1);
        t.e->forward(t.self, t.cache, t.params, &row, 1, out[k]);
        close_case(&t);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
}

/* Of any size: the last map has at most 8 x 8 places. */
static void pictures_of_every_size_are_read(void **state)
{
    static const int sizes[][3] = {{16, 16, 1}, {16, 256, 1},  {17, 33, 2},   {56, 56, 3},
                                   {84, 84, 4}, {210, 160, 3}, {256, 256, 12}};
    (void)state;
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct obs_spec obs = {0};
        obs_spec_add(&obs, "image", OBS_U8, 3, sizes[k]);
        struct pixels_case t = pixels_case_of(&obs, false, 0);
        uint8_t *row = xcalloc(1, obs.obs_bytes);
        const uint8_t *one = row;
        float out[HIDDEN];
        memset(row, 255, obs.obs_bytes);
        open_case(&t, 1);
        const struct param *fc = params_find(&t.table, "pixels.fc_w");
        assert_true(fc->rows <= 8 * 8 * 2 * POLICY_PIXELS_CHANNELS);
        params_init(&t.table, t.params, 1);
        t.e->forward(t.self, t.cache, t.params, &one, 1, out);
        for (int i = 0; i < HIDDEN; i++)
            assert_true(isfinite(out[i]) && fabsf(out[i]) < 100);
        close_case(&t);
        free(row);
    }
}

/* What a row costs in memory: the picture once, as bytes, and no floats of its size. */
static void pictures_stay_bytes(void **state)
{
    (void)state;
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "image", OBS_U8, 3, (const int[]){64, 64, 32});
    struct pixels_case t = pixels_case_of(&obs, false, 1);
    open_case(&t, 8);
    size_t row = (t.e->cache(t.self, NULL, 1032) - t.e->cache(t.self, NULL, 8)) / 1024;
    assert_true(row >= obs.obs_bytes && row < obs.obs_bytes + 64 * 64 * 4);
    close_case(&t);
}

/* --- learning -------------------------------------------------------------------------------- */

/* Which quarter of a noisy picture has a red square, learned from 60 batches: loss at the end. */
static double learn_quarters(struct policy *p, float *block[4])
{
    enum { N = 32, SIDE = 24, BYTES = SIDE * SIDE * 3 };
    static uint8_t obs[N][BYTES];
    const uint8_t *rows[N];
    float logits[N * 4], value[N * 2], dvalue[N * 2] = {0}, prob[N * 4], loss[N], dloss[N];
    float dlogits[N * 4];
    int32_t target[N];
    uint8_t reset[N] = {0};
    struct rng r = rng_stream(1, "quarters", 0, 0, 0);
    struct policy_trainer *w = policy_trainer_create(p, 1, N);
    const struct adam adam = {0.9, 0.999, 1e-6};
    size_t floats = policy_params(p)->floats;
    double mean = 0, norm, scale;
    for (uint64_t step = 1; step <= 60; step++) {
        for (int i = 0; i < N; i++) {
            target[i] = (int32_t)rng_below(&r, 4);
            int y0 = target[i] / 2 * 12 + (int)rng_below(&r, 8);
            int x0 = target[i] % 2 * 12 + (int)rng_below(&r, 8);
            for (int k = 0; k < BYTES; k++)
                obs[i][k] = (uint8_t)rng_below(&r, 100);
            for (int k = 0; k < 16; k++)
                obs[i][((y0 + k / 4) * SIDE + x0 + k % 4) * 3] = 255;
            rows[i] = obs[i];
            dloss[i] = 1.0f / N;
        }
        policy_forward(p, w, block[0], rows, NULL, NULL, reset, 1, N, logits, value);
        softmax_ce_forward(prob, loss, logits, target, N, 4);
        memset(dlogits, 0, sizeof dlogits);
        softmax_ce_backward(dlogits, dloss, prob, target, N, 4);
        memset(block[1], 0, floats * sizeof(float));
        policy_backward(p, w, block[0], dlogits, dvalue, block[1]);
        assert_true(grad_clip(block[1], floats, 4.0, &norm, &scale));
        adam_step(&adam, block[0], block[2], block[3], block[1], floats, scale, 2e-3, step);
        mean = 0;
        for (int i = 0; i < N; i++)
            mean += (double)loss[i] / N;
    }
    policy_trainer_free(w);
    return mean;
}

static void where_something_is_is_learned(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        struct policy_config c = {.net = "pixels",
                                  .core = POLICY_CORE_NONE,
                                  .hidden = 32,
                                  .pixels_channels = wide ? 16 : 4,
                                  .actions = {.n = 4}};
        struct policy *p;
        float *block[4]; /* values, gradients, moments */
        obs_spec_add(&c.obs, "image", OBS_U8, 3, (const int[]){24, 24, 3});
        assert_ok(policy_create(&p, &c, &err));
        for (int i = 0; i < 4; i++)
            block[i] = xaligned(policy_params(p)->floats * sizeof(float));
        params_init(policy_params(p), block[0], 1);
        double loss = learn_quarters(p, block);
        if (!(loss < 0.2)) /* chance: log 4 */
            fail_msg("a loss of %g after 60 steps", loss);
        for (int i = 0; i < 4; i++)
            free(block[i]);
        policy_free(p);
    }
}

/* --- bad input ------------------------------------------------------------------------------- */

static void refuse(const struct obs_spec *obs, bool nature, const char *complaint)
{
    struct policy_config c = {
        .net = "pixels", .core = POLICY_CORE_NONE, .actions = {.n = 3}, .obs = *obs};
    struct policy *p = NULL;
    struct onic_err err = {0};
    c.pixels_nature = nature;
    assert_int_equal(policy_create(&p, &c, &err), ONIC_ECONFIG);
    if (!strstr(err.msg, complaint) || strchr(err.msg, '\n'))
        fail_msg("%s", err.msg);
}

static void refuse_field(enum obs_type type, int h, int w, int c, bool nature,
                         const char *complaint)
{
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "image", type, 3, (const int[]){h, w, c});
    refuse(&obs, nature, complaint);
}

static void what_is_no_picture_is_refused(void **state)
{
    (void)state;
    refuse_field(OBS_U8, 7, 7, 3, false,
                 "the network pixels reads pictures of 16 to 256 pixels a side, and the "
                 "environment has image uint8[7,7,3]; name other fields in env.obs");
    refuse_field(OBS_U8, 300, 64, 3, false, "of 16 to 256 pixels a side");
    refuse_field(OBS_F32, 64, 64, 3, false, "of uint8, and the environment has image float32");
    refuse_field(OBS_U8, 66, 66, 65, false, "of at most 64 channels");
    refuse_field(OBS_U8, 35, 64, 3, true,
                 "policy.pixels_layers=nature needs pictures of at least 36x36, not 35x64");
    struct obs_spec obs = {0};
    obs_spec_add(&obs, "reals", OBS_F32, 1, (const int[]){5});
    refuse(&obs, false, "the network pixels needs a picture, uint8[height,width,channels]");
    obs_spec_add(&obs, "near", OBS_U8, 3, (const int[]){32, 32, 3});
    obs_spec_add(&obs, "far", OBS_U8, 3, (const int[]){32, 48, 3});
    refuse(&obs, false, "of one height and width, and the environment has far uint8[32,48,3]");
}

static void options_of_pixels_are_refused_elsewhere(void **state)
{
    struct policy_config c = {.net = "mlp", .core = POLICY_CORE_NONE, .actions = {.n = 3}};
    struct policy *p = NULL;
    struct onic_err err = {0};
    (void)state;
    obs_spec_add(&c.obs, "reals", OBS_F32, 1, (const int[]){5});
    c.pixels_channels = 8;
    assert_int_equal(policy_create(&p, &c, &err), ONIC_ECONFIG);
    assert_non_null(strstr(err.msg, "policy.pixels_channels is for policy.net=pixels"));
    c.pixels_channels = POLICY_PIXELS_CHANNELS;
    assert_int_equal(policy_create(&p, &c, &err), ONIC_OK);
    policy_free(p);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_equal_an_independent_computation),
        cmocka_unit_test(the_layers_of_dqn_do_too),
        cmocka_unit_test(channels_may_come_first_or_last),
        cmocka_unit_test(pictures_of_every_size_are_read),
        cmocka_unit_test(pictures_stay_bytes),
        cmocka_unit_test(where_something_is_is_learned),
        cmocka_unit_test(what_is_no_picture_is_refused),
        cmocka_unit_test(options_of_pixels_are_refused_elsewhere),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
