/* SPDX-License-Identifier: MIT */
/* test_rng.c - Philox4x32-10 against published vectors, streams, resuming.
 *
 * The known answers are those of Random123's kat_vectors (philox4x32, 10 rounds). The generator
 * below is written from the paper (Salmon et al., SC'11, section 3.3: multipliers and Weyl
 * constants) and not from the library that rng.c uses. */
#include "common/base/rng.h"
#include "tests/onic_test.h"

static void philox(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t x0 = ctr[0], x1 = ctr[1], x2 = ctr[2], x3 = ctr[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x0, p1 = (uint64_t)0xCD9E8D57u * x2;
        x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
        x1 = (uint32_t)p1;
        x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
        x3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = x0, out[1] = x1, out[2] = x2, out[3] = x3;
}

/* A stream placed by hand at counter words 0..3. */
static struct rng at(const uint32_t ctr[4], const uint32_t key[2])
{
    struct rng r = {.key = {key[0], key[1]}, .stream = {ctr[2], ctr[3]}};
    rng_seek(&r, ((uint64_t)ctr[1] << 32 | ctr[0]) * 4);
    return r;
}

static void known_answers_of_random123(void **state)
{
    (void)state;
    static const struct {
        uint32_t ctr[4], key[2], want[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t mine[4];
        philox(kat[i].ctr, kat[i].key, mine);
        assert_memory_equal(mine, kat[i].want, sizeof mine); /* the oracle itself */
    }
    struct rng r = at(kat[0].ctr, kat[0].key);
    for (int k = 0; k < 4; k++)
        assert_int_equal(rng_u32(&r), kat[0].want[k]);
}

static void every_block_of_a_stream_is_philox_of_its_counter(void **state)
{
    (void)state;
    struct rng r = rng_stream(7, "action", 3, 5, 0);
    for (uint32_t block = 0; block < 100; block++) {
        uint32_t ctr[4] = {block, 0, r.stream[0], r.stream[1]}, want[4];
        philox(ctr, r.key, want);
        for (int k = 0; k < 4; k++)
            assert_int_equal(rng_u32(&r), want[k]);
    }
    /* the carry into the second counter word */
    uint32_t ctr[4] = {0xffffffff, 2, 11, 12}, next[4] = {0, 3, 11, 12}, key[2] = {1, 2}, want[4];
    r = at(ctr, key);
    for (int k = 0; k < 4; k++)
        rng_u32(&r);
    philox(next, key, want);
    assert_int_equal(rng_u32(&r), want[0]);
}

static void seeking_continues_exactly(void **state)
{
    (void)state;
    struct rng a = rng_stream(1, "x", 0, 0, 0);
    for (uint64_t pos = 0; pos < 40; pos++) {
        struct rng b = rng_stream(1, "x", 0, 0, 0);
        rng_seek(&b, pos);
        struct rng c = a;
        assert_int_equal(rng_u32(&b), rng_u32(&c));
        rng_u32(&a);
        assert_int_equal(a.pos, pos + 1);
    }
}

static void names_make_different_streams(void **state)
{
    (void)state;
    struct rng r[] = {rng_stream(1, "a", 0, 0, 0), rng_stream(2, "a", 0, 0, 0),
                      rng_stream(1, "b", 0, 0, 0), rng_stream(1, "a", 1, 0, 0),
                      rng_stream(1, "a", 0, 1, 0), rng_stream(1, "a", 0, 0, 1)};
    uint64_t first[6];
    for (int i = 0; i < 6; i++)
        first[i] = rng_u64(&r[i]);
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++)
            assert_true(first[i] != first[k]);
}

static void distributions_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct rng r = rng_stream(42, "moments", 0, 0, 0);
    double sum = 0, squares = 0, fourth = 0, uniform = 0;
    int counts[7] = {0};
    for (int i = 0; i < N; i++) {
        double x = (double)rng_normal(&r), u = (double)rng_float(&r), d = rng_double(&r);
        assert_true(u >= 0 && u < 1 && d >= 0 && d < 1);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
        uniform += u;
        counts[rng_below(&r, 7)]++;
    }
    assert_close(sum / N, 0, 0, 0.01); /* 4.5 standard errors */
    assert_close(squares / N, 1, 0, 0.015);
    assert_close(fourth / N, 3, 0, 0.11);
    assert_close(uniform / N, 0.5, 0, 0.003);
    for (int i = 0; i < 7; i++)
        assert_close(counts[i], N / 7.0, 0, 750);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rng_below(&r, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_random123),
        cmocka_unit_test(every_block_of_a_stream_is_philox_of_its_counter),
        cmocka_unit_test(seeking_continues_exactly),
        cmocka_unit_test(names_make_different_streams),
        cmocka_unit_test(distributions_have_their_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
