/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_CHECKPOINT_SAFE_FILE_H
#define ONIC_COMMON_CHECKPOINT_SAFE_FILE_H

/* safe_file.h - replaces a file so that a crash, a full disk or a lying disk leaves the old one or
 * the new one.
 *
 * For everything a run directory promises to keep: checkpoints, ledger.json, epoch, config.yaml.
 * The file operations are a table, so that tests can make the n-th call fail.
 *
 * Threads: any; two threads must not replace the same path at once (the last rename wins). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"

struct safe_io {
    int (*open)(const char *path, int flags, mode_t mode);
    int (*fallocate)(int fd, off_t bytes); /* 0 or an errno value */
    ssize_t (*write)(int fd, const void *data, size_t bytes);
    ssize_t (*read)(int fd, void *data, size_t bytes);
    int (*fsync)(int fd);
    int (*close)(int fd);
    int (*rename)(const char *from, const char *to);
    int (*unlink)(const char *path);
    int (*truncate)(int fd, off_t bytes);
};

extern const struct safe_io SAFE_IO_POSIX;

struct safe_part {
    const void *data; /* borrowed for the call */
    size_t bytes;
};

/* Writes the parts one behind the other into a new file beside `path` (mode 0666 less the umask,
 * name unique to this call), makes it durable, reads it back, compares, renames it over `path` and
 * makes the folder durable. io NULL = SAFE_IO_POSIX. ONIC_ECANTCREATE when the new file cannot be
 * created, ONIC_EIO for anything later (full disk included); in both cases `path` is as it was and
 * the new file is removed. One exception: when only the fsync of the folder failed, the new file is
 * in place but may not survive a power cut; that too is ONIC_EIO. The process must ignore SIGXFSZ,
 * else a file size limit kills it before this function can report it. */
int safe_replace(const struct safe_io *io, const char *path, const struct safe_part *parts,
                 int nparts, struct onic_err *err);

/* The same, and where the disk has no room for a new file, `reserve` becomes it: a file beside
 * `path` whose space was allocated before (safe_reserve), and which is then gone; what it has more
 * than that stays allocated. *full: it failed because neither had room. */
int safe_replace_reserved(const struct safe_io *io, const char *path, const char *reserve,
                          const struct safe_part *parts, int nparts, bool *full,
                          struct onic_err *err);
/* Makes sure that the file `reserve` has allocated `bytes` at least, behind its end where the file
 * system can; false when there is no room for that. */
bool safe_reserve(const char *reserve, size_t bytes);
/* Removes the file `path`, and gives its space to `reserve`; false: nothing was removed. */
bool safe_reserve_add(const char *reserve, const char *path);

/* safe_replace for one block of bytes. */
int safe_replace_bytes(const char *path, const void *data, size_t bytes, struct onic_err *err);

#endif /* ONIC_COMMON_CHECKPOINT_SAFE_FILE_H */
