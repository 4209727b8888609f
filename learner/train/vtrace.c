/* SPDX-License-Identifier: MIT */
/* vtrace.c - see vtrace.h.
 *
 * Columns are independent and the recursion runs backwards in time, so time is the outer loop and a
 * block of columns the inner one: rows are read in memory order and the carried pair (v_{t+1},
 * V(x_{t+1})) of a block stays in L1. */
#include "learner/train/vtrace.h"

#include <stddef.h>

enum { COLUMNS = 64 };

/* Columns [0, n) of one block; `at` strides over rows of B. */
static void vtrace_block(float *vs, float *adv, const float *ratio, const float *reward,
                         const float *value, const uint8_t *ended, const float *end_value,
                         const float *bootstrap, int T, int B, int n,
                         const struct vtrace_rule *rule)
{
    double gamma = rule->gamma, lambda = rule->lambda;
    double next_v[COLUMNS], next_value[COLUMNS]; /* v_{t+1}, V(x_{t+1}) */
    for (int b = 0; b < n; b++)
        next_v[b] = next_value[b] = (double)bootstrap[b];
    for (int t = T - 1; t >= 0; t--) {
        size_t row = (size_t)t * (size_t)B;
        for (int b = 0; b < n; b++) {
            size_t i = row + (size_t)b;
            double v1 = ended[i] ? (double)end_value[i] : next_v[b];
            double value1 = ended[i] ? (double)end_value[i] : next_value[b];
            double w = (double)ratio[i], v0 = (double)value[i], r = (double)reward[i];
            double rho = w < rule->rho_bar ? w : rule->rho_bar;
            double c = lambda * (w < rule->c_bar ? w : rule->c_bar);
            double v = v0 + rho * (r + gamma * value1 - v0) + gamma * c * (v1 - value1);
            adv[i] = (float)(rho * (r + gamma * (lambda * v1 + (1 - lambda) * value1) - v0));
            vs[i] = (float)v;
            next_v[b] = v;
            next_value[b] = v0;
        }
    }
}

void vtrace(float *vs, float *adv, const float *ratio, const float *reward, const float *value,
            const uint8_t *ended, const float *end_value, const float *bootstrap, int T, int B,
            const struct vtrace_rule *rule)
{
    for (int b = 0; b < B; b += COLUMNS) {
        int n = B - b < COLUMNS ? B - b : COLUMNS;
        vtrace_block(vs + b, adv + b, ratio + b, reward + b, value + b, ended + b, end_value + b,
                     bootstrap + b, T, B, n, rule);
    }
}
