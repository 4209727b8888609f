/* SPDX-License-Identifier: MIT */
/* run_status_lock.c - whether somebody runs a run; see run_status.h.
 *
 * The lock file can be opened by its owner alone (lock_file.h). For everybody else the kernel lists
 * who holds which file (/proc/locks), which answers on the machine that runs it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/base/run_lock.h"
#include "deploy/cli/run_status.h"

/* 1: listed as held alone; -1: not listed, which says nothing of other machines. */
static int kernel_says(const struct stat *lock)
{
    char line[256];
    int found = -1;
    FILE *f = fopen("/proc/locks", "re");
    while (f && found < 0 && fgets(line, sizeof line, f)) {
        unsigned major_id, minor_id;
        unsigned long long inode;
        if (sscanf(line, "%*d: FLOCK %*s WRITE %*d %x:%x:%llu", &major_id, &minor_id, &inode) ==
                3 &&
            inode == (unsigned long long)lock->st_ino && major_id == major(lock->st_dev) &&
            minor_id == minor(lock->st_dev))
            found = 1;
    }
    if (f)
        fclose(f);
    return found;
}

int run_status_locked(const char *dir, double *since)
{
    char path[4096], holder[512];
    struct stat st;
    int held;
    int n = snprintf(path, sizeof path, "%s/lock", dir);
    *since = 0;
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0)
        return 0; /* every life makes it */
    *since = (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec * 1e-9;
    if (run_lock_peek(dir, holder, sizeof holder, &held) == ONIC_OK)
        return held;
    return kernel_says(&st);
}
