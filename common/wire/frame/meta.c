/* SPDX-License-Identifier: MIT */
/* meta.c - see meta.h.
 *
 * The arena is one block of the largest budget there can be; only its limit moves, so unpacking
 * never touches the heap. protobuf-c frees what it allocated when an unpack fails half-way: with a
 * bump allocator that is nothing to do. */
#include "common/wire/frame/meta.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/utf8.h"
#include "common/base/xmalloc.h"

enum { BUDGET_FIXED = 65536, BUDGET_FACTOR = 4 };

struct meta_arena {
    ProtobufCAllocator allocator;
    size_t used, limit;
    uint8_t *block; /* [4 x FRAME_META_MAX + 64 KiB] */
};

static void *bump(void *ctx, size_t bytes)
{
    struct meta_arena *a = ctx;
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded < bytes || rounded > a->limit - a->used)
        return NULL;
    void *p = a->block + a->used;
    a->used += rounded;
    return p;
}

static void forget(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

struct meta_arena *meta_arena_create(void)
{
    struct meta_arena *a = xcalloc(1, sizeof *a);
    a->block = xmalloc((size_t)BUDGET_FACTOR * FRAME_META_MAX + BUDGET_FIXED);
    a->allocator = (ProtobufCAllocator){.alloc = bump, .free = forget, .allocator_data = a};
    return a;
}

void meta_arena_free(struct meta_arena *a)
{
    if (!a)
        return;
    free(a->block);
    free(a);
}

void *meta_unpack(struct meta_arena *a, const ProtobufCMessageDescriptor *type, const uint8_t *data,
                  size_t len)
{
    if (len > FRAME_META_MAX)
        return NULL;
    static const uint8_t nothing[1];
    a->used = 0;
    a->limit = BUDGET_FACTOR * len + BUDGET_FIXED;
    ProtobufCMessage *m = protobuf_c_message_unpack(type, &a->allocator, len, len ? data : nothing);
    if (m && m->n_unknown_fields > META_UNKNOWN_MAX)
        return NULL;
    return m;
}

void meta_text(char *out, size_t size, const ProtobufCBinaryData *b)
{
    size_t n = b->len < size - 1 ? b->len : size - 1;
    if (n)
        memcpy(out, b->data, n);
    n = utf8_whole(out, n);
    for (size_t i = 0; i < n; i++)
        if (!out[i]) /* it ends later than it seems to */
            out[i] = '?';
    shown_clean_line(out, n);
    out[n] = '\0';
}

ProtobufCBinaryData meta_bytes(const char *text)
{
    union {
        const char *in;
        uint8_t *out;
    } borrowed = {.in = text}; /* protobuf-c only reads it */
    return (ProtobufCBinaryData){.len = strlen(text), .data = borrowed.out};
}
