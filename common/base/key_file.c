/* SPDX-License-Identifier: MIT */
/* key_file.c - see key_file.h. */
#define _GNU_SOURCE
#include "common/base/key_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/base/file_owner.h"

/* Secrets of containers are mounted for every user to read, on a file system that leaves no trace
 * or cannot be written. */
static bool is_secret_mount(int fd)
{
    enum { TMPFS = 0x01021994, RAMFS = (int)0x858458f6 };
    struct statvfs mount;
    struct statfs fs;
    return (fstatfs(fd, &fs) == 0 && ((int)fs.f_type == TMPFS || (int)fs.f_type == RAMFS)) ||
           (fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_RDONLY));
}

int key_file_check(int fd, const char *path, const char *option, struct onic_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(err, ONIC_ECONFIG, "%s %.300s cannot be read: %s", option, path,
                       strerror(errno));
    if (S_ISDIR(st.st_mode))
        return err_set(err, ONIC_ECONFIG, "%s %.300s is a folder; name the file with the key",
                       option, path);
    if (file_owner_is_another(&st))
        return err_set(err, ONIC_ECONFIG,
                       "%s %.300s belongs to user %u, who could change it: it must belong to this "
                       "user (%u) or to root",
                       option, path, (unsigned)st.st_uid, (unsigned)geteuid());
    unsigned mode = st.st_mode & 0777;
    if (!(mode & ~0600u) || (!(mode & ~0444u) && is_secret_mount(fd)))
        return ONIC_OK;
    return err_set(err, ONIC_ECONFIG,
                   "%s %.300s can be %s by %s (mode %03o): chmod 600 it; 444 is fine on a tmpfs or "
                   "a read-only mount only",
                   option, path,
                   mode & 022   ? "changed"
                   : mode & 044 ? "read"
                                : "run",
                   mode & 07    ? "every user of this machine"
                   : mode & 070 ? "its group"
                                : "its owner",
                   mode);
}
