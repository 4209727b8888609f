/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_LAUNCHER_BENCH_H
#define ONIC_DEPLOY_LAUNCHER_BENCH_H

/* bench.h - ratios measured inside one run, so that neighbours and hardware cancel (performance.md
 * section 6).
 *
 * A benchmark interleaves what it compares (A B A B ...) or does both at the same time, and reports
 * the median of the ratios with their spread. Add one: a function in bench_<topic>.c and a line in
 * benches.def. */

#include <stdbool.h>

#include "common/base/err.h"
#include "common/config/config.h"

enum { BENCH_ROUNDS_MAX = 32 };

struct bench_options {
    bool quick;               /* fewer rounds, smaller work: a smoke test of the benchmark itself */
    const struct config *cfg; /* options given on the command line */
    const char *name;         /* the line of benches.def that is run */
};

/* One result: value in unit, ratio of A to B ("of" says what to what). */
struct bench_result {
    const char *name, *unit, *of;
    double value;           /* median of A's own figure in unit */
    double value_b;         /* median of B's */
    double ratio, min, max; /* median and spread of the rounds' ratios */
    int n;                  /* rounds, or pairs of them */
    /* of A where it trains with a reward model, else NAN: cost of its scores per frame, share of
     * the learner's time that the model trains, labels per second */
    double score_us, train_share, labels_per_s;
    double labels_cpu; /* share of A's CPU time that its reward server took; NAN without one */
    /* ratio / (1 - train_share), about what labels and scores alone cost; the share is of wall time
     */
    double ratio_net;
};

/* Fills r from n rounds of figures a and b; ratio = a / b, or b / a when smaller is better (costs).
 */
void bench_ratio(struct bench_result *r, const double *a, const double *b, int n, bool cost);

typedef int bench_function(const struct bench_options *o, struct bench_result *out,
                           struct onic_err *err);

#define BENCH(id, function, summary) bench_function function;
#include "deploy/launcher/benches.def"
#undef BENCH

#endif /* ONIC_DEPLOY_LAUNCHER_BENCH_H */
