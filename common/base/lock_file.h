/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_LOCK_FILE_H
#define ONIC_COMMON_BASE_LOCK_FILE_H

/* lock_file.h - files that are locked (flock), so that one process alone uses what they stand for.
 *
 * Whoever can open a file, be it only to read, can lock it and keep its owner out. So these files
 * are readable for those who can write them and for nobody else, whatever the umask leaves. */

/* Opens the file for reading and writing, or makes it; -1 with errno. Close-on-exec; no symbolic
 * link. Other rights of a file of this user are put right. */
int lock_file_open(const char *path);

enum lock_file_got {
    LOCK_FILE_MINE,
    LOCK_FILE_HELD,   /* by somebody who has it alone */
    LOCK_FILE_SHARED, /* for a second, by somebody who only looked at it, or pretends to */
};
/* Takes the lock until fd is closed. */
enum lock_file_got lock_file_take(int fd);

#endif /* ONIC_COMMON_BASE_LOCK_FILE_H */
