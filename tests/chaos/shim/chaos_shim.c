/* SPDX-License-Identifier: MIT */
/* chaos_shim.c - a library for LD_PRELOAD: one call of the C library fails, or time jumps.
 *
 *   CHAOS_FAIL=CALL:N:ERROR:PART   the N-th CALL (write, read, fsync, rename, fallocate, malloc) on
 *                                  a file whose path holds PART (malloc: any) fails with ERROR:
 *                                  EIO, ENOSPC, `short` (half of it is written), `lie` (nothing is
 *                                  written, or made durable, and success is told)
 *   CHAOS_MARK=FILE                is made when it has failed
 *   CHAOS_WHEN=FILE                calls are counted while it is there
 *   CHAOS_CLOCK=SECONDS            the wall clock is up to so much wrong, otherwise twice a second
 *
 * Nothing here allocates, and nothing is counted before the variables were read. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum call {
    CALL_NONE,
    CALL_WRITE,
    CALL_READ,
    CALL_FSYNC,
    CALL_RENAME,
    CALL_FALLOCATE,
    CALL_MALLOC
};
enum how { HOW_EIO, HOW_ENOSPC, HOW_SHORT, HOW_LIE };

static enum call chosen;
static enum how how;
static long nth;
static char part[128], mark[512], when[512];
static long long clock_wrong_s;
static atomic_long seen;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

__attribute__((constructor)) static void read_variables(void)
{
    static const char *const calls[] = {"",       "write",     "read",  "fsync",
                                        "rename", "fallocate", "malloc"};
    static const char *const hows[] = {"EIO", "ENOSPC", "short", "lie"};
    const char *text = getenv("CHAOS_FAIL"), *to = getenv("CHAOS_MARK"), *s = getenv("CHAOS_CLOCK");
    char call[16] = "", error[16] = "";
    clock_wrong_s = s ? strtoll(s, NULL, 10) : 0;
    const char *now = getenv("CHAOS_WHEN");
    snprintf(mark, sizeof mark, "%s", to ? to : "");
    snprintf(when, sizeof when, "%s", now ? now : "");
    if (!text || sscanf(text, "%15[^:]:%ld:%15[^:]:%127s", call, &nth, error, part) < 3)
        return;
    for (int i = 0; i < 4; i++)
        how = strcmp(error, hows[i]) == 0 ? (enum how)i : how;
    enum call found = CALL_NONE;
    for (int i = 1; i < 7; i++)
        found = strcmp(call, calls[i]) == 0 ? (enum call)i : found;
    chosen = found;
}

static bool is_it(void)
{
    if ((when[0] && access(when, F_OK) != 0) || atomic_fetch_add(&seen, 1) + 1 != nth)
        return false;
    if (mark[0]) {
        int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd >= 0)
            close(fd);
    }
    errno = how == HOW_ENOSPC ? ENOSPC : EIO;
    return true;
}

static bool fails_on_path(enum call call, const char *path)
{
    return chosen == call && (!part[0] || strstr(path, part)) && is_it();
}

static bool fails_on_fd(enum call call, int fd)
{
    char link[64], path[512];
    if (chosen != call)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    int was = errno;
    bool fails = fails_on_path(call, path);
    if (!fails)
        errno = was;
    return fails;
}

/* --- files --------------------------------------------------------------------------------- */

ssize_t write(int fd, const void *data, size_t n)
{
    if (fails_on_fd(CALL_WRITE, fd)) {
        if (how == HOW_LIE)
            return (ssize_t)n;
        if (how != HOW_SHORT)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_write, fd, data, n);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    if (fails_on_fd(CALL_WRITE, fd)) {
        if (how == HOW_LIE)
            return (ssize_t)n;
        if (how != HOW_SHORT)
            return -1;
        n = n > 1 ? n / 2 : n;
    }
    return syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return pwrite64(fd, data, n, at);
}

ssize_t read(int fd, void *data, size_t n)
{
    return fails_on_fd(CALL_READ, fd) ? -1 : syscall(SYS_read, fd, data, n);
}

int fsync(int fd)
{
    if (fails_on_fd(CALL_FSYNC, fd))
        return how == HOW_LIE ? 0 : -1;
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    if (fails_on_fd(CALL_FSYNC, fd))
        return how == HOW_LIE ? 0 : -1;
    return (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
    if (fails_on_path(CALL_RENAME, to))
        return -1;
    return (int)syscall(SYS_rename, from, to);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
    if (fails_on_fd(CALL_FALLOCATE, fd))
        return errno;
    return syscall(SYS_fallocate, fd, 0, at, n) == 0 ? 0 : errno;
}

/* --- memory -------------------------------------------------------------------------------- */

static bool no_memory(void)
{
    if (chosen != CALL_MALLOC || !is_it())
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n)
{
    return no_memory() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return no_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return no_memory() ? NULL : __libc_realloc(p, n);
}

/* --- time ---------------------------------------------------------------------------------- */

int clock_gettime(clockid_t id, struct timespec *t)
{
    struct timespec m;
    int failed = (int)syscall(SYS_clock_gettime, id, t);
    if (failed || id != CLOCK_REALTIME || !clock_wrong_s)
        return failed;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &m);
    uint64_t half = (uint64_t)m.tv_sec * 2 + (m.tv_nsec >= 500000000);
    uint64_t x = half * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    t->tv_sec += (time_t)((long long)(x % (2 * (uint64_t)clock_wrong_s + 1)) - clock_wrong_s);
    return 0;
}
