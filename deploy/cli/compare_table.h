/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_TABLE_H
#define ONIC_DEPLOY_CLI_COMPARE_TABLE_H

/* compare_table.h - the numbers of a comparison: a curve and a row for each group. */

#include "deploy/cli/compare_set.h"
#include "deploy/cli/compare_stats.h"

/* Columns of every run's curve: frames and seconds, these two, and --metric. */
enum { COMPARE_SUCCESS = COMPARE_METRICS, COMPARE_RETURN, COMPARE_CHOSEN };
#define COMPARE_SUCCESS_NAME "policy_stats/success_rate"
#define COMPARE_RETURN_NAME "reward/reward"
enum { COMPARE_POINTS = 121 };

struct compare_wish {
    int x;              /* COMPARE_FRAMES or COMPARE_SECONDS */
    const char *metric; /* NULL: success where the task has one, else the return */
    double threshold;   /* NAN: 0.95 of a success, none of anything else */
};

struct compare_row {
    const struct compare_group *group; /* NULL: all environments together */
    const char *label;                 /* borrowed */
    int runs, colour;
    struct compare_interval last;  /* of the metric, at the end */
    struct compare_interval score; /* return; NAN where no run has one */
    struct compare_interval
        reach;   /* x at the threshold; a run that did not reach it counts with its
                                       end */
    int reached; /* runs that did */
    struct compare_interval frames, seconds; /* at the end */
    struct compare_interval extra[COMPARE_EXTRAS_MAX];
    /* the curve, where the group has one */
    int points;
    double x[COMPARE_POINTS];
    struct compare_interval y[COMPARE_POINTS];
};

struct compare_panel {
    const char *env;    /* "all environments": the last of several, if all have the same groups */
    const char *metric; /* name in metrics.jsonl */
    const char *what;   /* for people: "success" */
    bool evaluated;     /* last and score are of `onic eval`, not of training */
    int episodes;       /* of eval; 0: not the same everywhere */
    double threshold;   /* NAN: none */
    struct compare_row *row;
    int rows;
    bool has_curves;
};

struct compare_report {
    struct compare_wish wish;
    struct compare_panel *panel;
    int panels, colours;
    const struct compare_set *set; /* borrowed */
};

/* The set is grouped; notes may be added to it. ONIC_ENOTFOUND: no run has the metric, or
 * that of a column; the sentence names it. */
int compare_report_make(struct compare_report *out, const struct compare_wish *wish,
                        struct compare_set *set, struct onic_err *err);
void compare_report_free(struct compare_report *r);

/* A run's value of the panel's metric at its end; NAN without one. */
double compare_run_last(const struct compare_run *r, const struct compare_panel *p);

/* Where it came to the panel's threshold, on the axis x; NAN: never. */
double compare_run_reach(const struct compare_run *r, const struct compare_panel *p, int x);

/* "0.98", "1.23 M", "410 k": three digits. */
const char *compare_number_text(double v, char out[32]);
/* "0.98 [0.95, 1.00]"; without the interval of a single run; "-" for NAN. */
const char *compare_interval_text(const struct compare_interval *v, int runs, char out[96]);
/* "0.41 M [0.38 M, 0.45 M]", "(3 of 5)" behind it where not all did, "-" where none did. */
const char *compare_reach_text(const struct compare_row *r, char out[128]);
/* "success in 400 episodes of `onic eval`", "success in training" */
const char *compare_what(const struct compare_panel *p, char out[96]);

#endif /* ONIC_DEPLOY_CLI_COMPARE_TABLE_H */
