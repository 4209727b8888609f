/* SPDX-License-Identifier: MIT */
/* proto_put.c - see proto_put.h. */
#include "common/metrics/proto_put.h"

#include <string.h>

void proto_put_varint(struct buf *b, uint64_t v)
{
    unsigned char out[10];
    size_t n = 0;
    do {
        out[n++] = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v);
    buf_append(b, out, n);
}

void proto_put_tag(struct buf *b, unsigned number, unsigned type)
{
    proto_put_varint(b, number << 3 | type);
}

void proto_put_bytes(struct buf *b, unsigned number, const void *data, size_t len)
{
    proto_put_tag(b, number, 2);
    proto_put_varint(b, len);
    buf_append(b, data, len);
}

void proto_put_double(struct buf *b, unsigned number, double v)
{
    proto_put_tag(b, number, 1);
    buf_append(b, &v, sizeof v); /* x86-64 is little-endian */
}

void proto_put_text(struct buf *b, unsigned number, const char *text)
{
    proto_put_bytes(b, number, text, strlen(text));
}

void proto_put_int(struct buf *b, unsigned number, uint64_t v)
{
    proto_put_tag(b, number, 0);
    proto_put_varint(b, v);
}

void proto_put_message(struct buf *b, unsigned number, struct buf *part)
{
    proto_put_bytes(b, number, part->data, part->len);
    b->overflow |= part->overflow;
    buf_reset(part);
}
