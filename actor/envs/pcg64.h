/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_PCG64_H
#define ONIC_ACTOR_ENVS_PCG64_H

/* pcg64.h - the random numbers of NumPy's default generator, draw for draw.
 *
 * Gymnasium's environments draw from numpy.random.Generator(PCG64(SeedSequence(seed))): MiniGrid
 * its levels, the classic ones their first state. The same for the same seeds therefore needs
 * exactly this generator, and not onic's Philox. The struct is the whole state, plain data. */

#include <stdint.h>

struct pcg64 {
    uint64_t state[2], inc[2]; /* 128-bit numbers, low half first */
    uint32_t half;             /* upper half of the newest 64-bit output, not handed out yet */
    uint32_t has_half;
};

/* As gymnasium's np_random(seed): SeedSequence(seed), then PCG64. */
void pcg64_seed(struct pcg64 *g, uint64_t seed);
/* integers(low, high): uniform in [low, high), high > low. A range of one value draws nothing. */
int pcg64_integers(struct pcg64 *g, int low, int high);
/* uniform(low, high): in [low, high), 53 bits. */
double pcg64_uniform(struct pcg64 *g, double low, double high);

#endif /* ONIC_ACTOR_ENVS_PCG64_H */
