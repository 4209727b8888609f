/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_PRIVATE_FILE_H
#define ONIC_COMMON_BASE_PRIVATE_FILE_H

/* private_file.h - a few secret bytes in a file that nobody but its user can read.
 *
 * Mode 0600 whatever the umask. A file of another user, of another length, or one that others can
 * read or write is none: what is in it may be known, or made up. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* Fills out[bytes]; false: there is no such private file of exactly that length. */
bool private_file_read(const char *path, void *out, size_t bytes);
/* Replaces the file; a kill in between leaves the old one or the new one, a power cut perhaps none.
 * ONIC_ECANTCREATE. */
int private_file_write(const char *path, const void *data, size_t bytes, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_PRIVATE_FILE_H */
