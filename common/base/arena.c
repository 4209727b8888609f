/* SPDX-License-Identifier: MIT */
/* arena.c - bump arena as a chain of blocks.
 *
 * After a reset the chain is walked again from its first block; blocks are never given back before
 * arena_free. A request larger than the next block gets a block of its own size. */
#include "common/base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/base/xmalloc.h"

struct block {
    struct block *next;
    size_t size, used;
    unsigned char *data; /* 64-byte aligned */
};

struct arena {
    struct block *first, *current;
    size_t block_bytes, max_bytes, total_bytes, in_use, high_water;
};

static struct block *block_create(size_t bytes)
{
    struct block *b = xmalloc(sizeof *b);
    b->next = NULL;
    b->size = bytes;
    b->used = 0;
    b->data = xaligned(bytes);
    return b;
}

struct arena *arena_create(size_t first_block_bytes, size_t max_bytes)
{
    struct arena *a = xcalloc(1, sizeof *a);
    a->block_bytes = first_block_bytes < 64 ? 64 : (first_block_bytes + 63) & ~(size_t)63;
    a->max_bytes = max_bytes;
    return a;
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    for (struct block *b = a->first; b;) {
        struct block *next = b->next;
        free(b->data);
        free(b);
        b = next;
    }
    free(a);
}

/* The block that can take `bytes`, advancing along the chain or appending to it. */
static struct block *find_block(struct arena *a, size_t bytes)
{
    struct block *last = NULL;
    for (struct block *b = a->current; b; last = b, b = b->next)
        if (b->size - b->used >= bytes)
            return b;
    size_t size = bytes > a->block_bytes ? bytes : a->block_bytes;
    if (size > a->max_bytes - a->total_bytes)
        size = bytes;
    if (size > a->max_bytes - a->total_bytes)
        return NULL;
    struct block *b = block_create(size);
    a->total_bytes += size;
    if (last)
        last->next = b;
    else
        a->first = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - 63)
        return NULL;
    size_t rounded = bytes ? (bytes + 63) & ~(size_t)63 : 64;
    if (rounded > a->max_bytes)
        return NULL;
    struct block *b = find_block(a, rounded);
    if (!b)
        return NULL;
    a->current = b;
    void *p = b->data + b->used;
    b->used += rounded;
    a->in_use += rounded;
    if (a->in_use > a->high_water)
        a->high_water = a->in_use;
    return p;
}

void arena_reset(struct arena *a)
{
    for (struct block *b = a->first; b; b = b->next)
        b->used = 0;
    a->current = a->first;
    a->in_use = 0;
}

size_t arena_high_water(const struct arena *a)
{
    return a->high_water;
}
