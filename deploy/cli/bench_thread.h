/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_THREAD_H
#define ONIC_DEPLOY_CLI_BENCH_THREAD_H

/* bench_thread.h - one thread of a benchmark's side on cores of its own. */

#include "deploy/cli/bench_run.h"

/* Waits until a child of process `parent` has a thread of this name, at most wait_ms, and moves it
 * to these cores. ONIC_EINTERNAL when none comes. */
int bench_thread_place(pid_t parent, const char *name, const struct bench_cores *cores, int wait_ms,
                       struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_BENCH_THREAD_H */
