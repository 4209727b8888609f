/* SPDX-License-Identifier: MIT */
/* test_char_conv.c - look-ups against the convolution over the drawn picture. */
#include "common/policy/encoders/oni_default/char_conv.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/conv2d/conv2d.h"
#include "tests/onic_test.h"
#include "tests/support/char_picture.h"

enum {
    VIEWS = 3,
    CELLS = CHAR_CELLS * CHAR_CELLS,
    IMAGE = CHAR_SIDE * CHAR_SIDE * 3,
    W = 8 * 8 * 3 * CHAR_CHANNELS,
    OUTS = CHAR_OUT * CHAR_OUT * CHAR_CHANNELS
};

static const struct conv2d FULL = {CHAR_SIDE, CHAR_SIDE, 3, 8, 8, CHAR_CHANNELS, 4, 0, ACT_ELU};
static const float TOP = 1.0f;

struct result {
    float y[VIEWS * OUTS], dw[W], db[CHAR_CHANNELS];
};

static struct char_cell cells[VIEWS * CELLS];
static float w[W], b[CHAR_CHANNELS], dy[VIEWS * OUTS];

static void fill(float *x, size_t n, struct rng *r)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rng_normal(r);
}

/* Half of a view is black; some characters occur once, some often. */
static int setup(void **state)
{
    (void)state;
    struct rng r = rng_stream(1, "test", 0, 0, 0);
    for (int i = 0; i < VIEWS * CELLS; i++)
        if (rng_below(&r, 2))
            cells[i] =
                (struct char_cell){(uint8_t)(rng_below(&r, 4) ? '.' : 1 + (int)rng_below(&r, 255)),
                                   (uint8_t)rng_below(&r, 16)};
    fill(w, W, &r);
    fill(b, CHAR_CHANNELS, &r);
    fill(dy, VIEWS * OUTS, &r);
    return blas_start(NULL);
}

static struct result *by_convolution(void)
{
    struct result *r = xcalloc(1, sizeof *r);
    float *image = xcalloc(VIEWS * IMAGE, sizeof *image),
          *used = xcalloc(VIEWS, OUTS * sizeof *used);
    float *scratch = xcalloc(conv2d_scratch_floats(&FULL), sizeof *scratch);
    for (int m = 0; m < VIEWS; m++)
        char_picture_draw(cells + m * CELLS, TOP, image + m * IMAGE);
    memcpy(used, dy, sizeof dy);
    conv2d_forward(r->y, image, w, b, &FULL, VIEWS, scratch);
    conv2d_backward(NULL, r->dw, r->db, used, image, r->y, w, &FULL, VIEWS, scratch);
    free(image);
    free(used);
    free(scratch);
    return r;
}

static struct result *by_look_ups(void)
{
    static int16_t place[CHAR_IDS], id[CHAR_IDS];
    struct result *r = xcalloc(1, sizeof *r);
    struct id_set set = {.ids = CHAR_IDS, .place = place, .id = id};
    memset(place, 0xff, sizeof place);
    for (int m = 0; m < VIEWS; m++)
        char_conv_collect(&set, cells + m * CELLS);
    size_t n = (size_t)set.count;
    float *pictures = xcalloc(n, CHAR_PICTURE * sizeof(float));
    float *table = xcalloc(n, CHAR_ROW * sizeof(float));
    float *dtable = xcalloc(n, CHAR_ROW * sizeof(float));
    float *spread = xcalloc(CHAR_PICTURE, CHAR_ROW * sizeof(float));
    char_conv_pictures(pictures, &set, TOP);
    char_conv_spread(spread, w);
    blas_nn(table, CHAR_ROW, pictures, CHAR_PICTURE, spread, CHAR_ROW, set.count, CHAR_ROW,
            CHAR_PICTURE, 0);
    for (int m = 0; m < VIEWS; m++) {
        char_conv_forward(r->y + m * OUTS, cells + m * CELLS, &set, table, b);
        char_conv_backward(dtable, r->db, dy + m * OUTS, r->y + m * OUTS, cells + m * CELLS, &set);
    }
    blas_tn(spread, CHAR_ROW, pictures, CHAR_PICTURE, dtable, CHAR_ROW, CHAR_PICTURE, CHAR_ROW,
            set.count, 0);
    char_conv_fold(r->dw, spread);
    free(pictures);
    free(table);
    free(dtable);
    free(spread);
    return r;
}

static void look_ups_are_the_convolution_of_the_picture(void **state)
{
    (void)state;
    struct result *want = by_convolution(), *got = by_look_ups();
    for (size_t i = 0; i < VIEWS * OUTS; i++)
        assert_close(got->y[i], want->y[i], 1e-4, 1e-4);
    for (size_t i = 0; i < W; i++)
        assert_close(got->dw[i], want->dw[i], 1e-4, 1e-4);
    for (size_t i = 0; i < CHAR_CHANNELS; i++)
        assert_close(got->db[i], want->db[i], 1e-4, 1e-4);
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_ups_are_the_convolution_of_the_picture)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
