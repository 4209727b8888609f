/* SPDX-License-Identifier: MIT */
/* safe_file.c - temporary file, verify, rename; see safe_file.h.
 *
 * The order is the point: the new bytes are complete, durable and read back before the name
 * changes, and the name changes in one step. Reserving the space first turns a full disk into an
 * early error instead of a torn write. Reading back catches disks and file systems that accept a
 * write and keep something else; the cache is dropped first so that the comparison sees the device
 * where the kernel allows it. A failed fsync is final: the kernel may already have forgotten the
 * dirty pages, so a second fsync that succeeds would prove nothing; the file is thrown away.
 *
 * A full disk: the file that was reserved is renamed to the temporary one and written over. Its
 * blocks are never given back in between, so nobody else on the full disk can take them; what a
 * checkpoint leaves of them stays allocated behind its end, for when it is the reserve itself.
 *
 * A temporary name is never reused (pid and random digits): two processes on one shared folder
 * cannot write into each other's file even if their lock fails. */
#define _GNU_SOURCE
#include "common/checkpoint/safe_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/file_limits.h"
#include "common/base/xmalloc.h"

enum {
    PATH_SIZE = 4352,
    READ_BLOCK = 1 << 16,
    WRITE_BLOCK = 1 << 26,
    NAME_TRIES = 8,
    STAT_BLOCK = 512, /* bytes, of st_blocks */
    EMFILE_TRIES = 100,
    EMFILE_PAUSE_NS = 10000000
};

/* A burst of connections may hold every descriptor for a moment, until it is cut (sock_guard.h). */
static int io_open(const char *path, int flags, mode_t mode)
{
    int fd = open(path, flags, mode);
    for (int i = 0; fd < 0 && errno == EMFILE && i < EMFILE_TRIES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = EMFILE_PAUSE_NS}, NULL);
        fd = open(path, flags, mode);
    }
    return fd;
}

static int io_fallocate(int fd, off_t bytes)
{
    return posix_fallocate(fd, 0, bytes);
}

static int io_rename(const char *from, const char *to)
{
    return rename(from, to);
}

const struct safe_io SAFE_IO_POSIX = {
    .open = io_open,
    .fallocate = io_fallocate,
    .write = write,
    .read = read,
    .fsync = fsync,
    .close = close,
    .rename = io_rename,
    .unlink = unlink,
    .truncate = ftruncate,
};

static bool is_full(int code)
{
    return code == ENOSPC || code == EDQUOT;
}

/* reserve: NULL, or the file that becomes the temporary one. */
static int open_temp(const struct safe_io *io, const char *path, const char *reserve,
                     char temp[PATH_SIZE], int *fd, struct onic_err *err)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return err_set(err, ONIC_EIO, "the system gives no random numbers: %s",
                           strerror(errno));
        int n = snprintf(temp, PATH_SIZE, "%s.tmp.%ld.%016llx", path, (long)getpid(),
                         (unsigned long long)random);
        if (n < 0 || n >= PATH_SIZE)
            return err_set(err, ONIC_ECANTCREATE, "the path %.80s... is too long", path);
        if (reserve && io->rename(reserve, temp) < 0)
            break;
        *fd = io->open(temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (reserve ? 0 : O_CREAT | O_EXCL),
                       0666);
        if (*fd >= 0)
            return ONIC_OK;
        if (reserve || (errno != EEXIST && errno != EINTR))
            break;
    }
    int rc = err_set(err, ONIC_ECANTCREATE, "cannot create %s: %s", temp, strerror(errno));
    if (reserve)
        io->rename(temp, reserve);
    return rc;
}

/* Space that was reserved stays reserved, whatever is in it now: what was too large for it, or
 * could not be made durable, may fit or succeed the next time. */
static void give_up_temp(const struct safe_io *io, const char *temp, const char *reserve)
{
    if (!reserve || io->rename(temp, reserve) != 0)
        io->unlink(temp);
}

