/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_STRMAP_H
#define ONIC_COMMON_BASE_STRMAP_H

/* strmap.h - byte string -> uint64_t hash table (captions, labels, counts).
 *
 * Open addressing keyed by XXH3-64; keys are copied into an append-only pool. strmap_clear keeps
 * memory, so per-episode maps do not allocate in steady state. Entries are never removed one by
 * one. Single-threaded. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap;

struct strmap *strmap_create(size_t expected_entries);
void strmap_free(struct strmap *m); /* NULL is allowed */
void strmap_clear(struct strmap *m);
size_t strmap_count(const struct strmap *m);

/* The value slot of key, or NULL. Valid until the next strmap_put or strmap_clear. */
uint64_t *strmap_get(const struct strmap *m, const void *key, size_t len);
/* The value slot of key, inserted as 0 when absent; *inserted (may be NULL) says which. Aborts on
 * out of memory; the caller bounds the number of entries. */
uint64_t *strmap_put(struct strmap *m, const void *key, size_t len, bool *inserted);
/* Iterates in insertion order: *it starts at 0; false at the end. Key borrowed until
 * strmap_clear/free. */
bool strmap_next(const struct strmap *m, size_t *it, const char **key, size_t *len,
                 uint64_t *value);

#endif /* ONIC_COMMON_BASE_STRMAP_H */
