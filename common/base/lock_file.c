/* SPDX-License-Identifier: MIT */
/* lock_file.c - see lock_file.h. */
#define _GNU_SOURCE /* flock, O_CLOEXEC */
#include "common/base/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SHARED_TRIES = 50, SHARED_PAUSE_NS = 20000000 };

int lock_file_open(const char *path)
{
    struct stat st;
    /* new: not readable for a moment too many; the owner may always open it again */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0622);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid()) {
        mode_t write = st.st_mode & 0222, mode = write | write << 1;
        if ((st.st_mode & 0777) != mode && fchmod(fd, mode) != 0)
            return fd; /* a file system without modes */
    }
    return fd;
}

enum lock_file_got lock_file_take(int fd)
{
    for (int i = 0; i < SHARED_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return LOCK_FILE_MINE;
        if (flock(fd, LOCK_SH | LOCK_NB) != 0)
            return LOCK_FILE_HELD;
        flock(fd, LOCK_UN); /* two who come together shall not keep each other out */
        nanosleep(&(struct timespec){.tv_nsec = SHARED_PAUSE_NS}, NULL);
    }
    return LOCK_FILE_SHARED;
}
