/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_RUN_H
#define ONIC_DEPLOY_CLI_SWEEP_RUN_H

/* sweep_run.h - trains the runs of a sweep, some at a time, and evaluates them.
 *
 * Each is an `onic train` of its own with what it says in DIR/log/NAME.log; with several at a time
 * each has its share of the cores. SIGINT, SIGTERM or SIGHUP drains all of them, a second one
 * kills; if this process dies, they drain. What fails does not stop the others. */

#include "deploy/cli/sweep_open.h"

struct sweep_result {
    int done, failed, left; /* runs; left: drained or not begun */
    int code;               /* exit code of the sweep */
};

/* lock_fd: of sweep_folder_take. jobs: at a time, at least 1. What happens is told on stderr,
 * failed runs by name. */
void sweep_run_all(const struct sweep *s, int jobs, int lock_fd, struct sweep_result *out);

#endif /* ONIC_DEPLOY_CLI_SWEEP_RUN_H */
