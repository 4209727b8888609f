/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_METRICS_PROTO_PUT_H
#define ONIC_COMMON_METRICS_PROTO_PUT_H

/* proto_put.h - protobuf messages by hand, field by field. */

#include <stdint.h>

#include "common/base/buf.h"

void proto_put_varint(struct buf *b, uint64_t v);
/* Field header: number and wire type (0 varint, 1 64 bits, 2 length-prefixed, 5 32 bits). */
void proto_put_tag(struct buf *b, unsigned number, unsigned type);
void proto_put_bytes(struct buf *b, unsigned number, const void *data, size_t len);
void proto_put_double(struct buf *b, unsigned number, double v);
void proto_put_text(struct buf *b, unsigned number, const char *text);
void proto_put_int(struct buf *b, unsigned number, uint64_t v);
/* The bytes of part as a message in the field; part is emptied. */
void proto_put_message(struct buf *b, unsigned number, struct buf *part);

#endif /* ONIC_COMMON_METRICS_PROTO_PUT_H */
