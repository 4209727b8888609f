/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_CHAOS_FLOOD_H
#define ONIC_TESTS_CHAOS_FLOOD_H

/* flood.h - many connections to a learner that speak the frame format and send what is no frame, no
 * message, or nothing that an actor may say; half of them have joined as actors before, and join
 * again when they are sent away. What they send is made of frames of a real actor by a seed.
 *
 * Everything sent is answered for: after each batch a connection asks something whose answer shows
 * that all before it was read, so that what was sent can be compared with what was counted. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/wire/frame/frame.h"
#include "tests/chaos/storm.h"

/* Whole frames of a real actor. */
struct flood_frames {
    uint8_t *ready, *trajectory;
    size_t ready_len, trajectory_len;
};
/* Lets the actor `part` of the run speak through a relay until both were seen. */
bool flood_listen(struct storm *s, int part, struct flood_frames *out);
void flood_frames_free(struct flood_frames *f);

struct flood;
/* joined of `connections` join. Connects to s->learner_reach. */
struct flood *flood_open(struct storm *s, const struct flood_frames *frames, int connections,
                         int joined, uint64_t seed);
/* A batch of each connection, all read by the learner when it returns, but what is unsure. False: a
 * connection that wants to join is not answered. */
bool flood_round(struct flood *f);
struct flood_sums {
    uint64_t sent;  /* frames that are wrong */
    uint64_t asked; /* questions after a batch, of no actor: the learner counts them, too */
    uint64_t joins, sent_away, put_off;
    /* of sent and asked: of connections that were cut meanwhile, as those that do not join are on a
     * machine that is too busy to let them; the learner may have read them or not */
    uint64_t unsure;
};
struct flood_sums flood_sums(const struct flood *f);
void flood_close(struct flood *f);

#endif /* ONIC_TESTS_CHAOS_FLOOD_H */
