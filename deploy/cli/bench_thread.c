/* SPDX-License-Identifier: MIT */
/* bench_thread.c - see bench_thread.h. Processes and threads as /proc shows them. */
#define _GNU_SOURCE
#include "deploy/cli/bench_thread.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"

enum { LOOK_AGAIN_MS = 5 };

/* The first line of a file; false without one. */
static bool bench_read_line(const char *path, char *out, int size)
{
    FILE *f = fopen(path, "re");
    bool fine = f && fgets(out, size, f);
    if (f)
        fclose(f);
    out[fine ? strcspn(out, "\n") : 0] = '\0';
    return fine;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *after = bench_read_line(path, line, sizeof line) ? strrchr(line, ')') : NULL;
    return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Calls look(ctx, number) for each entry of a folder that is a number, until one returns above 0,
 * which is the result; else 0. */
static pid_t each_number(const char *folder, pid_t (*look)(const void *ctx, pid_t number),
                         const void *ctx)
{
    pid_t found = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; e && found <= 0; e = readdir(d)) {
        pid_t number = (pid_t)strtol(e->d_name, NULL, 10);
        if (number > 0)
            found = look(ctx, number);
    }
    if (d)
        closedir(d);
    return found;
}

struct wanted_thread {
    pid_t parent, process;
    const char *name;
};

static pid_t look_at_thread(const void *ctx, pid_t thread)
{
    const struct wanted_thread *w = ctx;
    char path[96], name[32];
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", (int)w->process, (int)thread);
    return bench_read_line(path, name, sizeof name) && strcmp(name, w->name) == 0 ? thread : 0;
}

static pid_t look_at_process(const void *ctx, pid_t process)
{
    struct wanted_thread w = *(const struct wanted_thread *)ctx;
    char folder[64];
    if (parent_of(process) != w.parent)
        return 0;
    w.process = process;
    snprintf(folder, sizeof folder, "/proc/%d/task", (int)process);
    return each_number(folder, look_at_thread, &w);
}

int bench_thread_place(pid_t parent, const char *name, const struct bench_cores *cores, int wait_ms,
                       struct onic_err *err)
{
    const struct wanted_thread wanted = {.parent = parent, .name = name};
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000};
    int64_t end = clock_ms() + wait_ms;
    pid_t thread;
    cpu_set_t set;
    while ((thread = each_number("/proc", look_at_process, &wanted)) <= 0 && clock_ms() < end)
        nanosleep(&pause, NULL);
    CPU_ZERO(&set);
    for (int i = 0; i < cores->count; i++)
        CPU_SET(cores->core[i], &set);
    if (thread > 0 && sched_setaffinity(thread, sizeof set, &set) == 0)
        return ONIC_OK;
    return err_set(err, ONIC_EINTERNAL, "a benchmark run has no thread %s to be moved", name);
}
