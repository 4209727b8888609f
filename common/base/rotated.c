/* SPDX-License-Identifier: MIT */
/* rotated.c - see rotated.h. */
#define _GNU_SOURCE
#include "common/base/rotated.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

bool rotated_away(int fd, const char *path)
{
    struct stat open_file, named;
    if (fstat(fd, &open_file) != 0)
        return false;
    return stat(path, &named) != 0 || named.st_ino != open_file.st_ino ||
           named.st_dev != open_file.st_dev;
}

bool rotated_reopen(int fd, const char *path)
{
    if (!rotated_away(fd, path))
        return false;
    int now = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (now < 0)
        return false;
    bool ours_alone = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    bool done = dup3(now, fd, ours_alone ? O_CLOEXEC : 0) == fd;
    close(now);
    return done;
}
