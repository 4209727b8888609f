/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_SWEEP_FILE_H
#define ONIC_DEPLOY_CLI_SWEEP_FILE_H

/* sweep_file.h - a sweep as a file that a person writes.
 *
 *   config: ../configs/keycorridor.yaml   # of every run; a path from the sweep file's folder
 *   options: {run.frames: 2000000}        # on top of it, as on the command line
 *   seeds: [1, 2]                         # or 101-105; each configuration once with each
 *   grid:                                 # every combination of:
 *     train.lr: [0.001, 0.0003]           #   the values of an option,
 *     reward:                             #   and sets of options that belong together
 *       hash: {reward.model: hash, annotator.id: rules}
 *       none: {reward.model: none, reward.coef_int: 0}
 *   random:                               # and each combination so often, with options drawn
 *     draws: 20
 *     seed: 1
 *     train.entropy: {log_uniform: [0.001, 0.1]}   # or uniform: [a, b], choice: [a, b, c]
 *   exclude: ["lr=0.001-none-*"]          # combinations that are left out, by the names of runs
 *   eval: {episodes: 400, seed: 900000}   # `onic eval` of each run; its seed is added
 *   keep: models/kept                     # numbers of finished runs, beside the file: sweep_keep.h
 *
 * A set may name a `config` of its own. {seed} in a value is the run's seed. Of an option that is
 * given twice the later counts: options, grid in its order, random, command line. What the options
 * mean is not looked at here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { SWEEP_RUNS_MAX = 10000, SWEEP_DRAWS_MAX = 10000 };

struct sweep_option {
    char *key, *value;
    int line; /* in the file */
};

/* Options that are set together: what all runs have, or one value of an axis. */
struct sweep_set {
    char *name;
    char *config; /* path as it can be opened, or NULL */
    struct sweep_option *option;
    int n;
};

struct sweep_axis {
    char *name; /* of an option axis the option's key */
    bool of_option;
    struct sweep_set *value;
    int n;
};

/* Names of runs, as a shell writes those of files. */
struct sweep_pattern {
    char *glob;
    int line;
};

enum sweep_law { SWEEP_UNIFORM, SWEEP_LOG_UNIFORM, SWEEP_CHOICE };

struct sweep_draw {
    char *key;
    enum sweep_law law;
    double lo, hi; /* lo < hi; of SWEEP_LOG_UNIFORM 0 < lo */
    char **choice;
    int n, line;
};

struct sweep_file {
    const char *path; /* borrowed */
    struct sweep_set all;
    struct sweep_axis *axis;
    struct sweep_draw *draw;
    int64_t *seed;
    struct sweep_pattern *exclude;
    int axes, draws_of, seeds, excludes; /* how many are in the four arrays */
    int draws; /* configurations drawn per combination; 0: nothing is drawn */
    uint64_t draw_seed;
    int eval_episodes; /* 0: none */
    int64_t eval_seed;
    char *keep; /* folder as it can be opened, or NULL */
};

/* ONIC_ECONFIG with file and line. sweep_file_free in any case. */
int sweep_file_read(struct sweep_file *out, const char *path, struct onic_err *err);
/* The same of text; path is for sentences, and the folder that `config` is looked for in. */
int sweep_file_read_text(struct sweep_file *out, const char *path, const char *text, size_t len,
                         struct onic_err *err);
void sweep_file_free(struct sweep_file *f);

#endif /* ONIC_DEPLOY_CLI_SWEEP_FILE_H */
