/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_BENCH_H
#define ONIC_DEPLOY_CLI_BENCH_H

/* bench.h - ratios measured inside one run, so that neighbours and hardware cancel.
 *
 * A benchmark interleaves what it compares (A B A B ...) or does both at the same time, and reports
 * the median of the ratios with their spread. It fits itself into the seconds it is given, so that
 * how long `onic bench` takes is known before and does not depend on the machine. Add one: a
 * function in bench_<topic>.c and a line in benches.def. */

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum { BENCH_ROUNDS_MAX = 32 };

struct bench_options {
    bool quick;         /* fewer and shorter rounds: a smoke test of the benchmark itself */
    double seconds;     /* the row should take about so long; wall time, above 0 */
    char *const *given; /* options given to `onic bench`, as flags; NULL ends them */
    const char *name;   /* the line of benches.def that is run */
    /* Told after each round. */
    void (*round)(void *ctx, int done, int of);
    void *ctx;
};

/* One result: value in unit, ratio of A to B ("of" says what to what). */
struct bench_result {
    const char *name, *unit, *of;
    const char *subject;    /* what is slower below a ratio of 1: "training with it" */
    double value;           /* median of A's own figure in unit */
    double value_b;         /* median of B's */
    double ratio, min, max; /* median and spread of the rounds' ratios; NAN when n = 0 */
    int n;                  /* rounds that have a figure, or pairs of them */
    /* of A where it trains with a reward model, else NAN: cost of its scores per frame, share of
     * the learner's time that goes to the model's training, the same of a thread that trains it
     * beside the policy, labels per second */
    double score_us, train_share, beside_share, labels_per_s;
    double labels_cpu; /* share of A's CPU time that its reward server took; NAN without one */
    /* CPU time of all processes per trained frame, start-up included: A's median, A / B (above 1 is
     * dearer) with its spread; NAN where both sides ran at once */
    double cpu_us, cpu_ratio, cpu_min, cpu_max;
    /* ratio / (1 - train_share), about what labels and scores alone cost; the share is of wall time
     */
    double ratio_net;
};

/* Fills r from n rounds of figures a and b; ratio = a / b, or b / a when smaller is better (costs).
 * Rounds without a ratio (0, NAN) are left out. bench_judge.c */
void bench_ratio(struct bench_result *r, const double *a, const double *b, int n, bool cost);
/* How far a ratio may lie from 1 by chance, from the spread of its rounds; NAN for fewer than two.
 */
double bench_noise(const struct bench_result *r);
enum bench_verdict {
    BENCH_UNJUDGED,      /* too few rounds for a difference */
    BENCH_NO_DIFFERENCE, /* the ratio is no farther from 1 than the noise */
    BENCH_FASTER,
    BENCH_SLOWER
};
enum bench_verdict bench_judge(const struct bench_result *r);
enum { BENCH_WORDS_MAX = 160 };
/* The verdict for people, without a full stop. */
void bench_words(const struct bench_result *r, char out[BENCH_WORDS_MAX]);
/* Appends the figures behind it, in one line; nothing where no round has one. */
void bench_figures(const struct bench_result *r, struct buf *out);

typedef int bench_function(const struct bench_options *o, struct bench_result *out,
                           struct onic_err *err);

#define BENCH(id, function, seconds, summary) bench_function function;
#include "deploy/cli/benches.def"
#undef BENCH

#endif /* ONIC_DEPLOY_CLI_BENCH_H */
