/* SPDX-License-Identifier: MIT */
/* strmap.c - entries in insertion order plus an index table of 32-bit positions; see strmap.h. */
#include "common/base/strmap.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/err.h"
#include "common/base/xmalloc.h"

struct entry {
    uint64_t hash, value;
    size_t key; /* offset into pool */
    size_t len;
};

struct strmap {
    struct entry *entries;
    size_t count, entry_cap;
    uint32_t *index;   /* entry number + 1; 0 = empty */
    size_t index_size; /* power of two, load factor <= 1/2 */
    char *pool;
    size_t pool_len, pool_cap;
};

struct strmap *strmap_create(size_t expected_entries)
{
    struct strmap *m = xcalloc(1, sizeof *m);
    m->index_size = 16;
    while (m->index_size < expected_entries * 2)
        m->index_size *= 2;
    m->index = xcalloc(m->index_size, sizeof *m->index);
    m->entry_cap = m->index_size / 2;
    m->entries = xmalloc(m->entry_cap * sizeof *m->entries);
    return m;
}

void strmap_free(struct strmap *m)
{
    if (!m)
        return;
    free(m->entries);
    free(m->index);
    free(m->pool);
    free(m);
}

void strmap_clear(struct strmap *m)
{
    if (m->count)
        memset(m->index, 0, m->index_size * sizeof *m->index);
    m->count = 0;
    m->pool_len = 0;
}

size_t strmap_count(const struct strmap *m)
{
    return m->count;
}

/* The index slot that holds key, or the empty one where it belongs. */
static size_t find_slot(const struct strmap *m, uint64_t hash, const void *key, size_t len)
{
    size_t mask = m->index_size - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        if (m->index[i] == 0)
            return i;
        const struct entry *e = &m->entries[m->index[i] - 1];
        if (e->hash == hash && e->len == len &&
            (len == 0 || memcmp(m->pool + e->key, key, len) == 0))
            return i;
    }
}

uint64_t *strmap_get(const struct strmap *m, const void *key, size_t len)
{
    size_t slot = find_slot(m, XXH3_64bits(key, len), key, len);
    return m->index[slot] ? &m->entries[m->index[slot] - 1].value : NULL;
}

static void strmap_grow(struct strmap *m)
{
    m->index_size *= 2;
    free(m->index);
    m->index = xcalloc(m->index_size, sizeof *m->index);
    size_t mask = m->index_size - 1;
    for (size_t n = 0; n < m->count; n++) {
        size_t i = (size_t)m->entries[n].hash & mask;
        while (m->index[i])
            i = (i + 1) & mask;
        m->index[i] = (uint32_t)n + 1;
    }
    m->entry_cap = m->index_size / 2;
    m->entries = xrealloc(m->entries, m->entry_cap * sizeof *m->entries);
}

static size_t pool_put(struct strmap *m, const void *key, size_t len)
{
    if (m->pool_len + len > m->pool_cap || !m->pool) {
        m->pool_cap = (m->pool_cap + len) * 2 + 256;
        m->pool = xrealloc(m->pool, m->pool_cap);
    }
    size_t at = m->pool_len;
    if (len)
        memcpy(m->pool + at, key, len);
    m->pool_len += len;
    return at;
}

uint64_t *strmap_put(struct strmap *m, const void *key, size_t len, bool *inserted)
{
    uint64_t hash = XXH3_64bits(key, len);
    size_t slot = find_slot(m, hash, key, len);
    if (inserted)
        *inserted = m->index[slot] == 0;
    if (m->index[slot])
        return &m->entries[m->index[slot] - 1].value;
    ONIC_ASSERT(m->count < UINT32_MAX - 1);
    if (m->count == m->entry_cap) {
        strmap_grow(m);
        slot = find_slot(m, hash, key, len);
    }
    m->entries[m->count] = (struct entry){.hash = hash, .key = pool_put(m, key, len), .len = len};
    m->index[slot] = (uint32_t)m->count + 1;
    return &m->entries[m->count++].value;
}

bool strmap_next(const struct strmap *m, size_t *it, const char **key, size_t *len, uint64_t *value)
{
    if (*it >= m->count)
        return false;
    const struct entry *e = &m->entries[(*it)++];
    *key = m->pool + e->key;
    *len = e->len;
    *value = e->value;
    return true;
}
