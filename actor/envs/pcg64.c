/* SPDX-License-Identifier: MIT */
/* pcg64.c - SeedSequence, PCG64 (XSL-RR output) and Lemire's bounded integers, put together as
 * NumPy does.
 *
 * Three published pieces: M. O'Neill's seed_seq replacement (the pool of four words and its mixing
 * constants), her PCG generator with a 128-bit linear congruential state, and D. Lemire's "Fast
 * Random Integer Generation in an Interval" (2019). What makes the stream NumPy's own are the
 * conventions: the state is advanced before it is read; 32-bit draws take the low half of a 64-bit
 * output first and keep the upper half for the next one, across episodes; ranges below 2^32 use
 * 32-bit draws; and a range of a single value draws nothing.
 * tests/unit/actor/envs/minigrid/test_pcg64.c has vectors of the real library. */
#include "actor/envs/pcg64.h"

__extension__ typedef unsigned __int128 u128;

enum { POOL = 4 };

static uint32_t hashmix(uint32_t value, uint32_t *hash)
{
    value ^= *hash;
    *hash *= 0x931e8875U;
    value *= *hash;
    return value ^ value >> 16;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = x * 0xca01f9ddU - y * 0x4973f715U;
    return r ^ r >> 16;
}

/* SeedSequence(seed).generate_state(4, uint64): the seed is one or two 32-bit words of entropy. */
static void seed_sequence(uint64_t seed, uint64_t out[4])
{
    uint32_t pool[POOL], hash = 0x43b0d7e5U;
    for (int i = 0; i < POOL; i++)
        pool[i] = hashmix(i < 2 ? (uint32_t)(seed >> (32 * i)) : 0, &hash);
    for (int src = 0; src < POOL; src++)
        for (int dst = 0; dst < POOL; dst++)
            if (src != dst)
                pool[dst] = mix(pool[dst], hashmix(pool[src], &hash));
    uint32_t words[8];
    hash = 0x8b51f9ddU;
    for (int i = 0; i < 8; i++) {
        uint32_t value = pool[i % POOL] ^ hash;
        hash *= 0x58f38dedU;
        value *= hash;
        words[i] = value ^ value >> 16;
    }
    for (int i = 0; i < 4; i++)
        out[i] = words[2 * i] | (uint64_t)words[2 * i + 1] << 32;
}

static u128 pcg64_join(const uint64_t half[2])
{
    return (u128)half[1] << 64 | half[0];
}

static u128 advance(struct pcg64 *g, u128 state)
{
    static const uint64_t multiplier[2] = {4865540595714422341ULL, 2549297995355413924ULL};
    state = state * pcg64_join(multiplier) + pcg64_join(g->inc);
    g->state[0] = (uint64_t)state;
    g->state[1] = (uint64_t)(state >> 64);
    return state;
}

void pcg64_seed(struct pcg64 *g, uint64_t seed)
{
    uint64_t w[4]; /* initial state and sequence, upper halves first */
    seed_sequence(seed, w);
    g->inc[0] = w[3] << 1 | 1;
    g->inc[1] = w[2] << 1 | w[3] >> 63;
    u128 state = advance(g, 0);
    advance(g, state + ((u128)w[0] << 64 | w[1]));
    g->half = g->has_half = 0;
}

static uint64_t next64(struct pcg64 *g)
{
    u128 state = advance(g, pcg64_join(g->state));
    uint64_t value = (uint64_t)(state >> 64) ^ (uint64_t)state;
    unsigned turn = (unsigned)(state >> 122);
    return value >> turn | value << (-turn & 63);
}

static uint32_t next32(struct pcg64 *g)
{
    if (g->has_half) {
        g->has_half = 0;
        return g->half;
    }
    uint64_t value = next64(g);
    g->half = (uint32_t)(value >> 32);
    g->has_half = 1;
    return (uint32_t)value;
}

int pcg64_integers(struct pcg64 *g, int low, int high)
{
    uint32_t range = (uint32_t)high - (uint32_t)low;
    if (range <= 1)
        return low;
    uint64_t product = (uint64_t)next32(g) * range;
    if ((uint32_t)product < range) {
        uint32_t threshold = -range % range;
        while ((uint32_t)product < threshold)
            product = (uint64_t)next32(g) * range;
    }
    return low + (int)(product >> 32);
}

double pcg64_uniform(struct pcg64 *g, double low, double high)
{
    double u = (double)(next64(g) >> 11) * 0x1p-53;
    return low + (high - low) * u;
}
