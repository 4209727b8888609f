/* SPDX-License-Identifier: MIT */
/* test_glyph_conv.c - look-ups against the layers they replace: embedding, then convolution. */
#include "common/policy/encoders/torchbeast/glyph_conv.h"

#include <stdlib.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"
#include "common/nn/blas.h"
#include "common/nn/layers/conv2d/conv2d.h"
#include "common/nn/layers/embedding/embedding.h"
#include "common/policy/id_set.h"
#include "tests/onic_test.h"

enum { GLYPHS = 40, GRIDS = 3, CELLS_MAX = 21 * 79, D = 12, N = 5, W = 9 * D * N };

struct scene {
    struct glyph_conv conv;
    struct conv2d full;
    int cells, outs;
    struct id_set set;
    int16_t place[GLYPHS], id[GLYPHS], cell[GRIDS * CELLS_MAX];
    float embedding[GLYPHS * D], w[W], b[N];
};

static void fill(float *x, size_t n, struct rng *r)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rng_normal(r);
}

static struct scene *create(int H, int width, int stride, bool outside)
{
    struct scene *s = xcalloc(1, sizeof *s);
    struct rng r = rng_stream(1, "test", (uint64_t)H, 0, 0);
    s->conv = (struct glyph_conv){H, width, stride, D, N};
    s->full = (struct conv2d){H, width, D, 3, 3, N, stride, 1, ACT_ELU};
    s->cells = H * width;
    s->outs = conv2d_out_h(&s->full) * conv2d_out_w(&s->full) * N;
    s->set = (struct id_set){.ids = GLYPHS, .place = s->place, .id = s->id};
    memset(s->place, 0xff, sizeof s->place);
    for (int i = 0; i < GRIDS * s->cells; i++)
        s->cell[i] = outside && rng_below(&r, 5) == 0
                         ? -1
                         : id_set_add(&s->set, 3 * (int)rng_below(&r, GLYPHS / 3));
    fill(s->embedding, GLYPHS * D, &r);
    fill(s->w, W, &r);
    fill(s->b, N, &r);
    return s;
}

/* [cells, D], zeros outside */
static void embed(const struct scene *s, const int16_t *cell, float *x)
{
    for (int i = 0; i < s->cells; i++, x += D) {
        memset(x, 0, D * sizeof *x);
        if (cell[i] >= 0)
            memcpy(x, s->embedding + s->id[cell[i]] * D, D * sizeof *x);
    }
}

struct grads {
    float embedding[GLYPHS * D], w[W], b[N];
};

static void by_layers(const struct scene *s, float *y, const float *dy, struct grads *g)
{
    size_t cells = (size_t)s->cells * D, outs = (size_t)s->outs;
    float *x = xcalloc(cells, sizeof *x), *dx = xcalloc(cells, sizeof *dx);
    float *used = xcalloc(outs, sizeof *used);
    float *scratch = xcalloc(conv2d_scratch_floats(&s->full), sizeof *scratch);
    for (int m = 0; m < GRIDS; m++) {
        const int16_t *cell = s->cell + m * s->cells;
        embed(s, cell, x);
        conv2d_forward(y + (size_t)m * outs, x, s->w, s->b, &s->full, 1, scratch);
        memcpy(used, dy + (size_t)m * outs, outs * sizeof *used);
        conv2d_backward(dx, g->w, g->b, used, x, y + (size_t)m * outs, s->w, &s->full, 1, scratch);
        for (int i = 0; i < s->cells; i++)
            if (cell[i] >= 0)
                embedding_backward(g->embedding, dx + (size_t)i * D, s->id + cell[i], 1, 1, D);
    }
    free(x);
    free(dx);
    free(used);
    free(scratch);
}

static void by_look_ups(const struct scene *s, float *y, float *dy, struct grads *g)
{
    size_t count = (size_t)s->set.count, table = count * GLYPH_TAPS * N, outs = (size_t)s->outs;
    float *e = xcalloc(count, D * sizeof *e), *de = xcalloc(count, D * sizeof *de);
    float *t = xcalloc(table, sizeof *t), *dt = xcalloc(table, sizeof *dt);
    embedding_forward(e, s->id, s->embedding, 1, s->set.count, D);
    tap_table(&s->conv, t, e, s->set.count, s->w);
    for (size_t m = 0; m < GRIDS; m++) {
        const int16_t *cell = s->cell + m * (size_t)s->cells;
        glyph_conv_forward(&s->conv, y + m * outs, cell, t, s->b);
        glyph_conv_backward(&s->conv, dt, g->b, dy + m * outs, y + m * outs, cell);
    }
    tap_table_backward(&s->conv, de, g->w, dt, e, s->set.count, s->w);
    embedding_backward(g->embedding, de, s->id, 1, s->set.count, D);
    free(e);
    free(de);
    free(t);
    free(dt);
}

static void assert_same(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_close(a[i], b[i], 1e-4, 1e-4);
}

static void check(int H, int width, int stride, bool outside)
{
    struct scene *s = create(H, width, stride, outside);
    size_t outs = (size_t)(GRIDS * s->outs);
    struct rng r = rng_stream(2, "test", 0, 0, 0);
    float *y = xcalloc(outs, sizeof *y), *want = xcalloc(outs, sizeof *want);
    float *dy = xcalloc(outs, sizeof *dy);
    struct grads *g = xcalloc(2, sizeof *g);
    assert_int_equal(s->outs, glyph_conv_out_h(&s->conv) * glyph_conv_out_w(&s->conv) * N);
    fill(dy, outs, &r);
    by_layers(s, want, dy, &g[0]);
    by_look_ups(s, y, dy, &g[1]);
    assert_same(y, want, outs);
    assert_same(g[1].embedding, g[0].embedding, GLYPHS * D);
    assert_same(g[1].w, g[0].w, W);
    assert_same(g[1].b, g[0].b, N);
    free(y);
    free(want);
    free(dy);
    free(g);
    free(s);
}

static void look_ups_are_embedding_and_convolution(void **state)
{
    (void)state;
    check(21, 79, 2, false);
    check(16, 16, 1, true);
    check(4, 7, 2, true);
    check(1, 1, 1, false);
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look_ups_are_embedding_and_convolution),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
