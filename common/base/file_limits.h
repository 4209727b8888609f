/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_FILE_LIMITS_H
#define ONIC_COMMON_BASE_FILE_LIMITS_H

/* file_limits.h - what keeps this process from writing files that the disk has room for, and is not
 * seen in them: the limit of a file's size (ulimit -f), which is an error of write since process.h
 * ignores its signal, and a umask that takes the rights of their own maker from new files. */

#include <sys/types.h>

#include "common/base/err.h"

/* strerror for the errno of a failed open or write, with what of the two is behind it. Good until
 * this thread asks again. */
const char *file_write_why(int code);

/* The errno of a write() that wrote n bytes, less than it was given: what took some says no reason.
 */
int file_write_code(int fd, ssize_t n);

/* ONIC_ECANTCREATE: this user could not read or write what this process makes. Asked before
 * anything is made: what lies there afterwards could not even be removed. */
int file_check_umask(struct onic_err *err);

#endif /* ONIC_COMMON_BASE_FILE_LIMITS_H */
