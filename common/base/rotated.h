/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_ROTATED_H
#define ONIC_COMMON_BASE_ROTATED_H

/* rotated.h - files that grow for the length of a run, and that logrotate or a person renames,
 * deletes or truncates meanwhile. Both sides ask by path: who writes goes on in a new file, who
 * reads finds it. */

#include <stdbool.h>
#include <sys/types.h>

/* The folder that path lies in, as it was when the file was opened. One that takes its place later
 * is somebody else's: another run, made where this one was removed. */
struct rotated_folder {
    dev_t device;
    ino_t inode;
    int fd; /* keeps the folder's number from being given to another one; -1: is not there */
};

/* As it is now, held until it is forgotten. */
struct rotated_folder rotated_folder_of(const char *path);
void rotated_folder_forget(struct rotated_folder *f);
/* Whether path still lies in it; also where neither is there. */
bool rotated_folder_is(const struct rotated_folder *f, const char *path);

/* True when path no longer names the file behind fd. */
bool rotated_away(int fd, const char *path);
/* For a file that is appended to: when it was rotated away, opens (or creates) path under the same
 * descriptor, so that whoever else writes to it goes on there too, and returns true. False when
 * there is nothing to do, path cannot be opened or its folder is another one than before; fd is
 * then as it was. */
bool rotated_reopen(int fd, const char *path, const struct rotated_folder *before);

#endif /* ONIC_COMMON_BASE_ROTATED_H */
