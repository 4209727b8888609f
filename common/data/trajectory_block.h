/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_DATA_TRAJECTORY_BLOCK_H
#define ONIC_COMMON_DATA_TRAJECTORY_BLOCK_H

/* trajectory_block.h - the memory behind a trajectory: written by the actor, sent as it lies, read
 * by the learner as it came.
 *
 * Layout, offsets from the start of the arrays, every array at a multiple of 64:
 *   - the fixed arrays of struct trajectory in the order of trajectory.h (their total size:
 *     trajectory_fixed_bytes)
 *   - episodes [nepisodes, 4 + nstats] float32
 *   - the last observations of these, from the next multiple of 8 on
 *   - caption_len [ncaptions] uint16
 *   - caption texts, one behind the other
 * The order and the alignment are part of the protocol. For common/data and common/wire. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/strmap.h"
#include "common/data/trajectory.h"

enum {
    TRAJECTORY_CAPTIONS_MAX = 65535,
    TRAJECTORY_HEADROOM = 512 /* bytes in front of the arrays, for whoever sends them */
};

/* False when a field is out of range or the whole would pass 1 GiB. */
bool trajectory_shape_valid(const struct trajectory_shape *s);
size_t trajectory_fixed_bytes(const struct trajectory_shape *s);
size_t trajectory_bytes_max(const struct trajectory_shape *s); /* with headroom and longest tail */
int trajectory_episodes_max(const struct trajectory_shape *s);
/* Bytes behind the arrays of so many episodes: their numbers, and these with the last observations.
 */
size_t trajectory_numbers_bytes(const struct trajectory_shape *s, size_t episodes);
size_t trajectory_episodes_bytes(const struct trajectory_shape *s, size_t episodes);
/* Sets the pointers of the fixed arrays and of episodes. */
void trajectory_point(struct trajectory *t, uint8_t *arrays);

/* A trajectory being written or waiting for its acknowledgement. */
struct trajectory_block {
    struct trajectory t;     /* first: a trajectory of ours is its block */
    uint8_t *raw;            /* owned; headroom, then the arrays */
    uint8_t *bulk;           /* where the arrays begin */
    uint8_t *final_obs;      /* rows of the episodes that ended */
    struct strmap *captions; /* text -> index */
    char *text;              /* caption texts, one behind the other */
    size_t text_len, text_cap;
    int captions_cap;
    /* Of the sender (common/wire/rollout/seal.h): */
    atomic_int refs; /* messages of libzmq that still read this memory */
    uint8_t *frame;  /* where the header begins; valid when sealed */
    size_t frame_len;
    uint32_t meta_len, bulk_len, body_crc;
    bool taken; /* handed out by wire_actor_take, not yet put */
};

/* shape: a valid one. Never NULL. */
struct trajectory_block *trajectory_block_create(const struct trajectory_shape *shape);
void trajectory_block_free(struct trajectory_block *b); /* NULL is allowed */
/* Puts episodes and captions behind the arrays; returns the bytes of arrays and tail together. */
size_t trajectory_block_finish(struct trajectory_block *b);

#endif /* ONIC_COMMON_DATA_TRAJECTORY_BLOCK_H */
