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

#include "common/base/lock_file.h"
#include "common/base/log.h"
#include "common/base/rotated.h"

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

static int in_use(const char *run_dir, int fd, struct onic_err *err)
{
    char holder[512];
    run_lock_read_text(fd, holder, sizeof holder);
    return err_set(err, ONIC_ECANTCREATE,
                   "the run directory %s is in use by %s; stop that run or give another --run-dir",
                   run_dir, holder[0] ? holder : "another process");
}

int run_lock_keep(const char *run_dir, int fd, struct onic_err *err)
{
    char path[4096], text[512];
    if (lock_path(run_dir, path) != 0 || !rotated_away(fd, path))
        return ONIC_OK;
    int now = lock_file_open(path), rc = ONIC_OK;
    if (now < 0) /* the folder is gone, say: not for the lock to tell */
        return ONIC_OK;
    if (lock_file_take(now) != LOCK_FILE_MINE) {
        rc = in_use(run_dir, now, err);
    } else {
        run_lock_read_text(fd, text, sizeof text);
        run_lock_describe(now, text);
        dup3(now, fd, O_CLOEXEC);
        log_warn("the lock file of the run directory was removed, and is taken again",
                 kv("file", (const char *)path));
    }
    close(now);
    return rc;
}

int run_lock_take(const char *run_dir, int *fd, struct onic_err *err)
{
    char path[4096];
    if (lock_path(run_dir, path) != 0)
        return err_set(err, ONIC_ECANTCREATE, "the run directory's path is too long");
    *fd = inherited(path);
    if (*fd >= 0) {
        fcntl(*fd, F_SETFD, FD_CLOEXEC);
        return ONIC_OK;
    }
    *fd = lock_file_open(path);
    if (*fd < 0)
        return err_set(err, ONIC_ECANTCREATE, "%s cannot be created: %s", path,
                       errno == ELOOP ? "a link is in its place" : strerror(errno));
    enum lock_file_got got = lock_file_take(*fd);
    if (got != LOCK_FILE_MINE) {
        int rc = got == LOCK_FILE_HELD
                     ? in_use(run_dir, *fd, err)
                     : err_set(err, ONIC_ECANTCREATE,
                               "%s is locked by a process that does not run this run, but could "
                               "open the file to read it; remove the file",
                               path);
        close(*fd);
        *fd = -1;
        return rc;
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
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return ONIC_ENOTFOUND;
    run_lock_read_text(fd, text, size);
    *held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return ONIC_OK;
}
