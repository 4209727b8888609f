/* SPDX-License-Identifier: MIT */
/* file_limits.c - see file_limits.h. */
#define _GNU_SOURCE
#include "common/base/file_limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHY_MAX = 160, STATUS_MAX = 4096 };

/* umask() would have to change it, for every thread. 0: not known. */
static unsigned present_umask(void)
{
    char text[STATUS_MAX];
    FILE *f = fopen("/proc/self/status", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f)
        fclose(f);
    text[n] = '\0';
    const char *line = strstr(text, "\nUmask:");
    return line ? (unsigned)strtoul(line + strlen("\nUmask:"), NULL, 8) : 0;
}

/* Root may do what no mode allows. */
static unsigned umask_in_the_way(void)
{
    unsigned mask = geteuid() == 0 ? 0 : present_umask();
    return mask & S_IRWXU ? mask : 0;
}

/* Bytes that a file may have; RLIM_INFINITY: as many as there is room for. */
static rlim_t size_limit(void)
{
    struct rlimit size;
    return getrlimit(RLIMIT_FSIZE, &size) == 0 ? size.rlim_cur : RLIM_INFINITY;
}

const char *file_write_why(int code)
{
    static _Thread_local char text[WHY_MAX];
    rlim_t most = size_limit();
    unsigned mask = code == EACCES ? umask_in_the_way() : 0;
    if (code == EFBIG && most != RLIM_INFINITY)
        snprintf(text, sizeof text, "%s; files may have %llu bytes at most (ulimit -f)",
                 strerror(code), (unsigned long long)most);
    else if (mask)
        snprintf(text, sizeof text,
                 "%s; the umask %04o takes the rights of new files from their "
                 "own maker",
                 strerror(code), mask);
    else
        return strerror(code);
    return text;
}

int file_write_code(int fd, ssize_t n)
{
    if (n < 0)
        return errno;
    rlim_t most = size_limit();
    off_t end = lseek(fd, 0, SEEK_END);
    return most != RLIM_INFINITY && end >= 0 && (rlim_t)end >= most ? EFBIG : ENOSPC;
}

int file_check_umask(struct onic_err *err)
{
    unsigned mask = umask_in_the_way();
    return mask ? err_set(err, ONIC_ECANTCREATE,
                          "the umask %04o would take the rights of every new file from this user, "
                          "who makes it: set another, such as `umask 022`",
                          mask)
                : ONIC_OK;
}
