/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_FILE_KIND_H
#define ONIC_COMMON_BASE_FILE_KIND_H

/* file_kind.h - sentences about files that cannot be used: what it is that was given instead, and
 * why it cannot be read. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* What a path is, with its article, by its type, its first bytes and its name: "a folder", "a run
 * directory", "a YAML file", "an SQLite database", "an empty file". NULL: nothing is known of it
 * (binary data, no permission). Static text. */
const char *file_kind(const char *path);

/* ONIC_ECONFIG "<path> is <kind>, not <wanted>", where the kind is known and is something that
 * never becomes `wanted` by damage; ONIC_OK otherwise. wanted may go on: "a checkpoint; give ...".
 */
int file_kind_refuse(const char *path, const char *wanted, struct onic_err *err);

/* A folder, or a link to one. */
bool file_is_folder(const char *path);
/* ONIC_OK for a folder; else what it is instead, or that there is none. */
int file_want_folder(const char *path, const char *wanted, struct onic_err *err);

/* The error of a failed open or stat (its errno) for reading, also of those of plain_file.h.
 * ONIC_ENOTFOUND: there is none; ONIC_EAUTH: no permission, with the owner where that can be told;
 * ONIC_ECONFIG: it is no regular file; ONIC_EAGAIN: the machine has no descriptors or memory left;
 * else ONIC_EIO. */
int file_unreadable(const char *path, int code, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_FILE_KIND_H */
