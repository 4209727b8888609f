/* SPDX-License-Identifier: MIT */
/* plain_file.c - see plain_file.h. The kernel has the same rule for links in sticky folders alone
 * (fs.protected_symlinks); a folder that a group shares is none. */
#define _GNU_SOURCE
#include "common/base/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file_owner.h"

bool plain_file_is_foreign_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && file_owner_is_another(&st);
}

int plain_file_open_own(const char *path, int flags, mode_t mode)
{
    flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags | O_NOFOLLOW, mode);
    bool foreign = fd < 0 && errno == ELOOP && plain_file_is_foreign_link(path);
    if (foreign)
        errno = ELOOP;
    else if (fd < 0 && errno == ELOOP)
        fd = open(path, flags, mode);
    if (fd >= 0) /* whoever writes waits as always */
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

FILE *plain_file_read(const char *path, bool own)
{
    int fd = own ? plain_file_open_own(path, O_RDONLY, 0)
                 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    FILE *f = is_regular(fd) ? fdopen(fd, "r") : NULL;
    if (!f) {
        int code = is_regular(fd) ? errno : EINVAL;
        close(fd);
        errno = code;
    }
    return f;
}

const char *plain_file_why(int code)
{
    return code == ELOOP    ? "another user made a link there"
           : code == EINVAL ? "it is no regular file"
                            : strerror(code);
}
