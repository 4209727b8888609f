/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_RUN_H
#define ONIC_DEPLOY_CLI_BENCH_RUN_H

/* bench_run.h - a real `onic train` as one side of a benchmark, in a folder of its own. */

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/scratch.h"

enum { BENCH_ARGS_MAX = 24 };

/* CPU cores [count], as sched_setaffinity numbers them. */
struct bench_cores {
    int count, core[256];
};

struct bench_run {
    pid_t pid; /* 0 = not running */
    struct scratch folder;
};

struct bench_figures {
    double cpu_s, frames, fps, labels; /* cpu_s: of all its processes */
    double labels_cpu_s;               /* of its reward server; NAN: it has none */
    double score_us;                   /* NAN, like those below: the reward model has none */
    double train_share;                /* of the learner's time, for the model's training */
    double beside_share;               /* the same of the thread that trains it beside the policy */
};

/* Starts `onic train` with the options that were given to `onic bench` and these flags (NULL ends
 * both, at most BENCH_ARGS_MAX flags; they win) on these cores, NULL = all. The folder is
 * onic-bench-* in $TMPDIR or /tmp. */
int bench_run_start(struct bench_run *r, char *const *given, const char *const *flags,
                    const struct bench_cores *cores, struct onic_err *err);
/* Waits for its end. Frames per second after the first from_wall seconds and before the drain; the
 * rest as of its end. Removes the folder; that of a run that failed (ONIC_EINTERNAL)
 * stays until the next benchmark. */
int bench_run_finish(struct bench_run *r, double from_wall, struct bench_figures *out,
                     struct onic_err *err);
/* Ends it where it runs, for another side that failed; waits for its drain. */
void bench_run_abandon(struct bench_run *r);

/* The cores that this process may really use, in two halves of equal size; false with fewer than
 * two. */
bool bench_halves(struct bench_cores half[2]);

#endif /* ONIC_DEPLOY_CLI_BENCH_RUN_H */
