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

#include "common/base/plain_file.h"

bool rotated_away(int fd, const char *path)
{
    struct stat open_file, named;
    if (fstat(fd, &open_file) != 0)
        return false;
    return stat(path, &named) != 0 || named.st_ino != open_file.st_ino ||
           named.st_dev != open_file.st_dev;
}

static void folder_name(const char *path, char out[PATH_MAX])
{
    const char *name = strrchr(path, '/');
    int len = name ? (int)(name - path) + 1 : 0;
    snprintf(out, PATH_MAX, "%.*s.", len, path);
}

struct rotated_folder rotated_folder_of(const char *path)
{
    char folder[PATH_MAX];
    struct stat st;
    folder_name(path, folder);
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        st = (struct stat){0};
    return (struct rotated_folder){.device = st.st_dev, .inode = st.st_ino, .fd = fd};
}

void rotated_folder_forget(struct rotated_folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct rotated_folder){.fd = -1};
}

bool rotated_folder_is(const struct rotated_folder *f, const char *path)
{
    char folder[PATH_MAX];
    struct stat now;
    folder_name(path, folder);
    if (stat(folder, &now) != 0)
        now = (struct stat){0};
    return now.st_ino == f->inode && now.st_dev == f->device;
}

bool rotated_reopen(int fd, const char *path, const struct rotated_folder *before)
{
    if (!rotated_away(fd, path) || !rotated_folder_is(before, path))
        return false;
    int now = plain_file_open_own(path, O_RDWR | O_CREAT | O_APPEND, 0666);
    if (now < 0)
        return false;
    bool ours_alone = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    bool done = dup3(now, fd, ours_alone ? O_CLOEXEC : 0) == fd;
    close(now);
    return done;
}
