/* SPDX-License-Identifier: MIT */
/* rotated.c - see rotated.h. */
#define _GNU_SOURCE
#include "common/base/rotated.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
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

struct rotated_folder rotated_folder_of(const char *path)
{
    char folder[PATH_MAX];
    struct stat st = {0};
    const char *name = strrchr(path, '/');
    int len = name ? (int)(name - path) + 1 : 0;
    snprintf(folder, sizeof folder, "%.*s.", len, path);
    if (stat(folder, &st) != 0)
        return (struct rotated_folder){0};
    return (struct rotated_folder){.device = st.st_dev, .inode = st.st_ino};
}

bool rotated_reopen(int fd, const char *path, const struct rotated_folder *before)
{
    struct rotated_folder now_in;
    if (!rotated_away(fd, path))
        return false;
    now_in = rotated_folder_of(path);
    if (now_in.inode != before->inode || now_in.device != before->device)
        return false;
    int now = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (now < 0)
        return false;
    bool ours_alone = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    bool done = dup3(now, fd, ours_alone ? O_CLOEXEC : 0) == fd;
    close(now);
    return done;
}