static int write_part(const struct safe_io *io, int fd, const struct safe_part *part,
                      const char *temp, struct onic_err *err)
{
    const char *p = part->data;
    size_t left = part->bytes;
    while (left) {
        ssize_t n = io->write(fd, p, left < WRITE_BLOCK ? left : WRITE_BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, ONIC_EIO, "cannot write %s: %s", temp,
                           n < 0 ? file_write_why(errno) : "the device takes no more bytes");
        p += n;
        left -= (size_t)n;
    }
    return ONIC_OK;
}

static int safe_file_fill(const struct safe_io *io, int fd, const struct safe_part *parts,
                          int nparts, const char *temp, bool *full, struct onic_err *err)
{
    size_t total = 0;
    for (int i = 0; i < nparts; i++)
        total += parts[i].bytes;
    /* Some file systems cannot reserve; a full disk is then found by the writes. */
    int rc = total ? io->fallocate(fd, (off_t)total) : 0;
    *full = is_full(rc);
    if (rc && rc != EINVAL && rc != EOPNOTSUPP && rc != ENOSYS)
        return err_set(err, ONIC_EIO, "cannot reserve %zu bytes for %s: %s", total, temp,
                       file_write_why(rc));
    for (int i = 0; i < nparts; i++) {
        errno = 0;
        rc = write_part(io, fd, &parts[i], temp, err);
        *full = rc && is_full(errno);
        if (rc)
            return rc;
    }
    struct stat st;
    /* Only where the reserve was a longer file: else what lies behind the end is given back. */
    if ((fstat(fd, &st) < 0 || st.st_size > (off_t)total) && io->truncate(fd, (off_t)total) < 0)
        return err_set(err, ONIC_EIO, "cannot cut %s: %s", temp, strerror(errno));
    if (io->fsync(fd) < 0)
        return err_set(err, ONIC_EIO, "cannot make %s durable: %s", temp, strerror(errno));
    return ONIC_OK;
}

