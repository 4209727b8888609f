/* SPDX-License-Identifier: MIT */
/* test_arena.c - alignment, limit, reuse without allocation. */
#include "common/base/arena.h"
#include "common/base/xmalloc.h"
#include "tests/onic_test.h"

static void blocks_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    struct arena *a = arena_create(256, 1 << 20);
    unsigned char *p[64];
    for (int i = 0; i < 64; i++) {
        size_t n = (size_t)(i * 7 + 1);
        p[i] = arena_alloc(a, n);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 64, 0);
        memset(p[i], i, n);
    }
    for (int i = 0; i < 64; i++)
        for (int k = 0; k < i * 7 + 1; k++)
            assert_int_equal(p[i][k], i);
    arena_free(a);
}

static void the_limit_is_kept(void **state)
{
    (void)state;
    struct arena *a = arena_create(128, 1024);
    assert_non_null(arena_alloc(a, 64));
    assert_null(arena_alloc(a, 2048));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_alloc(a, SIZE_MAX - 63));
    int got = 0;
    while (got < 100 && arena_alloc(a, 64))
        got++;
    assert_true(got >= 4 && got <= 15);
    arena_reset(a);
    assert_non_null(arena_alloc(a, 64));
    arena_free(a);
    arena_free(NULL);
}

static void a_loop_that_resets_stops_allocating(void **state)
{
    (void)state;
    struct arena *a = arena_create(64, 1 << 20);
    uint64_t calls = 0;
    for (int round = 0; round < 10; round++) {
        if (round == 3)
            calls = xmalloc_calls();
        arena_reset(a);
        for (int i = 1; i < 40; i++)
            assert_non_null(arena_alloc(a, (size_t)i * 100));
    }
    assert_int_equal(xmalloc_calls(), calls);
    assert_true(arena_high_water(a) >= 39 * 40 / 2 * 100);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_do_not_overlap),
        cmocka_unit_test(the_limit_is_kept),
        cmocka_unit_test(a_loop_that_resets_stops_allocating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
