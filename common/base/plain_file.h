/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PLAIN_FILE_H
#define ONIC_COMMON_BASE_PLAIN_FILE_H

/* plain_file.h - opens files of a folder in which somebody else may have put something under their
 * names: a pipe, for which a reader would wait for ever, a device without an end, a link that has
 * this user's other files written over, or, for a folder, removed. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "common/base/err.h"

/* The errno for a link that another user made. No open() fails with it; ELOOP is that of links that
 * lead back to themselves. */
enum { PLAIN_FILE_FOREIGN = EXDEV };

/* As fopen(path, "re") of a regular file; errno EINVAL for anything else that is there. own: no
 * link that another user made is followed either, errno PLAIN_FILE_FOREIGN. */
FILE *plain_file_read(const char *path, bool own);

/* As open() of a regular file; errno EINVAL for anything else that is there. The last part of the
 * path is no link that another user made (root may): errno PLAIN_FILE_FOREIGN. */
int plain_file_open_own(const char *path, int flags, mode_t mode);

/* Whether it is such a link. For what others open by name. */
bool plain_file_is_foreign_link(const char *path);

/* A folder inside one that is there, made where it is missing. ONIC_ECANTCREATE: it cannot be, is
 * something else, or a link that another user made: what is written into it, or removed as old,
 * would be so where that leads. */
int plain_folder_make(const char *path, struct onic_err *err);

/* strerror for the errno of these. Static text, or that of strerror. */
const char *plain_file_why(int code);

#endif /* ONIC_COMMON_BASE_PLAIN_FILE_H */
