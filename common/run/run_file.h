/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_RUN_RUN_FILE_H
#define ONIC_COMMON_RUN_RUN_FILE_H

/* run_file.h - what the files of a run directory share; private to common/run. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

bool run_file_exists(const char *dir, const char *name);
/* As run_dir_read (run_dir.h), but no link that another user made is followed. */
int run_file_read_own(const char *dir, const char *name, char *out, size_t max,
                      struct onic_err *err);
/* Replaces dir/name (safe_file.h), on disk when it returns. ONIC_ECANTCREATE. */
int run_file_replace(const char *dir, const char *name, const char *data, size_t len,
                     struct onic_err *err);

#endif /* ONIC_COMMON_RUN_RUN_FILE_H */
