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

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int plain_file_open_own(const char *path, int flags, mode_t mode)
{
    flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY; /* never waits for the other end of a pipe */
    int fd = open(path, flags | O_NOFOLLOW, mode);
    bool foreign = fd < 0 && errno == ELOOP && plain_file_is_foreign_link(path);
    if (foreign)
        errno = PLAIN_FILE_FOREIGN;
    else if (fd < 0 && errno == ELOOP)
        fd = open(path, flags, mode);
    if (fd < 0 && errno == ENXIO) /* a pipe that nobody reads, or a socket */
        errno = EINVAL;
    if (fd < 0)
        return -1;
    if (!is_regular(fd)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
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

int plain_folder_make(const char *path, struct onic_err *err)
{
    struct stat st;
    int code = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
    if (!code && plain_file_is_foreign_link(path))
        code = PLAIN_FILE_FOREIGN;
    else if (!code && stat(path, &st) != 0)
        code = errno;
    else if (!code && !S_ISDIR(st.st_mode))
        code = ENOTDIR;
    return code ? err_set(err, ONIC_ECANTCREATE, "the folder %s cannot be made: %s", path,
                          plain_file_why(code))
                : ONIC_OK;
}

const char *plain_file_why(int code)
{
    switch (code) {
    case PLAIN_FILE_FOREIGN:
        return "another user made a link there";
    case ELOOP:
        return "the link there leads back to itself";
    case EINVAL:
        return "it is no regular file";
    default:
        return strerror(code);
    }
}
