/* SPDX-License-Identifier: MIT */
/* test_gru.c - the GRU against numbers of an independent script; gradients are checked in
 * tests/conformance/test_layers.c. */
#include "common/nn/blas.h"
#include "common/nn/layers/gru/gru.h"
#include "tests/onic_test.h"

static void fill_sines(float *x, int n, int from)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)sin(from + i + 1);
}

/* tests/golden/make_gru.py; the third step starts an episode. Once as a sequence, once step by
 * step. */
static void gru_gives_the_golden_numbers(void **state)
{
    (void)state;
    enum { T = 3, I = 2, H = 2 };
    static const double want[T * H] = {0.85905845, 0.21893243,  -0.36802276,
                                       0.47552454, -0.34487437, 0.23907260};
    float w_x[12], w_h[12], b_x[6], b_h[6], x[T * I], h[T * H], s[H] = {0.5f, -0.25f};
    float memory[256], gates[3 * H], rec[3 * H], u_n[H];
    fill_sines(w_x, 12, 0), fill_sines(w_h, 12, 20), fill_sines(b_x, 6, 40);
    fill_sines(b_h, 6, 50), fill_sines(x, T * I, 60);
    struct gru_weights w = {w_x, w_h, b_x, b_h};
    struct gru_cache cache;
    assert_true(gru_cache_floats(T, 1, H) <= 256);
    gru_cache_set(&cache, memory, T, 1, H);
    gru_forward(h, &cache, x, s, (const uint8_t[]){0, 0, 1}, &w, T, 1, I, H);
    for (int t = 0; t < T; t++) {
        if (t == 2)
            s[0] = s[1] = 0.0f;
        gru_step(s, x + t * I, &w, 1, I, H, gates, rec, u_n);
        for (int j = 0; j < H; j++) {
            assert_close(h[t * H + j], want[t * H + j], 2e-6, 2e-7);
            assert_close(s[j], want[t * H + j], 2e-6, 2e-7);
        }
    }
}

static int start(void **state)
{
    (void)state;
    return blas_start(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gru_gives_the_golden_numbers),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
