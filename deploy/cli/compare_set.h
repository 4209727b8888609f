/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_SET_H
#define ONIC_DEPLOY_CLI_COMPARE_SET_H

/* compare_set.h - runs in groups: those of an environment that have the same options, seeds aside.
 *
 * A group is called by the options in which the runs of its environment differ, or, where that is
 * asked for, by what the names of its runs have in common ("lr=0.001-hash" of "lr=0.001-hash-s2",
 * as a sweep calls them). Runs of different environments are never put together. */

#include <stdbool.h>

#include "common/base/buf.h"
#include "deploy/cli/compare_curve.h"
#include "deploy/cli/compare_extra.h"

struct compare_run {
    char *path;                       /* as it was named */
    char *env;                        /* env.id */
    char *seed;                       /* run.seed */
    char **value;                     /* [keys] of the options that are compared */
    char version[32];                 /* of the onic of its last life; "" = not known */
    double frames;                    /* at which it ends; 0 = not known */
    double stop_success, stop_wall_s; /* or at these; 0: not */
    double eval_success, eval_return; /* of RUN/eval.json; NAN without */
    int eval_episodes;
    double extra[COMPARE_EXTRAS_MAX]; /* the columns that were asked for; NAN without a value */
    struct compare_curve curve;
};

struct compare_group {
    char *label;
    int *run; /* indices */
    int n;
    int colour; /* the same for the same label */
};

struct compare_world {
    const char *env; /* borrowed */
    struct compare_group *group;
    int groups;
};

struct compare_set {
    char **key; /* options that are compared */
    int keys;
    struct compare_run *run;
    int runs;
    struct compare_world *world;
    int worlds, colours;
    struct compare_extra extra[COMPARE_EXTRAS_MAX];
    int extras;
    bool by_name;     /* a group is called by its runs */
    struct buf notes; /* a sentence a line */
};

void compare_set_init(struct compare_set *s);
void compare_set_free(struct compare_set *s);
void compare_run_free(struct compare_run *r, int keys);
/* Fills world: environments and groups in the order of their first runs. */
void compare_set_group(struct compare_set *s);
void compare_note(struct compare_set *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* ONIC_DEPLOY_CLI_COMPARE_SET_H */
