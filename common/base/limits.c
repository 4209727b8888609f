/* SPDX-License-Identifier: MIT */
/* limits.c - see limits.h.
 *
 * Asked is by doing: threads are made and memory is mapped, because a limit counts what other
 * processes of the user and the group have already, and is not the only thing that can be in the
 * way. The limits are read only to name one. Memory of a control group is not refused but killed
 * for, so there the limit is compared with what is surely needed. */
#define _GNU_SOURCE
#include "common/base/limits.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/base/cgroup.h"

enum { THREADS_MAX = 256, MB = 1 << 20, TRIES = 5, TRY_AGAIN_MS = 100 };

/* --- what is set ----------------------------------------------------------------------------- */

static double line_number(const char *root, const char *dir, const char *name)
{
    char line[64];
    return cgroup_line(root, dir, name, line, sizeof line) ? strtod(line, NULL) : 0;
}

static double memory_v2(const char *root, const char *dir)
{
    return line_number(root, dir, "/memory.max"); /* "max" is 0: none */
}

static double memory_v1(const char *root, const char *dir)
{
    double bytes = line_number(root, dir, "/memory.limit_in_bytes");
    return bytes < 1e15 ? bytes : 0; /* none is written as a number near 2^63 */
}

static double pids_any(const char *root, const char *dir)
{
    return line_number(root, dir, "/pids.max");
}

double limits_group_memory(const char *root)
{
    return cgroup_tightest(root, "memory", memory_v2, memory_v1);
}

/* Adds "the <what> is <value><unit>". */
static void limits_put(char *out, size_t size, const char *what, double value, const char *unit)
{
    size_t n = strlen(out);
    if (value > 0)
        snprintf(out + n, size - n, "%sthe %s is %.0f%s", n ? " and " : "", what, value, unit);
}

static double resource_limit(int what)
{
    struct rlimit r;
    return getrlimit((__rlimit_resource_t)what, &r) == 0 && r.rlim_cur != RLIM_INFINITY
               ? (double)r.rlim_cur
               : 0;
}

void limits_memory_text(const char *root, char *out, size_t size)
{
    out[0] = '\0';
    limits_put(out, size, "limit of address space", resource_limit(RLIMIT_AS) / MB,
               " MB (ulimit -v)");
    limits_put(out, size, "limit of data", resource_limit(RLIMIT_DATA) / MB, " MB (ulimit -d)");
    limits_put(out, size, "memory limit of its control group (container)",
               limits_group_memory(root) / MB, " MB");
}

void limits_threads_text(const char *root, char *out, size_t size)
{
    out[0] = '\0';
    limits_put(out, size, "limit of processes and threads of this user",
               resource_limit(RLIMIT_NPROC), " (ulimit -u)");
    limits_put(out, size, "limit of processes and threads of its control group (container)",
               cgroup_tightest(root, "pids", pids_any, pids_any), "");
}

/* --- the out-of-memory killer ---------------------------------------------------------------- */

/* The number behind a key at the begin of a line; -1 = it is not there. */
static double keyed_number(const char *path, const char *key)
{
    char line[256];
    double found = -1;
    size_t n = strlen(key);
    FILE *f = fopen(path, "re");
    while (f && found < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0)
            found = strtod(line + n, NULL);
    if (f)
        fclose(f);
    return found;
}

static double kills_in(const char *root, const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s%s", root, dir, name);
    return keyed_number(path, "oom_kill ");
}

static double kills_v2(const char *root, const char *dir)
{
    return kills_in(root, dir, "/memory.events");
}

static double kills_v1(const char *root, const char *dir)
{
    return kills_in(root, dir, "/memory.oom_control");
}

int64_t limits_oom_kills(const char *root)
{
    double kills = cgroup_nearest(root, "memory", kills_v2, kills_v1);
    return (int64_t)(kills >= 0 ? kills : kills_in(root, "/proc", "/vmstat"));
}

/* --- may it be had? -------------------------------------------------------------------------- */

static void *wait_for_end(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* How many of n threads there can be at once. */
static int threads_to_be_had(int n)
{
    pthread_t thread[THREADS_MAX];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    sigset_t all, old;
    int made = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&gate);
    while (made < n && made < THREADS_MAX &&
           pthread_create(&thread[made], NULL, wait_for_end, &gate) == 0)
        made++;
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < made; i++)
        pthread_join(thread[i], NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return made;
}

