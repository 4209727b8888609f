/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PLAIN_FILE_H
#define ONIC_COMMON_BASE_PLAIN_FILE_H

/* plain_file.h - opens files of a folder in which somebody else may have put something under their
 * names: a pipe, for which a reader would wait for ever, a device without an end, a link that has
 * this user's other files written over. */

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* As fopen(path, "re") of a regular file; errno EINVAL for anything else that is there. own: no
 * link that another user made is followed either, errno ELOOP. */
FILE *plain_file_read(const char *path, bool own);

/* As open(), but the last part of the path is no link that another user made (root may): errno
 * ELOOP. Never waits for the other end of a pipe. */
int plain_file_open_own(const char *path, int flags, mode_t mode);

/* Whether it is such a link. For what others open by name. */
bool plain_file_is_foreign_link(const char *path);

/* strerror for the errno of these. Static text, or that of strerror. */
const char *plain_file_why(int code);

#endif /* ONIC_COMMON_BASE_PLAIN_FILE_H */
