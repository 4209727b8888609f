/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_META_H
#define ONIC_COMMON_WIRE_FRAME_META_H

/* meta.h - protobuf-c messages in and out of frames, within a memory budget.
 *
 * protobuf-c 1.4.1 needs up to 76 times the wire size on hostile input and recurses without a
 * limit. The schemas in proto/ therefore have no recursive type, and every unpack draws from a bump
 * allocator that holds at most four times the wire size plus 64 KiB; a message that needs more is
 * refused like a damaged one. Unpacked messages live until the next unpack with the same arena and
 * are never freed one by one. Single-threaded per arena. */

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "common/wire/frame/frame.h"

enum { META_UNKNOWN_MAX = 64 }; /* more unknown fields than this are hostile, not a newer version */

struct meta_arena;
struct meta_arena *meta_arena_create(void);
void meta_arena_free(struct meta_arena *a);

/* NULL when the bytes are not such a message, need too much memory or carry too many unknown
 * fields. */
void *meta_unpack(struct meta_arena *a, const ProtobufCMessageDescriptor *type, const uint8_t *data,
                  size_t len);

/* Text of a bytes field, cut to fit, control bytes replaced: safe to print. */
void meta_text(char *out, size_t size, const ProtobufCBinaryData *b);
ProtobufCBinaryData meta_bytes(const char *text); /* borrows text */

#endif /* ONIC_COMMON_WIRE_FRAME_META_H */
