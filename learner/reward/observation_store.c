/* SPDX-License-Identifier: MIT */
/* observation_store.c - see observation_store.h. Slots of fixed size: replacing one moves nothing.
 * A distinct store finds its largest hash by a heap. Its index keeps captions that gave way: their
 * hash is above the largest one from then on, so they are turned away before they are looked up.
 * About capacity x ln(captions / capacity) of them come in all. */
#include "learner/reward/observation_store.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/rng.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { FIRST_SLOTS = 1024, HEAD_WORDS = 3 };

struct slot {
    uint16_t len;
    char text[QUESTION_CAPTION_MAX];
};

struct ranked { /* of a distinct store */
    uint64_t hash;
    size_t slot;
};

struct observation_store {
    struct slot *slot;
    size_t count, cap, capacity;
    struct strmap *index; /* captions held or given up; NULL unless distinct */
    struct ranked *heap;  /* [count] the largest hash first; NULL unless distinct */
    uint64_t seed, offered, drawn;
};

struct observation_store *observation_store_create(size_t capacity, bool distinct, uint64_t seed)
{
    struct observation_store *s = xcalloc(1, sizeof *s);
    s->capacity = capacity;
    s->seed = seed;
    s->index = distinct ? strmap_create(FIRST_SLOTS) : NULL;
    return s;
}

void observation_store_free(struct observation_store *s)
{
    if (!s)
        return;
    strmap_free(s->index);
    free(s->heap);
    free(s->slot);
    free(s);
}

static void set(struct observation_store *s, size_t at, const char *caption, size_t len)
{
    s->slot[at].len = (uint16_t)len;
    memcpy(s->slot[at].text, caption, len);
}

static void observation_store_append(struct observation_store *s, const char *caption, size_t len)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : FIRST_SLOTS;
        s->cap = s->cap < s->capacity ? s->cap : s->capacity;
        s->slot = xrealloc(s->slot, s->cap * sizeof *s->slot);
        if (s->index)
            s->heap = xrealloc(s->heap, s->cap * sizeof *s->heap);
    }
    set(s, s->count++, caption, len);
}

/* --- distinct -------------------------------------------------------------------------------- */

static void heap_up(struct ranked *heap, size_t i)
{
    for (size_t parent; i > 0 && heap[(parent = (i - 1) / 2)].hash < heap[i].hash; i = parent) {
        struct ranked swap = heap[i];
        heap[i] = heap[parent];
        heap[parent] = swap;
    }
}

static void heap_down(struct ranked *heap, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && heap[child + 1].hash > heap[child].hash;
        if (heap[child].hash <= heap[i].hash)
            return;
        struct ranked swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
    }
}

/* A caption that is not held, into a free slot. */
static void append_distinct(struct observation_store *s, const char *caption, size_t len)
{
    strmap_put(s->index, caption, len, NULL);
    observation_store_append(s, caption, len);
    s->heap[s->count - 1] =
        (struct ranked){XXH3_64bits_withSeed(caption, len, s->seed), s->count - 1};
    heap_up(s->heap, s->count - 1);
}

static void forget_given_up(struct observation_store *s)
{
    if (strmap_count(s->index) < 2 * s->capacity)
        return;
    strmap_clear(s->index);
    for (size_t i = 0; i < s->count; i++)
        strmap_put(s->index, s->slot[i].text, s->slot[i].len, NULL);
}

static void put_distinct(struct observation_store *s, const char *caption, size_t len)
{
    bool full = s->count == s->capacity;
    uint64_t hash = XXH3_64bits_withSeed(caption, len, s->seed);
    if ((full && hash >= s->heap[0].hash) || strmap_get(s->index, caption, len))
        return;
    s->offered++;
    if (!full) {
        append_distinct(s, caption, len);
        return;
    }
    strmap_put(s->index, caption, len, NULL);
    set(s, s->heap[0].slot, caption, len);
    s->heap[0].hash = hash;
    heap_down(s->heap, s->count);
    forget_given_up(s);
}

/* --- all ------------------------------------------------------------------------------------- */

void observation_store_put(struct observation_store *s, const char *caption, size_t len)
{
    len = len < QUESTION_CAPTION_MAX ? len : QUESTION_CAPTION_MAX;
    if (len == 0)
        return;
    if (s->index) {
        put_distinct(s, caption, len);
        return;
    }
    s->offered++;
    if (s->count < s->capacity) {
        observation_store_append(s, caption, len);
        return;
    }
    struct rng r = rng_stream(s->seed, "observation store", s->offered, 0, 0);
    uint64_t at = rng_u64(&r) % s->offered;
    if (at < s->capacity)
        set(s, (size_t)at, caption, len);
}

size_t observation_store_count(const struct observation_store *s)
{
    return s->count;
}

size_t observation_store_pair(struct observation_store *s, char out[QUESTION_MAX])
{
    if (s->count < 2)
        return 0;
    struct rng r = rng_stream(s->seed, "observation pair", s->drawn++, 0, 0);
    const struct slot *a = &s->slot[rng_below(&r, (uint32_t)s->count)];
    const struct slot *b = &s->slot[rng_below(&r, (uint32_t)s->count)];
    if (a->len == b->len && memcmp(a->text, b->text, a->len) == 0)
        return 0;
    return question_pair(out, a->text, a->len, b->text, b->len);
}

void observation_store_save(const struct observation_store *s, struct buf *out)
{
    uint64_t head[HEAD_WORDS] = {s->count, s->offered, s->drawn};
    buf_append(out, head, sizeof head);
    for (size_t i = 0; i < s->count; i++) {
        buf_append(out, &s->slot[i].len, sizeof s->slot[i].len);
        buf_append(out, s->slot[i].text, s->slot[i].len);
    }
}

static void empty(struct observation_store *s)
{
    s->count = 0;
    s->offered = s->drawn = 0;
    if (s->index)
        strmap_clear(s->index);
}

static bool read_slots(struct observation_store *s, uint64_t count, const char *p, size_t len)
{
    for (uint64_t i = 0; i < count; i++) {
        uint16_t n;
        if (len < sizeof n)
            return false;
        memcpy(&n, p, sizeof n);
        p += sizeof n;
        len -= sizeof n;
        if (n == 0 || n > QUESTION_CAPTION_MAX || n > len)
            return false;
        if (s->index)
            append_distinct(s, p, n);
        else
            observation_store_append(s, p, n);
        p += n;
        len -= n;
    }
    return len == 0;
}

bool observation_store_load(struct observation_store *s, const void *data, size_t len)
{
    uint64_t head[HEAD_WORDS];
    empty(s);
    if (len < sizeof head)
        return false;
    memcpy(head, data, sizeof head);
    if (head[0] > s->capacity || head[0] > head[1] ||
        !read_slots(s, head[0], (const char *)data + sizeof head, len - sizeof head)) {
        empty(s);
        return false;
    }
    s->offered = head[1];
    s->drawn = head[2];
    return true;
}
