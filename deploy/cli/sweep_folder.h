/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_FOLDER_H
#define ONIC_DEPLOY_CLI_SWEEP_FOLDER_H

/* sweep_folder.h - the folder of a sweep: one sweep at a time, and always the same one.
 *
 *   lock         held while `onic sweep` works there
 *   sweep.json   which runs it has, with their options: to tell another sweep from this one. It is
 *                never run: what a sweep does is in the file that its command line names.
 *   log/NAME.log what each run's command said
 *   NAME/        the run directories */

#include "deploy/cli/sweep_open.h"

/* Makes the folder where there is none, takes its lock (*lock_fd, close it) and writes sweep.json.
 * ONIC_ECANTCREATE: another sweep works there, or it is no folder of a sweep. ONIC_ECONFIG: it has
 * runs of another sweep: such as this one has not, or has with other options. Ends (run.frames,
 * stop.*) and what no run learns from (metrics, logs, checkpoints) may have changed. */
int sweep_folder_take(const struct sweep *s, int *lock_fd, struct onic_err *err);
/* The same without a trace: for --dry-run. */
int sweep_folder_check(const struct sweep *s, struct onic_err *err);
/* The folder of a sweep rather than its file: ONIC_ECONFIG names the file. */
int sweep_folder_refuse(const char *path, struct onic_err *err);

enum sweep_state {
    SWEEP_FRESH,   /* nothing is there */
    SWEEP_BEGUN,   /* goes on */
    SWEEP_TRAINED, /* the evaluation is missing */
    SWEEP_DONE,
};
/* Of a run, by its newest checkpoint and its eval.json. */
enum sweep_state sweep_job_state(const struct sweep_job *j);

#endif /* ONIC_DEPLOY_CLI_SWEEP_FOLDER_H */
