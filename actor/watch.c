/* SPDX-License-Identifier: MIT */
/* watch.c - signal thread and watchdog; see watch.h.
 *
 * Signals are blocked here and in every thread made later, so that the watching thread can wait for
 * them. Threads that libraries made before main (OpenBLAS) do not block them and would die of them
 * with the whole process: the handler passes a signal that hits such a thread on.
 *
 * `deadline_ms` is the only thing shared with the stepping thread: 0 = not stepping, else the
 * monotonic time by which the next sign of life must come. */
#include "actor/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "actor/envs/progress.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/process.h"
#include "common/base/xmalloc.h"

struct watch {
    pthread_t thread;
    atomic_bool drain, stop;
    atomic_llong deadline_ms;
    int step_timeout_s;
    int64_t asked_ms; /* of the first signal; the watching thread's own */
    sigset_t signals;
};

enum { SECOND_SIGNAL_MS = 2000 };

static pthread_t watching_thread; /* a handler has no argument */

static void watch_pass_on(int sig)
{
    pthread_kill(watching_thread, sig);
}

static void check_progress(struct watch *w)
{
    long long deadline = atomic_load(&w->deadline_ms);
    if (deadline == 0 || clock_ms() < deadline)
        return;
    log_error("environment step hung; ending this actor so that its supervisor restarts it",
              kv("limit_s", w->step_timeout_s));
    _exit(75);
}

static void *watch_main(void *arg)
{
    struct watch *w = arg;
    while (!atomic_load(&w->stop)) {
        int sig = sigtimedwait(&w->signals, NULL, &(struct timespec){.tv_nsec = 200000000});
        if (sig > 0) {
            bool again = atomic_exchange(&w->drain, true);
            if (!again)
                w->asked_ms = clock_ms();
            /* Ctrl-C comes from the terminal and again, at once, from `onic train`. */
            if (again && clock_ms() - w->asked_ms >= SECOND_SIGNAL_MS) {
                log_warn("second signal: stopping at once");
                _exit(75);
            }
            log_info("draining");
        }
        check_progress(w);
        env_progress_ask();
    }
    return NULL;
}

int watch_create(struct watch **out, int step_timeout_s, struct onic_err *err)
{
    struct watch *w = xcalloc(1, sizeof *w);
    int stop[PROCESS_STOPS_MAX], stops = process_stop_signals(stop);
    w->step_timeout_s = step_timeout_s;
    sigemptyset(&w->signals);
    for (int i = 0; i < stops; i++)
        sigaddset(&w->signals, stop[i]);
    pthread_sigmask(SIG_BLOCK, &w->signals, NULL);
    if (pthread_create(&w->thread, NULL, watch_main, w) != 0) {
        free(w);
        *out = NULL;
        return err_set(err, ONIC_ECONFIG, "cannot start a thread: the process limit is reached");
    }
    watching_thread = w->thread;
    struct sigaction action = {.sa_handler = watch_pass_on, .sa_flags = SA_RESTART};
    for (int i = 0; i < stops; i++)
        sigaction(stop[i], &action, NULL);
    *out = w;
    return ONIC_OK;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    watching_thread = pthread_self(); /* what comes now stays pending, also over an exec */
    atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
    free(w);
}

bool watch_drain_asked(const struct watch *w)
{
    return atomic_load(&w->drain);
}

void watch_begin(struct watch *w)
{
    watch_progress(w);
}

void watch_progress(struct watch *w)
{
    atomic_store(&w->deadline_ms, clock_ms() + 1000LL * w->step_timeout_s);
}

void watch_extend(struct watch *w)
{
    if (atomic_load(&w->deadline_ms))
        watch_progress(w);
}

void watch_end(struct watch *w)
{
    atomic_store(&w->deadline_ms, 0);
}
