/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. clock_gettime is called directly: NetHack's `time` is overridden
 * elsewhere. */
#include "common/base/clock.h"

#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

typedef int64_t (*source)(void);
static _Atomic source replaced; /* a test may set it while threads of the code under test run */

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_ns(void)
{
    source now = atomic_load_explicit(&replaced, memory_order_relaxed);
    return now ? now() : read_clock(CLOCK_MONOTONIC);
}

int64_t clock_ms(void)
{
    return clock_ns() / 1000000;
}

double clock_wall_s(void)
{
    return (double)read_clock(CLOCK_REALTIME) * 1e-9;
}

int64_t clock_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_process_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_replace(int64_t (*monotonic_ns)(void))
{
    atomic_store_explicit(&replaced, monotonic_ns, memory_order_relaxed);
}
