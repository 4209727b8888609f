/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_RNG_H
#define ONIC_COMMON_BASE_RNG_H

/* rng.h - counter-based random numbers: Philox4x32-10 (Salmon et al., SC'11; Random123).
 *
 * A stream is named, never seeded by hand: (seed, purpose, a, b, c), for example (run seed,
 * "action", actor, env, 0). Its position is a counter, so saving one integer resumes it exactly,
 * and streams of different names are independent whatever the number of threads. The struct is the
 * whole state. */

#include <stdint.h>

struct rng {
    uint32_t key[2];
    uint32_t stream[2]; /* upper half of the counter */
    uint64_t pos;       /* 32-bit words drawn so far; save and restore this to resume */
    uint32_t block[4];  /* block number (pos-1)/4, valid when pos % 4 != 0 */
};

/* Names a stream; purpose is a short constant string. */
struct rng rng_stream(uint64_t seed, const char *purpose, uint64_t a, uint64_t b, uint64_t c);
void rng_seek(struct rng *r, uint64_t pos); /* continue as if pos words had been drawn */

uint32_t rng_u32(struct rng *r);
uint64_t rng_u64(struct rng *r);
float rng_float(struct rng *r);                    /* [0, 1), 24 bits */
double rng_double(struct rng *r);                  /* [0, 1), 53 bits */
uint32_t rng_below(struct rng *r, uint32_t bound); /* [0, bound), unbiased; bound >= 1 */
float rng_normal(struct rng *r); /* mean 0, variance 1 (Box-Muller, one of the pair) */

#endif /* ONIC_COMMON_BASE_RNG_H */
