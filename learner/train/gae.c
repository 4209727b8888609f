/* SPDX-License-Identifier: MIT */
/* gae.c - see gae.h. Loops are nested as in vtrace.c, for the same reason. */
#include "learner/train/gae.h"

#include <stddef.h>

enum { COLUMNS = 64 };

/* Columns [0, n) of one block; arrays stride over rows of B. */
static void gae_block(float *vs, float *adv, const float *reward, const float *value,
                      const uint8_t *ended, const float *end_value, const float *bootstrap, int T,
                      int B, int n, double gamma, double lambda)
{
    double next_value[COLUMNS], next_advantage[COLUMNS] = {0}; /* V(x_{t+1}), A_{t+1} */
    for (int b = 0; b < n; b++)
        next_value[b] = (double)bootstrap[b];
    for (int t = T - 1; t >= 0; t--) {
        size_t row = (size_t)t * (size_t)B;
        for (int b = 0; b < n; b++) {
            size_t i = row + (size_t)b;
            double v0 = (double)value[i], v1 = ended[i] ? (double)end_value[i] : next_value[b];
            double rest = ended[i] ? 0 : next_advantage[b];
            double a = (double)reward[i] + gamma * v1 - v0 + gamma * lambda * rest;
            adv[i] = (float)a;
            vs[i] = (float)(v0 + a);
            next_value[b] = v0;
            next_advantage[b] = a;
        }
    }
}

void gae(float *vs, float *adv, const float *reward, const float *value, const uint8_t *ended,
         const float *end_value, const float *bootstrap, int T, int B, double gamma, double lambda)
{
    for (int b = 0; b < B; b += COLUMNS) {
        int n = B - b < COLUMNS ? B - b : COLUMNS;
        gae_block(vs + b, adv + b, reward + b, value + b, ended + b, end_value + b, bootstrap + b,
                  T, B, n, gamma, lambda);
    }
}
