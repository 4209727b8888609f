/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_SKEWED_CLOCK_H
#define ONIC_TESTS_SUPPORT_SKEWED_CLOCK_H

/* skewed_clock.h - the monotonic clock of this process, ahead by as much as a test says, or one
 * that moves only when the test says so; other threads may read it meanwhile.
 * clock_replace(NULL) ends it. */

#include <time.h>

#include "common/base/clock.h"

static int64_t skewed_clock_ahead_ns;

static inline int64_t skewed_clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec +
           __atomic_load_n(&skewed_clock_ahead_ns, __ATOMIC_RELAXED);
}

static inline void skewed_clock_set(int64_t ahead_ns)
{
    __atomic_store_n(&skewed_clock_ahead_ns, ahead_ns, __ATOMIC_RELAXED);
    clock_replace(skewed_clock_now_ns);
}

static inline void skewed_clock_advance(int64_t ns)
{
    __atomic_fetch_add(&skewed_clock_ahead_ns, ns, __ATOMIC_RELAXED);
}

static inline int64_t skewed_clock_stopped_ns(void)
{
    return __atomic_load_n(&skewed_clock_ahead_ns, __ATOMIC_RELAXED);
}

/* Stops it where it is: a machine that is busy makes nobody silent or late. */
static inline void skewed_clock_stop(void)
{
    __atomic_store_n(&skewed_clock_ahead_ns, clock_ns(), __ATOMIC_RELAXED);
    clock_replace(skewed_clock_stopped_ns);
}

/* A teardown: whatever became of the test, the next one has the real clock. */
static inline int skewed_clock_end(void **state)
{
    (void)state;
    clock_replace(NULL);
    return 0;
}

#endif /* ONIC_TESTS_SUPPORT_SKEWED_CLOCK_H */
