/* SPDX-License-Identifier: MIT */
/* margin.c - see margin.h for the formulas. Sums run in double and in index order, so that a label
 * near the threshold does not depend on how the compiler vectorised a sum. */
#include "reward_server/annotators/embedding/margin.h"

#include <math.h>

static const double confidence_scale =
    0.1; /* margins of MiniGrid's sentences spread over -0.9..0.4 */

void margin_mean(float *mean, const float *rows, int n, int dim)
{
    for (int j = 0; j < dim; j++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += (double)rows[(long)i * dim + j];
        mean[j] = (float)(sum / n);
    }
}

static double dot(const float *a, const float *b, int dim)
{
    double sum = 0;
    for (int j = 0; j < dim; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

void margin_centre(float *x, const float *mean, int dim)
{
    for (int j = 0; j < dim; j++)
        x[j] -= mean[j];
    double length = sqrt(dot(x, x, dim));
    if (length > 0)
        for (int j = 0; j < dim; j++)
            x[j] = (float)((double)x[j] / length);
}

static double margin_nearest(const float *x, const float *rows, int n, int dim, int *index)
{
    double best = -2;
    for (int i = 0; i < n; i++) {
        double c = dot(x, rows + (long)i * dim, dim);
        if (c > best) {
            best = c;
            *index = i;
        }
    }
    return best;
}

struct margin margin_of(const float *x, const float *positive, int np, const float *negative,
                        int nn, int dim)
{
    struct margin m = {.blank = dot(x, x, dim) <= 0};
    m.positive = margin_nearest(x, positive, np, dim, &m.positive_index);
    m.negative = margin_nearest(x, negative, nn, dim, &m.negative_index);
    m.value = m.positive - m.negative;
    return m;
}

double margin_confidence(double margin, double threshold)
{
    return 1 - exp(-fabs(margin - threshold) / confidence_scale);
}

double margin_preference(double first, double second, double tie, double *confidence)
{
    double d = second - first;
    bool tied = fabs(d) < tie;
    *confidence = tied ? 1 : margin_confidence(d, 0);
    return tied ? 0.5 : d > 0;
}
