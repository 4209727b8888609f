/* SPDX-License-Identifier: MIT */
/* watch.c - signal thread and watchdog; see watch.h.
 *
 * Signals are blocked here and in every thread made later, so that the watching thread can wait for
 * them. Threads that libraries made before main (OpenBLAS) do not block them and would die of them
 * with the whole process: the handler passes a signal that hits such a thread on.
 *
 * `since_ms` is what the stepping thread tells, without the lock: when it gave its last sign of
 * life, as a number below 0 while it makes environments, 0 outside of begin and end. It becomes 0
 * within the lock, so that keep is never called after watch_end.
 *
 * keep gives no sign of life: it is for the learner, and the limit of a step goes on to count. */
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
    atomic_llong since_ms;
    int step_timeout_s;
    pthread_mutex_t lock;
    void (*keep)(void *ctx); /* NULL: nothing is kept */
    void *ctx;
    const char *env;
    /* the watching thread's own */
    int64_t asked_ms;         /* of the first signal */
    int64_t told_ms, tell_ms; /* when a long step was told, and how long the next one must be */
    sigset_t signals;
};

enum {
    SECOND_SIGNAL_MS = 2000,
    KEEP_AFTER_MS = 1000, /* a learner waits for ten times as long */
    TELL_AFTER_MS = 10000,
    TELL_AGAIN_MS = 600000
};

static pthread_t watching_thread; /* a handler has no argument */

static void watch_pass_on(int sig)
{
    pthread_kill(watching_thread, sig);
}

static void end_hung_step(const struct watch *w)
{
    log_error("environment step hung; ending this actor so that its supervisor restarts it",
              kv("limit_s", w->step_timeout_s));
    _exit(75);
}

/* Steps that are always long are told once in ten minutes, one that goes on each time that it has
 * taken twice as long. */
static void tell_of_long_step(struct watch *w, int64_t away_ms, bool making)
{
    int64_t now = clock_ms();
    if (now - w->told_ms > TELL_AGAIN_MS)
        w->tell_ms = TELL_AFTER_MS;
    if (away_ms < w->tell_ms)
        return;
    w->told_ms = now;
    w->tell_ms *= 2;
    log_warn(making ? "making an environment takes long; its actor keeps its place for 120 s more "
                      "than actors.step_timeout_s"
                    : "one step or reset of an environment takes long; its actor keeps its place "
                      "until actors.step_timeout_s",
             kv("env", w->env), kv("for_s", away_ms / 1000), kv("limit_s", w->step_timeout_s));
}

static void watch_look(struct watch *w)
{
    long long since = atomic_load(&w->since_ms);
    if (since == 0)
        return;
    int64_t away_ms = clock_ms() - llabs(since);
    bool making = since < 0, over = away_ms >= (int64_t)w->step_timeout_s * 1000;
    if (over && !making)
        end_hung_step(w);
    if (away_ms < KEEP_AFTER_MS)
        return;
    watch_lock(w);
    if (w->keep && atomic_load(&w->since_ms) == since) { /* it has not come back meanwhile */
        if (!over)
            w->keep(w->ctx);
        tell_of_long_step(w, away_ms, making);
    }
    watch_unlock(w);
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
        watch_look(w);
        env_progress_ask();
    }
    return NULL;
}

int watch_create(struct watch **out, int step_timeout_s, struct onic_err *err)
{
    struct watch *w = xcalloc(1, sizeof *w);
    int stop[PROCESS_STOPS_MAX], stops = process_stop_signals(stop);
    w->step_timeout_s = step_timeout_s;
    w->tell_ms = TELL_AFTER_MS;
    pthread_mutex_init(&w->lock, NULL);
    sigemptyset(&w->signals);
    for (int i = 0; i < stops; i++)
        sigaddset(&w->signals, stop[i]);
    pthread_sigmask(SIG_BLOCK, &w->signals, NULL);
    if (pthread_create(&w->thread, NULL, watch_main, w) != 0) {
        pthread_mutex_destroy(&w->lock);
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
    pthread_mutex_destroy(&w->lock);
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

void watch_begin_making(struct watch *w)
{
    atomic_store(&w->since_ms, -clock_ms());
}

void watch_progress(struct watch *w)
{
    atomic_store(&w->since_ms, clock_ms());
}

void watch_extend(struct watch *w)
{
    long long since = atomic_load(&w->since_ms);
    if (since > 0)
        watch_progress(w);
    else if (since < 0)
        watch_begin_making(w);
}

void watch_end(struct watch *w)
{
    watch_lock(w);
    atomic_store(&w->since_ms, 0);
    watch_unlock(w);
}

/* --- what is kept meanwhile ------------------------------------------------------------------ */

void watch_keep(struct watch *w, const char *env, void (*keep)(void *ctx), void *ctx)
{
    ONIC_ASSERT(atomic_load(&w->since_ms) == 0);
    watch_lock(w);
    w->env = env;
    w->keep = keep;
    w->ctx = ctx;
    watch_unlock(w);
}

void watch_lock(struct watch *w)
{
    pthread_mutex_lock(&w->lock);
}

void watch_unlock(struct watch *w)
{
    pthread_mutex_unlock(&w->lock);
}
