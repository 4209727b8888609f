/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_RESULT_FILE_H
#define ONIC_DEPLOY_CLI_RESULT_FILE_H

/* result_file.h - where a command writes its result: a file, or standard output for "-".
 *
 * It is opened before the work, so that a path that cannot be written is said at once and not after
 * minutes; what the file held stays until there is something to put in its place. */

#include <stdio.h>

#include "common/base/err.h"

/* ONIC_ECANTCREATE. */
int result_open(FILE **out, const char *path, struct onic_err *err);
/* Ends what was written. ONIC_EIO: the file did not take all of it; of standard output that is
 * asked in main.c. f may be NULL. */
int result_close(FILE *f, const char *path, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_RESULT_FILE_H */
