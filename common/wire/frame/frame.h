/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_FRAME_H
#define ONIC_COMMON_WIRE_FRAME_FRAME_H

/* frame.h - the 64-byte header in front of every message.
 *
 *   off size  field (little endian)              off size  field
 *   0   4     magic "ONIC"                       32  8     incarnation
 *   4   2     protocol: major byte, minor byte   40  8     seq (TRAJECTORY: 1,2,3...; others 0)
 *   6   2     message type                       48  4     meta length (protobuf, <= 64 KiB)
 *   8   16    run id                             52  4     bulk length
 *   24  4     actor id                           56  4     CRC32C of meta and bulk
 *   28  4     learner epoch                      60  4     CRC32C of bytes 0..59
 *   64  ...   meta, then bulk; 64 + meta + bulk is exactly the size of the frame
 *
 * This layout and the REJECT message are the same in every protocol version: two programs that
 * share nothing else can still tell each other so. Pure functions, no allocation. */

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_MAJOR = 1,
    FRAME_MINOR = 0,
    FRAME_HEADER = 64,
    FRAME_META_MAX = 65536,
    FRAME_ID_NONE = -1 /* actor id before one is assigned, as (uint32_t) */
};

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_WELCOME,
    FRAME_READY,
    FRAME_CREDIT,
    FRAME_REJECT,
    FRAME_TRAJECTORY,
    FRAME_HEARTBEAT,
    FRAME_SKIP,
    FRAME_HELLO_REQUIRED,
    FRAME_DRAIN,
    FRAME_BYE,
    FRAME_BYE_ACK,
    FRAME_WEIGHTS_GET = 32,
    FRAME_WEIGHTS_MANIFEST,
    FRAME_WEIGHTS_CHUNK,
    FRAME_WEIGHTS_NONE, /* nothing published yet */
    FRAME_ANNOT_HELLO = 64,
    FRAME_ANNOT_WELCOME,
    FRAME_ANNOT_ASK,
    FRAME_ANNOT_LABELS,
    FRAME_ANNOT_BUSY,
    FRAME_ANNOT_HEARTBEAT
};

enum wire_role { WIRE_ROLE_ACTOR = 1, WIRE_ROLE_LEARNER = 2, WIRE_ROLE_VIEWER = 3 };

/* code of a REJECT */
enum wire_reject {
    WIRE_REJECT_INCOMPATIBLE = 1, /* specification or protocol differs: exit 78 */
    WIRE_REJECT_FENCED,           /* another process holds this actor id: exit 76 */
    WIRE_REJECT_DUPLICATE,        /* the id is alive elsewhere: exit 76 */
    WIRE_REJECT_REVOKED,          /* sent nonsense too often: exit 70 */
    WIRE_REJECT_OTHER_RUN,        /* another run answers at this address now: exit 75 */
    WIRE_REJECT_RETRY,            /* not now, say HELLO again */
    WIRE_REJECT_KEY               /* its key may not be here any more, or not this actor: exit 77 */
};

struct frame_head {
    uint8_t major, minor;
    uint16_t type;
    uint8_t run_id[16];
    uint32_t actor_id, epoch;
    uint64_t incarnation, seq;
    uint32_t meta_len, bulk_len;
};

struct frame {
    struct frame_head head;
    const uint8_t *meta, *bulk; /* borrowed from the bytes that were parsed */
    uint32_t body_crc;
};

/* Why bytes are not a frame; field, counter text */
/* clang-format off */
#define FRAME_BAD_MAP(XX) \
    XX(SHORT, "short") \
    XX(MAGIC, "magic") \
    XX(HEADER, "header_crc") \
    XX(VERSION, "version") \
    XX(LENGTH, "length") \
    XX(CRC, "crc") \
    XX(META, "meta") \
    XX(MULTIPART, "multipart") \
    XX(TYPE, "type") \
    XX(NAMED, "its peer named itself")
/* clang-format on */
enum frame_bad {
    FRAME_FINE = 0,
#define XX(name, text) FRAME_BAD_##name,
    FRAME_BAD_MAP(XX)
#undef XX
        FRAME_BADS
};

/* Checks everything the header promises. On FRAME_BAD_VERSION the header is valid and filled in,
 * the rest unread. */
enum frame_bad frame_parse(struct frame *f, const void *bytes, size_t len);
const char *frame_bad_name(enum frame_bad b);

/* Writes the header to out[64]; body_crc: CRC32C of meta and bulk. major and minor are this
 * build's. */
void frame_seal(uint8_t *out, const struct frame_head *h, uint32_t body_crc);

#endif /* ONIC_COMMON_WIRE_FRAME_FRAME_H */
