/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_RECEIVED_H
#define ONIC_COMMON_WIRE_ROLLOUT_RECEIVED_H

/* received.h - a trajectory as it came from an actor, every field checked before it is used.
 * Private to common/wire. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

#include "common/data/trajectory.h"
#include "common/wire/frame/frame.h"
#include "common/wire/frame/meta.h"

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

/* Reads a TRAJECTORY frame of a peer that said READY with `shape`, or one that was kept of such a
 * peer, into r, and asks all that is asked below. Returns NULL, or the name of the field that is
 * wrong with a sentence in why. obs without fields, value_most 0: not known. bulk must stay valid
 * as long as r->t is read. */
const char *received_read(struct received *r, struct meta_arena *arena, const struct frame *f,
                          const struct trajectory_shape *shape, const struct obs_spec *obs,
                          float value_most, char why[160]);

/* The first of it: sizes, ranges, finite numbers. */
const char *received_decode(struct received *r, struct meta_arena *arena, const struct frame *f,
                            const struct trajectory_shape *shape, char why[160]);
/* The same for what an actor says of its episodes elsewhere than in the steps. */
const char *received_untrue(const struct received *r, char why[160]);
/* The same for values of the policy that are beyond value_most, which the learner knows of its
 * rewards. */
const char *received_beyond(const struct received *r, float value_most, char why[160]);
/* The same for observations, which are made of this. */
const char *received_strange(const struct received *r, const struct obs_spec *obs, char why[160]);
void received_release(struct received *r); /* frees what r owns, not r */

#endif /* ONIC_COMMON_WIRE_ROLLOUT_RECEIVED_H */
