/* SPDX-License-Identifier: MIT */
/* compare_stats.c - see compare_stats.h. */
#include "deploy/cli/compare_stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"

static int compare_doubles(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

struct compare_draws {
    int n, reps;
    uint16_t *times; /* [reps][n]: how often each run was drawn */
};

struct compare_draws *compare_draws_create(const int *size, int strata, int reps)
{
    struct compare_draws *d = xcalloc(1, sizeof *d);
    struct rng rng = rng_stream(0, "bootstrap", 0, 0, 0);
    for (int s = 0; s < strata; s++)
        d->n += size[s];
    d->reps = reps;
    d->times = xcalloc((size_t)reps * (size_t)d->n, sizeof *d->times);
    for (int r = 0; r < reps; r++) {
        uint16_t *times = d->times + (size_t)r * (size_t)d->n;
        for (int s = 0; s < strata; times += size[s], s++)
            for (int i = 0; i < size[s]; i++)
                times[rng_below(&rng, (uint32_t)size[s])]++;
    }
    return d;
}

void compare_draws_free(struct compare_draws *d)
{
    if (d)
        free(d->times);
    free(d);
}

struct ranked {
    double value;
    int at;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* The interquartile mean of a draw, without sorting it: rank [n] are all values in order. */
static double iqm_of_draw(const struct ranked *rank, const uint16_t *times, int n)
{
    int cut = n / 4, at = 0;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        int from = at < cut ? cut : at, to = at + times[rank[i].at];
        at = to;
        to = to > n - cut ? n - cut : to;
        if (to > from)
            sum += rank[i].value * (to - from);
    }
    return sum / (n - 2 * cut);
}

/* As numpy.percentile: linear between the two nearest. sorted [n] */
static double compare_percentile(const double *sorted, int n, double share)
{
    double at = share * (n - 1);
    int i = (int)floor(at);
    return i + 1 < n ? sorted[i] + (at - i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

void compare_bootstrap(const struct compare_draws *d, const double *values,
                       struct compare_interval *out)
{
    struct ranked *rank = xcalloc((size_t)d->n, sizeof *rank);
    double *drawn = xcalloc((size_t)d->reps, sizeof *drawn);
    uint16_t *once = xcalloc((size_t)d->n, sizeof *once);
    for (int i = 0; i < d->n; i++) {
        rank[i] = (struct ranked){.value = values[i], .at = i};
        once[i] = 1;
    }
    qsort(rank, (size_t)d->n, sizeof *rank, compare_ranked);
    for (int r = 0; r < d->reps; r++)
        drawn[r] = iqm_of_draw(rank, d->times + (size_t)r * (size_t)d->n, d->n);
    qsort(drawn, (size_t)d->reps, sizeof *drawn, compare_doubles);
    out->mid = iqm_of_draw(rank, once, d->n);
    out->lo = compare_percentile(drawn, d->reps, 0.025);
    out->hi = compare_percentile(drawn, d->reps, 0.975);
    free(rank);
    free(drawn);
    free(once);
}
