/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. clock_gettime is called directly: NetHack's `time` is overridden
 * elsewhere.
 *
 * Whether this process ran is not asked of the kernel, which tells it of a SIGCONT at best: a
 * thread that has nothing else to do looks at the clock five times a second. What lies behind its
 * last look by more than COUNTED_MS was a stand-still, also for a thread that wakes up before it
 * does. The two numbers that say so belong together; readers take them again when the thread
 * changed them meanwhile (`changes` is odd while it does). */
#include "common/base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
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

enum { LOOK_MS = 200, COUNTED_MS = 1000 };

static atomic_uint changes;
static _Atomic int64_t counted_until_ns = INT64_MAX, left_out_ns;

static int64_t awake_ns(void)
{
    for (;;) {
        unsigned before = atomic_load(&changes);
        int64_t until = atomic_load(&counted_until_ns), left_out = atomic_load(&left_out_ns);
        int64_t now = read_clock(CLOCK_MONOTONIC);
        if (before % 2 == 0 && atomic_load(&changes) == before)
            return (now < until ? now : until) - left_out;
    }
}

static void look_at_clock(void)
{
    int64_t now = read_clock(CLOCK_MONOTONIC), until = atomic_load(&counted_until_ns);
    atomic_fetch_add(&changes, 1);
    if (now > until)
        atomic_fetch_add(&left_out_ns, now - until);
    atomic_store(&counted_until_ns, now + COUNTED_MS * INT64_C(1000000));
    atomic_fetch_add(&changes, 1);
}

static void *look_at_clock_for_ever(void *arg)
{
    for (;;) {
        nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
        look_at_clock();
    }
    return arg;
}

static atomic_bool looking;

static void forget_thread(void) /* in a child of fork, which has one thread only */
{
    atomic_store(&counted_until_ns, INT64_MAX);
    atomic_store(&changes, 0);
    atomic_store(&looking, false);
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, forget_thread);
}

void clock_leave_out_standstills(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_t thread;
    pthread_attr_t small;
    sigset_t all, old;
    if (atomic_exchange(&looking, true))
        return;
    pthread_once(&once, watch_forks);
    sigfillset(&all);
    pthread_attr_init(&small);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&small, 128 << 10);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    look_at_clock();
    if (pthread_create(&thread, &small, look_at_clock_for_ever, NULL) != 0)
        atomic_store(&counted_until_ns, INT64_MAX); /* see clock.h */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&small);
}

int64_t clock_stood_still_ms(void)
{
    return atomic_load(&left_out_ns) / 1000000;
}

int64_t clock_ms(void)
{
    source now = atomic_load_explicit(&replaced, memory_order_relaxed);
    return (now ? now() : awake_ns()) / 1000000;
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