/* Checksum and length of a file, past the cache. */
static int read_back(const struct safe_io *io, const char *temp, XXH3_state_t *sum, size_t *bytes,
                     struct onic_err *err)
{
    int rc = ONIC_OK, fd = io->open(temp, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ONIC_EIO, "cannot read %s back: %s", temp, file_write_why(errno));
    char *block = xmalloc(READ_BLOCK);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    for (;;) {
        ssize_t n = io->read(fd, block, READ_BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = err_set(err, ONIC_EIO, "cannot read %s back: %s", temp, strerror(errno));
        if (n <= 0)
            break;
        XXH3_128bits_update(sum, block, (size_t)n);
        *bytes += (size_t)n;
    }
    free(block);
    if (io->close(fd) < 0 && !rc)
        rc = err_set(err, ONIC_EIO, "cannot close %s: %s", temp, strerror(errno));
    return rc;
}

/* Opens the file again and compares its checksum and length with what was meant. */
static int verify(const struct safe_io *io, const char *temp, const struct safe_part *parts,
                  int nparts, struct onic_err *err)
{
    XXH3_state_t *want = XXH3_createState(), *got = XXH3_createState();
    ONIC_ASSERT(want && got);
    XXH3_128bits_reset(want);
    XXH3_128bits_reset(got);
    size_t total = 0, seen = 0;
    for (int i = 0; i < nparts; i++) {
        XXH3_128bits_update(want, parts[i].data, parts[i].bytes);
        total += parts[i].bytes;
    }
    int rc = read_back(io, temp, got, &seen, err);
    if (!rc &&
        (seen != total || !XXH128_isEqual(XXH3_128bits_digest(want), XXH3_128bits_digest(got))))
        rc = err_set(err, ONIC_EIO,
                     "%s does not read back as it was written (%zu of %zu bytes): check the disk",
                     temp, seen, total);
    XXH3_freeState(want);
    XXH3_freeState(got);
    return rc;
}

static int sync_folder(const struct safe_io *io, const char *path, struct onic_err *err)
{
    char dir[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        snprintf(dir, sizeof dir, ".");
    else
        snprintf(dir, sizeof dir, "%.*s", n ? (int)n : 1, path);
    int fd = io->open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ONIC_EIO, "cannot open the folder %s: %s", dir, strerror(errno));
    int rc = ONIC_OK;
    /* EINVAL: the file system has nothing to sync for folders. */
    if (io->fsync(fd) < 0 && errno != EINVAL)
        rc = err_set(err, ONIC_EIO, "cannot make the folder %s durable: %s", dir, strerror(errno));
    if (io->close(fd) < 0 && !rc)
        rc = err_set(err, ONIC_EIO, "cannot close the folder %s: %s", dir, strerror(errno));
    return rc;
}

/* One try; *full: it failed because the disk has no room. */
static int replace_once(const struct safe_io *io, const char *path, const char *reserve,
                        const struct safe_part *parts, int nparts, bool *full, struct onic_err *err)
{
    char temp[PATH_SIZE];
    int fd = -1;
    errno = 0;
    int rc = open_temp(io, path, reserve, temp, &fd, err);
    *full = rc && is_full(errno);
    if (rc)
        return rc;
    rc = safe_file_fill(io, fd, parts, nparts, temp, full, err);
    if (io->close(fd) < 0 && !rc)
        rc = err_set(err, ONIC_EIO, "cannot close %s: %s", temp, strerror(errno));
    if (!rc)
        rc = verify(io, temp, parts, nparts, err);
    if (!rc && io->rename(temp, path) < 0)
        rc = err_set(err, ONIC_EIO, "cannot rename %s to %s: %s", temp, path, strerror(errno));
    if (rc) {
        give_up_temp(io, temp, reserve);
        return rc;
    }
    return sync_folder(io, path, err);
}

int safe_replace_reserved(const struct safe_io *io, const char *path, const char *reserve,
                          const struct safe_part *parts, int nparts, bool *full,
                          struct onic_err *err)
{
    struct onic_err first = {0};
    *full = false;
    if (!io)
        io = &SAFE_IO_POSIX;
    int rc = replace_once(io, path, NULL, parts, nparts, full, &first);
    if (rc && *full && reserve && access(reserve, F_OK) == 0)
        rc = replace_once(io, path, reserve, parts, nparts, full, &first);
    if (rc && err)
        *err = first;
    return rc;
}

static off_t allocated(const struct stat *st)
{
    return (off_t)st->st_blocks * STAT_BLOCK;
}

/* What else is there under this name, a pipe whose opening never ends or a link, reserves nothing
 * and makes way. */
static int reserve_open(const char *reserve)
{
    for (int i = 0; i < 2; i++) {
        struct stat st;
        int fd = open(reserve, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
            return fd;
        bool other = fd >= 0 || errno == ELOOP || errno == ENXIO || errno == EACCES;
        if (fd >= 0)
            close(fd);
        if (!other || unlink(reserve) != 0)
            break;
    }
    return -1;
}

bool safe_reserve(const char *reserve, size_t bytes)
{
    struct stat st = {0};
    int fd = reserve_open(reserve);
    if (fd < 0)
        return false;
    bool done = fstat(fd, &st) == 0 && allocated(&st) >= (off_t)bytes;
    if (!done)
        done = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ||
               (!is_full(errno) && posix_fallocate(fd, 0, (off_t)bytes) == 0);
    close(fd);
    if (!done && allocated(&st) == 0) /* half of it keeps nothing possible */
        unlink(reserve);
    return done;
}

bool safe_reserve_add(const char *reserve, const char *path)
{
    struct stat st, more;
    if (stat(reserve, &st) != 0 || stat(path, &more) != 0 || unlink(path) != 0)
        return false;
    off_t bytes = allocated(&more);
    while (bytes > 0 && !safe_reserve(reserve, (size_t)(allocated(&st) + bytes)))
        bytes -= bytes / 4 + STAT_BLOCK; /* others took some of it */
    return true;
}

int safe_replace(const struct safe_io *io, const char *path, const struct safe_part *parts,
                 int nparts, struct onic_err *err)
{
    bool full;
    return safe_replace_reserved(io, path, NULL, parts, nparts, &full, err);
}

int safe_replace_bytes(const char *path, const void *data, size_t bytes, struct onic_err *err)
{
    return safe_replace(NULL, path, &(struct safe_part){data, bytes}, 1, err);
}
