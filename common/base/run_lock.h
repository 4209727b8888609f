/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_RUN_LOCK_H
#define ONIC_COMMON_BASE_RUN_LOCK_H

/* run_lock.h - one run directory, one run: an flock on <dir>/lock, which nobody can open who may
 * not write it (lock_file.h).
 *
 * The kernel drops the lock with its last holder, so a crash never leaves a stale one. `onic train`
 * takes it and passes it on to its learner, which then finds it already held; a learner started
 * alone takes it itself. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

/* *fd holds the lock until it is closed. ONIC_ECANTCREATE names the holder when the directory is in
 * use. The lock is inherited when ONIC_HELD_LOCK names an open descriptor of this very lock file.
 */
int run_lock_take(const char *run_dir, int *fd, struct onic_err *err);
/* Whoever took it: is it still the lock of the directory? A lock file that was removed is made and
 * taken again under the same descriptor (said in the log). ONIC_ECANTCREATE: another process has
 * taken it meanwhile. */
int run_lock_keep(const char *run_dir, int fd, struct onic_err *err);
/* True when our parent holds a lock for us: the run directory is its to write. */
bool run_lock_is_inherited(void);
/* In a forked child before exec: keeps fd open across exec and sets ONIC_HELD_LOCK. */
void run_lock_pass(int fd);
/* Replaces the text that names the holder (one line, what a refused second run and `onic labels`
 * read). */
int run_lock_describe(int fd, const char *text);
/* Reads that text; *held tells whether somebody holds the lock now. ONIC_ENOTFOUND without a lock
 * file, or when this user may not open it. */
int run_lock_peek(const char *run_dir, char *text, size_t size, int *held);

#endif /* ONIC_COMMON_BASE_RUN_LOCK_H */
