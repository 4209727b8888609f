/* SPDX-License-Identifier: MIT */
/* trace.c - see trace.h. */
#define _GNU_SOURCE
#include "common/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/log.h"

atomic_bool trace_on;

static int trace_fd = -1;

static uint64_t trace_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t trace_hash(const void *data, size_t bytes)
{
    return XXH3_64bits(data, bytes);
}

uint32_t trace_check(const struct trace_event *e)
{
    const char *rest = (const char *)e + sizeof e->check;
    return (uint32_t)XXH3_64bits(rest, sizeof *e - sizeof e->check);
}

uint32_t trace_value(double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

int trace_begin(const char *folder, const char *role, struct onic_err *err)
{
    char path[4096];
    uint64_t now = trace_now(CLOCK_REALTIME);
    trace_end();
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return err_set(err, ONIC_ECANTCREATE, "ONIC_TRACE: %s cannot be made: %s", folder,
                       strerror(errno));
    int n = snprintf(path, sizeof path, "%s/%s-%ld-%llu.trace", folder, role, (long)getpid(),
                     (unsigned long long)now);
    if (n >= (int)sizeof path)
        return err_set(err, ONIC_ECANTCREATE, "ONIC_TRACE: the path is too long");
    trace_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
    if (trace_fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "ONIC_TRACE: %s cannot be written: %s", path,
                       strerror(errno));
    trace_on = true;
    trace(PROCESS, .n = (uint32_t)getpid(), .seq = now);
    return ONIC_OK;
}

int trace_open(const char *role, struct onic_err *err)
{
    const char *folder = getenv("ONIC_TRACE");
    return folder && *folder ? trace_begin(folder, role, err) : ONIC_OK;
}

void trace_end(void)
{
    trace_on = false;
    if (trace_fd >= 0)
        close(trace_fd);
    trace_fd = -1;
}

/* A record is whole or not at all: a file size that is no multiple of a record is a torn tail. */
void trace_write(struct trace_event *e)
{
    if (!e->time_ns)
        e->time_ns = trace_now(CLOCK_MONOTONIC);
    e->check = trace_check(e);
    ssize_t n;
    do
        n = write(trace_fd, e, sizeof *e);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof *e)
        return;
    trace_on = false;
    log_error("the trace of this process cannot be written and is given up (ONIC_TRACE)",
              kv("why", n < 0 ? (const char *)strerror(errno) : "a short write"));
    if (ftruncate(trace_fd, 0) != 0)
        log_error("nor can it be emptied: do not check it", kv("role", "trace"));
}
