/* SPDX-License-Identifier: MIT */
#ifndef ONIC_TESTS_SUPPORT_FILES_H
#define ONIC_TESTS_SUPPORT_FILES_H

/* files.h - a private folder for each test, and files that a test makes up. */

#include <stdbool.h>

/* Of each test; *state is the folder's path. */
int files_setup(void **state);
int files_teardown(void **state);
const char *files_folder(void);
/* A path in it; the newest four stay valid. */
const char *files_in(const char *name);

/* Replaces the file; its folder exists. */
void files_write(const char *path, const char *text);
/* A new one that only its owner may read. */
void files_write_private(const char *path, const char *text);
/* Writes root/path, path beginning with a slash, and makes the folders between. */
void files_make(const char *root, const char *path, const char *text);

/* Descriptors of this process: how a test sees that libzmq has closed a connection. */
int files_open(void);
/* For wait_until; ctx: an int, as many as there were. */
bool files_are_closed(void *ctx);

/* From now on a file that this process has open is a device, as which it could not be opened:
 * /dev/full, for a disk that has become full. */
void files_become(const char *path, const char *device);

#endif /* ONIC_TESTS_SUPPORT_FILES_H */
