/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_EXTRA_H
#define ONIC_DEPLOY_CLI_COMPARE_EXTRA_H

/* compare_extra.h - columns that somebody asks a comparison for.
 *
 *   train/kl_divergence        the newest value of a metric of metrics.jsonl
 *   train/kl_divergence:max    its largest one; :mean, of all lines of metrics
 *   eval/score                 the mean of a statistic of RUN/eval.json, or of its return, length
 *                              or success_rate */

#include "deploy/cli/compare_curve.h"

enum { COMPARE_EXTRAS_MAX = 8 };
enum compare_take { COMPARE_TAKE_LAST, COMPARE_TAKE_MAX, COMPARE_TAKE_MEAN };

struct compare_extra {
    char name[112];   /* as it was asked for: the head of the column */
    char metric[100]; /* without what is taken of it, and without "eval/" */
    bool of_eval;
    enum compare_take take;
};

/* "train/kl_divergence:max,eval/score". ONIC_ECONFIG in one sentence. */
int compare_extra_parse(const char *list, struct compare_extra out[COMPARE_EXTRAS_MAX], int *n,
                        struct onic_err *err);
/* Of a column of a run's curve; NAN without a value. */
double compare_extra_of(const struct compare_extra *e, const struct compare_curve *c, int column);

#endif /* ONIC_DEPLOY_CLI_COMPARE_EXTRA_H */
