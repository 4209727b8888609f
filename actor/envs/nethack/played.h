/* SPDX-License-Identifier: MIT */
#ifndef ONIC_ACTOR_ENVS_NETHACK_PLAYED_H
#define ONIC_ACTOR_ENVS_NETHACK_PLAYED_H

/* played.h - what a deterministic run keeps of a game in place of its memory: the seed, and every
 * action since the first turn. Seeds and a frozen clock decide a game, so playing these again leads
 * to the same place.
 *
 * Bytes of a state: struct played_head, then one byte per action, zeros up to the capacity; in the
 * byte order of the machine, as the states of all environments. */

#include <stddef.h>
#include <stdint.h>

/* A longer episode cannot be kept: a state goes with every trajectory. */
enum { PLAYED_STEPS_MAX = 65536 };

struct played_head {
    uint32_t magic, actions; /* actions: of the set, 23 or 28 */
    uint64_t seed, episode;  /* what env_seed got, and the number of the reset after it */
    uint32_t count, reserved;
};

struct played {
    struct played_head head;
    uint32_t capacity;
    uint8_t *action; /* [capacity] */
};

/* capacity: actions of an episode at most, up to PLAYED_STEPS_MAX. */
struct played *played_create(int actions, uint32_t capacity);
void played_free(struct played *p); /* NULL is allowed */
size_t played_bytes(uint32_t capacity);

/* A reset, and a step that is about to be taken; both accept NULL. */
void played_episode(struct played *p, uint64_t seed, uint64_t episode);
void played_action(struct played *p, int action);

void played_save(const struct played *p, uint8_t *state); /* [played_bytes(capacity)] */
/* A copy of what a state of the same set and capacity holds, for played_free; NULL: it is none. */
struct played *played_load(const struct played *like, const uint8_t *state);

#endif /* ONIC_ACTOR_ENVS_NETHACK_PLAYED_H */