static bool can_map(size_t mb)
{
    void *p = mmap(NULL, mb * MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    munmap(p, mb * MB);
    return true;
}

static size_t stack_mb(void)
{
    pthread_attr_t a;
    size_t bytes = 8 * MB;
    pthread_attr_init(&a);
    pthread_attr_getstacksize(&a, &bytes);
    pthread_attr_destroy(&a);
    return bytes / MB + 1;
}

/* What a process that died a moment ago held, threads and memory, may not be free yet. */
static void limits_wait_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TRY_AGAIN_MS * 1000000L}, NULL);
}

static int check_threads(const struct limits_need *need, struct onic_err *err)
{
    char text[LIMITS_TEXT_MAX];
    int n = need->threads < THREADS_MAX ? need->threads : THREADS_MAX, got = threads_to_be_had(n);
    for (int i = 0; i < TRIES && got < n; i++) {
        limits_wait_a_moment();
        got = threads_to_be_had(n);
    }
    if (got == n)
        return ONIC_OK;
    bool memory = !can_map(stack_mb());
    if (memory)
        limits_memory_text("", text, sizeof text);
    else
        limits_threads_text("", text, sizeof text);
    return err_set(err, ONIC_ECONFIG,
                   "%s needs %d threads and gets %d (%s): raise that limit, or ask for less "
                   "(train.threads, actors.count)",
                   need->who, n + 1, got + 1,
                   text[0] ? text : "no limit of this process is set, so it is the system's");
}

static int limits_check_memory(const struct limits_need *need, struct onic_err *err)
{
    char text[LIMITS_TEXT_MAX];
    double group = limits_group_memory("");
    if (!can_map(need->address_mb)) {
        limits_memory_text("", text, sizeof text);
        return err_set(err, ONIC_ECONFIG,
                       "%s needs %zu MB more of address space and does not get them (%s): raise "
                       "that limit, or ask for less (train.threads, train.batch, env.count)",
                       need->who, need->address_mb,
                       text[0] ? text
                               : "no limit of this process is set: vm.overcommit_memory of the "
                                 "system does not allow it");
    }
    if (group <= 0 || group >= (double)need->memory_mb * MB)
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%s needs %zu MB of memory at the very least, and the memory limit of its "
                   "control group (container) is %.0f MB: raise that limit",
                   need->who, need->memory_mb, group / MB);
}

int limits_check(const struct limits_need *need, struct onic_err *err)
{
    if (resource_limit(RLIMIT_AS) > 0 || resource_limit(RLIMIT_DATA) > 0)
        mallopt(M_ARENA_MAX, 1); /* glibc would reserve 64 MB for every thread */
    int rc = limits_check_memory(need, err);
    return rc ? rc : check_threads(need, err);
}

int limits_no_process(const char *for_whom, int why, struct onic_err *err)
{
    char text[LIMITS_TEXT_MAX];
    if (why == EAGAIN)
        limits_threads_text("", text, sizeof text);
    else
        limits_memory_text("", text, sizeof text);
    return err_set(err, ONIC_ECONFIG, "a process for %s cannot be created: %s%s%s", for_whom,
                   strerror(why), text[0] ? "; " : "", text);
}

bool limits_try_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t others, before;
    sigfillset(&others);
    for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++)
        sigdelset(&others, own_faults[i]);
    pthread_sigmask(SIG_BLOCK, &others, &before);
    bool ok = pthread_create(thread, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

void limits_create_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    char text[LIMITS_TEXT_MAX];
    for (int i = 0; i <= TRIES; i++) {
        if (limits_try_thread(thread, run, arg))
            return;
        limits_wait_a_moment();
    }
    bool memory = !can_map(stack_mb());
    if (memory)
        limits_memory_text("", text, sizeof text);
    else
        limits_threads_text("", text, sizeof text);
    fprintf(stderr, "onic: a thread cannot be created%s%s\n", text[0] ? ": " : "", text);
    _exit(text[0] ? 64 : 70);
}

void limits_out_of_memory(void)
{
    char text[LIMITS_TEXT_MAX];
    bool limited = resource_limit(RLIMIT_AS) > 0 || resource_limit(RLIMIT_DATA) > 0;
    limits_memory_text("", text, sizeof text);
    fprintf(stderr, "onic: there is no more memory%s%s%s\n", text[0] ? ": " : "", text,
            limited ? "; raise that limit, or ask for less (train.threads, train.batch, env.count)"
                    : "");
    _exit(limited ? 64 : 70);
}
