/* SPDX-License-Identifier: MIT */
/* support.c - waiting and temporary folders for tests; see tests/onic_test.h. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/onic_test.h"

/* Not clock_ms: a test may have replaced that, and its clock may stand still. */
static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool wait_until(bool (*predicate)(void *), void *ctx, int timeout_ms)
{
    int64_t end = wall_ms() + timeout_ms;
    while (!predicate(ctx)) {
        if (wall_ms() > end)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return true;
}

void temp_dir_create(char out[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(out, 256, "%s/onic-test-XXXXXX", base ? base : "/tmp");
    ONIC_ASSERT(mkdtemp(out) != NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void temp_dir_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
