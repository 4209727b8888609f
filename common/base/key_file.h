/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_KEY_FILE_H
#define ONIC_COMMON_BASE_KEY_FILE_H

/* key_file.h - who may read and write a file with a secret. */

#include "common/base/err.h"

/* Of an open file: it is this user's or root's and nobody else can read, change or run it; on a
 * tmpfs or a read-only mount, where containers get theirs, all may read it. option: what named the
 * file. ONIC_ECONFIG, in a sentence that says what to do. */
int key_file_check(int fd, const char *path, const char *option, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_KEY_FILE_H */
