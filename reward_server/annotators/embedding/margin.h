/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_MARGIN_H
#define ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_MARGIN_H

/* margin.h - from sentence vectors to a label.
 *
 *   c(x) = (x - mean of the pool) / |x - mean of the pool|
 *   margin(x) = max_p c(x).c(p) - max_n c(x).c(n)      p positive, n negative anchors
 *   label = margin > threshold;  confidence = 1 - exp(-|margin - threshold| / 0.1)
 *   of a pair: d = second margin - first; |d| < tie: 1/2, sure; else d > 0 with the confidence of d
 *   against a threshold of 0
 *
 * Raw vectors of this model all lie within 0.75..0.88 of each other; without the centring every
 * sentence looks like every other. Pure functions, no state. */

#include <stdbool.h>

/* mean[dim] of rows[n, dim], accumulated in double. */
void margin_mean(float *mean, const float *rows, int n, int dim);
/* In place: subtract the mean, scale to length 1 (a zero vector stays zero). */
void margin_centre(float *x, const float *mean, int dim);

struct margin {
    double value, positive, negative;   /* margin and its two parts */
    int positive_index, negative_index; /* the nearest anchors */
    bool blank; /* x is the zero vector: nothing is known, all cosines are 0, the label is 0 */
};
/* x[dim], positive[np, dim] and negative[nn, dim] all centred; np, nn >= 1. */
struct margin margin_of(const float *x, const float *positive, int np, const float *negative,
                        int nn, int dim);
double margin_confidence(double margin, double threshold);
/* Label of a pair of margins: 0 first better, 1 second better, 0.5 tie. */
double margin_preference(double first, double second, double tie, double *confidence);

#endif /* ONIC_REWARD_SERVER_ANNOTATORS_EMBEDDING_MARGIN_H */
