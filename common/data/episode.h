/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_EPISODE_H
#define ONIC_COMMON_DATA_EPISODE_H

/* episode.h - the number of an episode and the seed it is played with.
 *
 * An actor seeds every episode; whoever knows the run's seed and the number can play it again from
 * its actions. Ids are unique in a run: actor << 48 | environment << 36 | number. */

#include <stdint.h>

#include "common/base/rng.h"

enum { EPISODE_NUMBER_BITS = 36, EPISODE_ENV_BITS = 12 };

static inline uint64_t episode_id(int actor, int environment, uint64_t number)
{
    return (uint64_t)actor << (EPISODE_NUMBER_BITS + EPISODE_ENV_BITS) |
           (uint64_t)environment << EPISODE_NUMBER_BITS |
           (number & ((UINT64_C(1) << EPISODE_NUMBER_BITS) - 1));
}

static inline int episode_actor(uint64_t id)
{
    return (int)(id >> (EPISODE_NUMBER_BITS + EPISODE_ENV_BITS));
}

static inline int episode_environment(uint64_t id)
{
    return (int)(id >> EPISODE_NUMBER_BITS & ((1U << EPISODE_ENV_BITS) - 1));
}

static inline uint64_t episode_number(uint64_t id)
{
    return id & ((UINT64_C(1) << EPISODE_NUMBER_BITS) - 1);
}

/* The id of the next episode in the same environment. */
static inline uint64_t episode_next(uint64_t id)
{
    return episode_id(episode_actor(id), episode_environment(id), episode_number(id) + 1);
}

static inline uint64_t episode_seed(uint64_t run_seed, uint64_t id)
{
    struct rng stream = rng_stream(run_seed, "env", (uint64_t)episode_actor(id),
                                   (uint64_t)episode_environment(id), episode_number(id));
    return rng_u64(&stream);
}

#endif /* ONIC_COMMON_DATA_EPISODE_H */
