/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_PLACE_H
#define ONIC_COMMON_WIRE_ROLLOUT_PLACE_H

/* place.h - who may have an actor's number: the secret of an incarnation (R10). Private to
 * common/wire.
 *
 * WELCOME names run, epoch and incarnation to everybody who joins, so none of them shows anything.
 * It also hands each incarnation a secret that the learner alone can compute: a keyed hash of run,
 * number and incarnation. Who shows it is that process, or follows it in the same state folder. The
 * key outlives the learner (learner/process/place_key.c), so that a restarted one knows those of an
 * earlier life again, also of incarnations that its checkpoint does not know. */

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { PLACE_KEY_BYTES = 32, PLACE_SECRET_BYTES = 16 };

struct place {
    uint8_t run_id[16];
    uint32_t actor_id;
    uint64_t incarnation;
};

void place_secret(const uint8_t key[PLACE_KEY_BYTES], const struct place *of,
                  uint8_t out[PLACE_SECRET_BYTES]);
/* Whether `shown` is the secret of that place. */
bool place_is_shown(const uint8_t key[PLACE_KEY_BYTES], const struct place *of,
                    const ProtobufCBinaryData *shown);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_PLACE_H */
