/* SPDX-License-Identifier: MIT */
/* private_file.c - see private_file.h. */
#include "common/base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/paths.h"

static bool is_private(int fd, size_t bytes)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0 && st.st_size == (off_t)bytes;
}

bool private_file_read(const char *path, void *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool ok = is_private(fd, bytes) && read(fd, out, bytes) == (ssize_t)bytes;
    close(fd);
    return ok;
}

int private_file_write(const char *path, const void *data, size_t bytes, struct onic_err *err)
{
    char beside[PATHS_MAX];
    if (snprintf(beside, sizeof beside, "%s.%ld.tmp", path, (long)getpid()) >= (int)sizeof beside)
        return err_set(err, ONIC_ECANTCREATE, "%s is longer than a path may be", path);
    unlink(beside); /* of a process of this number that was killed here */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (ok && rename(beside, path) == 0)
        return ONIC_OK;
    why = ok ? errno : why;
    if (fd >= 0)
        unlink(beside);
    return err_set(err, ONIC_ECANTCREATE, "%s cannot be written: %s", path, strerror(why));
}
