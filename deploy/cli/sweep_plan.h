/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_PLAN_H
#define ONIC_DEPLOY_CLI_SWEEP_PLAN_H

/* sweep_plan.h - the runs that the file of a sweep asks for, in order, each with a name of its own.
 *
 * A run's name and options depend on what the file says of it and on nothing else: values, draws
 * and seeds can be added to a file, and the runs that were there stay what they were. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "deploy/cli/sweep_file.h"

enum { SWEEP_NAME_MAX = 160 };

struct sweep_run {
    char name[SWEEP_NAME_MAX]; /* of its folder: "lr=0.001-hash-d003-s1" */
    const char *config;        /* borrowed from the file; NULL: none */
    struct sweep_option *option;
    int n;
    int64_t seed;
    int cell; /* which combination of values and draw; its runs differ by their seeds alone */
};

struct sweep_plan {
    struct sweep_run *run; /* seeds change fastest, then draws, then the last axis */
    int n;
};

/* ONIC_ECONFIG: too many runs, two of one name, or `exclude` names none or all. The file must
 * outlive the plan. */
int sweep_plan_make(struct sweep_plan *out, const struct sweep_file *file, struct onic_err *err);
void sweep_plan_free(struct sweep_plan *p);
/* Sets matched [n] of the runs whose names fit (fnmatch); how many. */
int sweep_match(const struct sweep_plan *p, const char *glob, size_t bytes, bool *matched);
/* Adds an option, or replaces its value. */
void sweep_run_set(struct sweep_run *r, const char *key, const char *value, int line);

#endif /* ONIC_DEPLOY_CLI_SWEEP_PLAN_H */
