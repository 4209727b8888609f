/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_SEAL_H
#define ONIC_COMMON_WIRE_ROLLOUT_SEAL_H

/* seal.h - a trajectory's block becomes the frame that carries it, where it lies. */

#include "common/data/trajectory_block.h"

/* Puts the tail behind the arrays and the meta part in front, leaves room for the 64-byte header
 * and computes the checksum of meta part and arrays. Sets frame, frame_len, meta_len, bulk_len and
 * body_crc of the block. */
void trajectory_seal(struct trajectory_block *b);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_SEAL_H */
