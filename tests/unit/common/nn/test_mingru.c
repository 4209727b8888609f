/* SPDX-License-Identifier: MIT */
/* test_mingru.c - MinGRU against numbers of an independent script, which computes the parallel form
 * in logarithms; gradients are checked in tests/conformance/test_layers.c. */
#include "common/nn/blas.h"
#include "common/nn/layers/mingru/mingru.h"
#include "tests/onic_test.h"

static void fill_sines(float *x, int n, int from)
{
    for (int i = 0; i < n; i++)
        x[i] = (float)sin(from + i + 1);
}

/* tests/golden/make_mingru.py; the fifth step starts an episode, candidates are of both branches of
 * g. Once as a sequence, once step by step. */
static void mingru_gives_the_golden_numbers(void **state)
{
    (void)state;
    enum { T = 6, I = 3, H = 2, RESET = 4 };
    static const double want[T * H] = {0.74090335, 2.19317883, 0.62310015, 1.82892470,
                                       0.59064609, 1.76659870, 0.54924516, 1.45435296,
                                       0.09330807, 0.30194639, 0.33403048, 0.57895793};
    float w[I * 2 * H], b[2 * H], x[T * I], h[T * H], s[H] = {0.75f, 2.5f};
    float memory[256], gates[2 * H];
    fill_sines(w, I * 2 * H, 0), fill_sines(b, 2 * H, 22), fill_sines(x, T * I, 50);
    struct mingru_weights weights = {w, b};
    struct mingru_cache cache;
    assert_true(mingru_cache_floats(T, 1, H) <= 256);
    mingru_cache_set(&cache, memory, T, 1, H);
    mingru_forward(h, &cache, x, s, (const uint8_t[T]){[RESET] = 1}, &weights, T, 1, I, H);
    for (int t = 0; t < T; t++) {
        if (t == RESET)
            s[0] = s[1] = 0.0f;
        mingru_step(s, x + t * I, &weights, 1, I, H, gates);
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
        cmocka_unit_test(mingru_gives_the_golden_numbers),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
