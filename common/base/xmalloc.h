/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_XMALLOC_H
#define ONIC_COMMON_BASE_XMALLOC_H

/* xmalloc.h - allocation that ends the process when memory is exhausted (limits.h says how).
 *
 * Small allocations do not fail usefully on Linux. A size chosen by a peer or a file must be
 * checked against a limit before it comes here. Every call is counted, so that a test can assert
 * that the steady state of a loop allocates nothing. Thread-safe. */

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t count, size_t size); /* zeroed; an overflow of the product ends it too */
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);
void *xaligned(size_t bytes); /* 64-byte aligned, zeroed; release with free() */

/* Lays out parts in one block: the next `bytes` of memory at *at, which moves on by a multiple of
 * 64; NULL while memory is NULL, which only counts. */
void *memory_cut(void *memory, size_t *at, size_t bytes);

uint64_t xmalloc_calls(void); /* allocations since start, all threads */

#endif /* ONIC_COMMON_BASE_XMALLOC_H */
