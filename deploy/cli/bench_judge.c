/* SPDX-License-Identifier: MIT */
/* bench_judge.c - from rounds to a ratio, and what may be said of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/cli/bench.h"

enum { JUDGED_ROUNDS = 3 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *x, int n)
{
    double sorted[BENCH_ROUNDS_MAX];
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void bench_ratio(struct bench_result *r, const double *a, const double *b, int n, bool cost)
{
    double ratio[BENCH_ROUNDS_MAX], good_a[BENCH_ROUNDS_MAX], good_b[BENCH_ROUNDS_MAX];
    r->value = r->value_b = r->ratio = r->min = r->max = (double)NAN;
    r->n = 0;
    ONIC_ASSERT(n <= BENCH_ROUNDS_MAX);
    for (int i = 0; i < n; i++) {
        double x = cost ? b[i] / a[i] : a[i] / b[i];
        if (!isfinite(x) || x <= 0) /* a side that did not get as far as a figure */
            continue;
        good_a[r->n] = a[i];
        good_b[r->n] = b[i];
        ratio[r->n++] = x;
        r->min = r->n == 1 || x < r->min ? x : r->min;
        r->max = r->n == 1 || x > r->max ? x : r->max;
    }
    if (r->n == 0)
        return;
    r->value = median(good_a, r->n);
    r->value_b = median(good_b, r->n);
    r->ratio = median(ratio, r->n);
}

/* The spread of the rounds, for neighbours come and go and their errors are not independent. Two or
 * three rounds may agree by chance: for these the 95 % interval of the mean by Student's t. */
double bench_noise(const struct bench_result *r)
{
    double spread = r->max - r->min;
    return r->n < 2 ? (double)NAN : r->n == 2 ? 6.4 * spread : r->n == 3 ? 1.5 * spread : spread;
}

enum bench_verdict bench_judge(const struct bench_result *r)
{
    double noise = bench_noise(r);
    if (!isfinite(r->ratio) || !isfinite(noise))
        return BENCH_UNJUDGED;
    if (fabs(r->ratio - 1) <= noise)
        return BENCH_NO_DIFFERENCE;
    if (r->n < JUDGED_ROUNDS) /* beside a neighbour both may lean to the same side by far */
        return BENCH_UNJUDGED;
    return r->ratio > 1 ? BENCH_FASTER : BENCH_SLOWER;
}

void bench_words(const struct bench_result *r, char out[BENCH_WORDS_MAX])
{
    double percent = 100 * fabs(r->ratio - 1), noise = 100 * bench_noise(r);
    switch (bench_judge(r)) {
    case BENCH_UNJUDGED:
        if (r->n)
            snprintf(out, BENCH_WORDS_MAX, "not judged: %s too few to tell a difference from noise",
                     r->n == 1 ? "one round is" : "two rounds are");
        else
            snprintf(out, BENCH_WORDS_MAX, "not measured: no round got as far as a figure");
        break;
    case BENCH_NO_DIFFERENCE:
        snprintf(out, BENCH_WORDS_MAX, "no difference seen (noise \302\261 %.1f %%)", noise);
        break;
    case BENCH_FASTER:
    case BENCH_SLOWER:
        snprintf(out, BENCH_WORDS_MAX, "%s: %.1f %% %s (noise \302\261 %.1f %%)", r->subject,
                 percent, r->ratio > 1 ? "faster" : "slower", noise);
        break;
    }
}

void bench_figures(const struct bench_result *r, struct buf *out)
{
    if (r->n == 0)
        return;
    buf_printf(out, "ratio %.3f (%.3f .. %.3f, n=%d)  %.4g against %.4g %s: %s", r->ratio, r->min,
               r->max, r->n, r->value, r->value_b, r->unit, r->of);
    if (isfinite(r->cpu_ratio))
        buf_printf(out, "; CPU %.3g us/frame, ratio %.3f (%.3f .. %.3f)", r->cpu_us, r->cpu_ratio,
                   r->cpu_min, r->cpu_max);
    if (isfinite(r->score_us))
        buf_printf(out, "; scores %.3f us/frame", r->score_us);
    if (isfinite(r->train_share))
        buf_printf(out, "; its training %.1f %% of the learner's time", 100 * r->train_share);
    if (isfinite(r->beside_share) && r->beside_share > 0)
        buf_printf(out, " and %.1f %% of another core's", 100 * r->beside_share);
    if (isfinite(r->ratio_net))
        buf_printf(out, ", ratio over the rest %.3f", r->ratio_net);
    if (isfinite(r->labels_per_s))
        buf_printf(out, "; %.0f labels/s", r->labels_per_s);
    if (isfinite(r->labels_cpu))
        buf_printf(out, " in %.2f %% of its CPU time", 100 * r->labels_cpu);
}
