/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_FILE_H
#define ONIC_COMMON_RUN_RUN_FILE_H

/* run_file.h - what the files of a run directory share; private to common/run. */

#include <stddef.h>

/* All of it, and on disk; -1 with errno. */
int run_file_write(int fd, const char *data, size_t n);

#endif /* ONIC_COMMON_RUN_RUN_FILE_H */
