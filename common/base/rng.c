/* SPDX-License-Identifier: MIT */
/* rng.c - Philox4x32-10 streams; see rng.h.
 *
 * Stream name -> (64-bit key, 64-bit upper counter) by XXH3-128 of the length-prefixed name, so two
 * names collide with probability 2^-128. The lower 64 bits count blocks of four words. */
#include "common/base/rng.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

struct rng rng_stream(uint64_t seed, const char *purpose, uint64_t a, uint64_t b, uint64_t c)
{
    unsigned char name[128];
    uint64_t numbers[5] = {seed, a, b, c, strlen(purpose)};
    size_t n = strlen(purpose);
    if (n > sizeof name - sizeof numbers)
        n = sizeof name - sizeof numbers;
    memcpy(name, numbers, sizeof numbers);
    memcpy(name + sizeof numbers, purpose, n);
    XXH128_hash_t h = XXH3_128bits(name, sizeof numbers + n);
    struct rng r = {.key = {(uint32_t)h.low64, (uint32_t)(h.low64 >> 32)},
                    .stream = {(uint32_t)h.high64, (uint32_t)(h.high64 >> 32)}};
    return r;
}

static void fill_block(struct rng *r, uint64_t block)
{
    philox4x32_ctr_t ctr = {{(uint32_t)block, (uint32_t)(block >> 32), r->stream[0], r->stream[1]}};
    philox4x32_key_t key = {{r->key[0], r->key[1]}};
    philox4x32_ctr_t out = philox4x32(ctr, key);
    memcpy(r->block, out.v, sizeof r->block);
}

void rng_seek(struct rng *r, uint64_t pos)
{
    r->pos = pos;
    if (pos % 4)
        fill_block(r, pos / 4);
}

uint32_t rng_u32(struct rng *r)
{
    if (r->pos % 4 == 0)
        fill_block(r, r->pos / 4);
    return r->block[r->pos++ % 4];
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t low = rng_u32(r);
    return low | (uint64_t)rng_u32(r) << 32;
}

float rng_float(struct rng *r)
{
    return (float)(rng_u32(r) >> 8) * 0x1p-24f;
}

double rng_double(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

uint32_t rng_below(struct rng *r, uint32_t bound)
{
    uint32_t threshold = (0u - bound) % bound; /* Lemire: reject the short interval */
    for (;;) {
        uint64_t m = (uint64_t)rng_u32(r) * bound;
        if ((uint32_t)m >= threshold)
            return (uint32_t)(m >> 32);
    }
}

float rng_normal(struct rng *r)
{
    double u = 1.0 - rng_double(r); /* (0, 1]: the logarithm stays finite */
    double v = rng_double(r);
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}
