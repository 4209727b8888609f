/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_BLOCK_H
#define ONIC_COMMON_WIRE_BLOCK_H

/* block.h - the memory behind a trajectory: written by the actor, sent as it lies, read by the
 * learner as it came.
 *
 * Bulk part of a TRAJECTORY frame, offsets from its start; every array begins at a multiple of 64:
 *   the fixed arrays of struct trajectory in the order of trajectory.h, then at layout.fixed_bytes
 *   episodes [nepisodes, 4 + nstats] float32, caption_len [ncaptions] uint16, caption texts one
 * behind the other. Private to common/wire. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "common/wire/frame.h"
#include "common/wire/meta.h"
#include "common/wire/trajectory.h"

enum {
    TRAJECTORY_CAPTION_MAX = 256, /* bytes of one caption */
    TRAJECTORY_CAPTIONS_MAX = 65535,
    BLOCK_META_MAX = 256 /* packed TrajectoryMeta, padding included */
};

/* False when a field is out of range or the whole would pass 1 GiB. */
bool shape_valid(const struct trajectory_shape *s);
bool shape_equal(const struct trajectory_shape *a, const struct trajectory_shape *b);
size_t shape_fixed_bytes(const struct trajectory_shape *s);
size_t shape_frame_bytes(const struct trajectory_shape *s); /* largest frame of this shape */
int shape_episodes_max(const struct trajectory_shape *s);
void trajectory_point(struct trajectory *t,
                      uint8_t *bulk); /* sets the pointers of the fixed arrays and episodes */

/* A trajectory being written or waiting for its acknowledgement. */
struct block {
    struct trajectory t; /* first: a trajectory of ours is its block */
    uint8_t *raw;        /* owned; room for header and meta, then the bulk */
    uint8_t *bulk;
    struct strmap *captions; /* text -> index */
    char *text;              /* caption texts, one behind the other */
    size_t text_len, text_cap;
    int captions_cap;
    atomic_int refs; /* messages of libzmq that still read this memory */
    /* after block_seal */
    uint8_t *frame; /* where the header begins */
    size_t frame_len;
    uint32_t meta_len, bulk_len, body_crc;
    bool taken; /* handed out by wire_actor_take, not yet put */
};

struct block *block_create(const struct trajectory_shape *shape);
void block_free(struct block *b);
/* Puts the tail behind the arrays and the meta part in front, and computes the checksum of both. */
void block_seal(struct block *b);

/* A received trajectory. The pointers of t lead into msg, or into copy when the bytes came
 * unaligned. */
struct received {
    struct trajectory t; /* first */
    zmq_msg_t msg;       /* valid while queued or taken */
    uint64_t index;      /* g, over all incarnations of the actor */
    bool booked;         /* trained on or dropped */
    struct received *next;
    uint8_t *copy;
    size_t copy_cap;
    int captions_cap;
};

/* Reads a TRAJECTORY frame of a peer that said READY with `shape` into r. Returns NULL, or the name
 * of the field that is wrong with a sentence in why. bulk must stay valid as long as r->t is read.
 */
const char *received_decode(struct received *r, struct meta_arena *arena, const struct frame *f,
                            const struct trajectory_shape *shape, char why[160]);
void received_release(struct received *r); /* frees what r owns, not r */

#endif /* ONIC_COMMON_WIRE_BLOCK_H */
