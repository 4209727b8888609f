/* SPDX-License-Identifier: MIT */
/* run_lock.c - see run_lock.h. flock and not fcntl locks: a lock of fcntl vanishes when any
 * descriptor of the file is closed in the process, and cannot be handed to a child. */
#define _GNU_SOURCE
#include "common/base/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int lock_path(const char *run_dir, char path[4096])
{
    int n = snprintf(path, 4096, "%s/lock", run_dir);
    return n > 0 && n < 4096 ? 0 : -1;
}

/* Descriptor given by our parent, when it really is this directory's lock file. */
static int inherited(const char *path)
{
    const char *env = getenv("ONIC_HELD_LOCK");
    struct stat a, b;
    if (!env || !env[0])
        return -1;
    int fd = (int)strtol(env, NULL, 10);
    if (fd <= STDERR_FILENO || fstat(fd, &a) != 0 || stat(path, &b) != 0 || a.st_ino != b.st_ino ||
        a.st_dev != b.st_dev)
        return -1;
    return fd;
}

static void run_lock_read_text(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

int run_lock_take(const char *run_dir, int *fd, struct onic_err *err)
{
    char path[4096], holder[512];
    if (lock_path(run_dir, path) != 0)
        return err_set(err, ONIC_ECANTCREATE, "the run directory's path is too long");
    *fd = inherited(path);
    if (*fd >= 0) {
        fcntl(*fd, F_SETFD, FD_CLOEXEC);
        return ONIC_OK;
    }
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be created: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
        run_lock_read_text(*fd, holder, sizeof holder);
        close(*fd);
        *fd = -1;
        return err_set(
            err, ONIC_ECANTCREATE,
            "the run directory %s is in use by %s; stop that run or give another --run-dir",
            run_dir, holder[0] ? holder : "another process");
    }
    char text[160], host[64] = "?";
    gethostname(host, sizeof host - 1);
    snprintf(text, sizeof text, "process %d on %s", (int)getpid(), host);
    run_lock_describe(*fd, text);
    return ONIC_OK;
}

bool run_lock_is_inherited(void)
{
    const char *env = getenv("ONIC_HELD_LOCK");
    return env && env[0];
}

void run_lock_pass(int fd)
{
    char text[16];
    fcntl(fd, F_SETFD, 0);
    snprintf(text, sizeof text, "%d", fd);
    setenv("ONIC_HELD_LOCK", text, 1);
}

int run_lock_describe(int fd, const char *text)
{
    char line[512];
    int n = snprintf(line, sizeof line, "%s\n", text);
    if (n < 0 || (size_t)n >= sizeof line || ftruncate(fd, 0) != 0 ||
        pwrite(fd, line, (size_t)n, 0) != n)
        return ONIC_EIO;
    return ONIC_OK;
}

int run_lock_peek(const char *run_dir, char *text, size_t size, int *held)
{
    char path[4096];
    text[0] = '\0';
    *held = 0;
    if (lock_path(run_dir, path) != 0)
        return ONIC_ENOTFOUND;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ONIC_ENOTFOUND;
    run_lock_read_text(fd, text, size);
    *held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return ONIC_OK;
}
