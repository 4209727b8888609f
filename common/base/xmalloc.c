/* SPDX-License-Identifier: MIT */
/* xmalloc.c - see xmalloc.h. */
#include "common/base/xmalloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/limits.h"

static atomic_uint_fast64_t calls;

static void *checked(void *p)
{
    if (!p)
        limits_out_of_memory();
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    return p;
}

void *xmalloc(size_t bytes)
{
    return checked(malloc(bytes ? bytes : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t bytes)
{
    return checked(realloc(p, bytes ? bytes : 1));
}

char *xstrdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(xmalloc(n), s, n);
}

void *xaligned(size_t bytes)
{
    size_t rounded = (bytes + 63) & ~(size_t)63;
    ONIC_ASSERT(rounded >= bytes);
    void *p = NULL;
    if (posix_memalign(&p, 64, rounded ? rounded : 64) != 0)
        p = NULL;
    checked(p);
    return memset(p, 0, rounded ? rounded : 64);
}

uint64_t xmalloc_calls(void)
{
    return atomic_load_explicit(&calls, memory_order_relaxed);
}

void *memory_cut(void *memory, size_t *at, size_t bytes)
{
    void *part = memory ? (char *)memory + *at : NULL;
    *at += (bytes + 63) / 64 * 64;
    return part;
}
