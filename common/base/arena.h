/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_ARENA_H
#define ONIC_COMMON_BASE_ARENA_H

/* arena.h - bump allocation of things that die together (one message, one batch).
 *
 * Grows by blocks up to max_bytes; arena_reset keeps the memory, so a loop that resets its arena
 * allocates only until the high-water mark is reached. Single-threaded. */

#include <stddef.h>

struct arena;

/* max_bytes: hard limit over all blocks. Owned by the caller, freed with arena_free. */
struct arena *arena_create(size_t first_block_bytes, size_t max_bytes);
void arena_free(struct arena *a); /* NULL is allowed */

/* 64-byte aligned, not zeroed, valid until arena_reset or arena_free. NULL when max_bytes would be
 * passed. */
void *arena_alloc(struct arena *a, size_t bytes);
void arena_reset(struct arena *a);
size_t arena_high_water(const struct arena *a); /* bytes in use at most, ever */

#endif /* ONIC_COMMON_BASE_ARENA_H */
