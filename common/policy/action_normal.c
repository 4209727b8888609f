/* SPDX-License-Identifier: MIT */
/* action_normal.c - normal distributions of actions; see action_normal.h.
 *
 * With m the mean, s the log of the deviation, z = (x - m) / e^s and f(x) = log(1 - tanh(x)^2):
 *
 *   log N(x)           = -z^2/2 - s - log(2 pi)/2 d/dm = z / e^s        d/ds = z^2 - 1
 *   log pi(tanh x)     = log N(x) - f(x)          the same: x is given
 *   H(N)               = s + log(2 pi e)/2        d/dm = 0              d/ds = 1
 *   H(tanh N)          = H(N) + E f(m + e^s z)    d/dm = -2 E tanh      d/ds = 1 - 2 E z e^s tanh
 *
 * Up to a deviation of 1 the expectation is a sum over the nodes of Gauss and Hermite, 24 of them
 * (those of a weight that a float notices). A wider distribution steps over the bend of f at 0 with
 * them: at log deviation 2 the entropy would be off by up to 0.13. There, with
 *
 *   f(x) = 2 log 2 - 2 |x| - 2 g(|x|),  g(x) = log(1 + e^-2x)
 *
 * E |x| is known, and g is over before the density p has changed much: E g is the integral of
 * g(x) (p(x) + p(-x)) over x > 0, a sum over the nodes of Gauss for the weight g (12, of which 8
 * are kept). Either is exact to 2e-6, with its derivatives, which are those of the sum. */
#include "common/policy/action_normal.h"

#include <math.h>

static const float HALF_LOG_2PI = 0.918938533f;

/* Of the standard normal distribution, each on both sides. */
static const struct {
    float z, weight;
} hermite[] = {
    {0.317370097f, 0.240870116f},  {0.953421923f, 0.161459513f},  {1.59348043f, 0.0720693640f},
    {2.24046785f, 0.0211263444f},  {2.89772864f, 0.00397660893f}, {3.56930676f, 4.64718719e-4f},
    {4.26038361f, 3.20950057e-5f}, {4.97804137f, 1.21765975e-6f}, {5.73274718f, 2.26746167e-8f},
};

/* Of the weight g. */
static const struct {
    float x, weight;
} bend[] = {
    {0.0608109275f, 0.0987735664f}, {0.318072707f, 0.152044663f},  {0.775761290f, 0.107258740f},
    {1.43760192f, 0.0421606218f},   {2.31881260f, 0.00961009788f}, {3.44014154f, 0.00128355492f},
    {4.82785069f, 9.81475632e-5f},  {6.51986360f, 4.04345533e-6f},
};

enum { NODES = sizeof hermite / sizeof hermite[0], BEND_NODES = sizeof bend / sizeof bend[0] };

static float log_deviation(float output)
{
    return output < ACTION_LOG_DEVIATION_MIN   ? ACTION_LOG_DEVIATION_MIN
           : output > ACTION_LOG_DEVIATION_MAX ? ACTION_LOG_DEVIATION_MAX
                                               : output;
}

/* log(1 - tanh(x)^2), without a difference of nearly equal numbers */
static float log_squash_slope(float x)
{
    float a = fabsf(x);
    return 2.0f * (0.693147181f - a - log1pf(expf(-2.0f * a)));
}

static float normal_logp(const float *row, const float *x, int parts, bool squash)
{
    float logp = 0.0f;
    for (int j = 0; j < parts; j++) {
        float s = log_deviation(row[parts + j]), z = (x[j] - row[j]) * expf(-s);
        logp += -0.5f * z * z - s - HALF_LOG_2PI;
        if (squash)
            logp -= log_squash_slope(x[j]);
    }
    return logp;
}

void action_normal_sample(int parts, bool squash, const float *outputs, const float *u, int n,
                          union action_cell *action, float *logp)
{
    float x[BOUND_ACTION_PARTS];
    for (int i = 0; i < n; i++, u += 2 * parts) {
        const float *row = outputs + (size_t)i * 2 * (size_t)parts;
        for (int j = 0; j < parts; j++) { /* Box and Muller; 1 - u is in (0,1] */
            float radius = sqrtf(-2.0f * logf(1.0f - u[2 * j]));
            float z = radius * cosf(6.28318531f * u[2 * j + 1]);
            x[j] = row[j] + expf(log_deviation(row[parts + j])) * z;
            action[i * parts + j].number = x[j];
        }
        logp[i] = normal_logp(row, x, parts, squash);
    }
}

static float narrow_correction(float mean, float s, float *dmean, float *ds)
{
    float sum = 0.0f, deviation = expf(s);
    *dmean = *ds = 0.0f;
    for (int k = 0; k < NODES; k++)
        for (int side = -1; side <= 1; side += 2) {
            float step = (float)side * deviation * hermite[k].z, x = mean + step;
            float slope = -2.0f * tanhf(x) * hermite[k].weight;
            sum += log_squash_slope(x) * hermite[k].weight;
            *dmean += slope;
            *ds += slope * step;
        }
    return sum;
}

static float wide_correction(float mean, float s, float *dmean, float *ds)
{
    float deviation = expf(s), m = mean / deviation, p0 = expf(-0.5f * m * m - HALF_LOG_2PI);
    float sides = erff(m * 0.707106781f); /* E sign(x) */
    float sum = 2.0f * deviation * p0 + mean * sides;
    *dmean = sides;
    *ds = 2.0f * deviation * p0;
    for (int k = 0; k < BEND_NODES; k++)
        for (int side = -1; side <= 1; side += 2) {
            float z = (bend[k].x - (float)side * mean) / deviation;
            float p = bend[k].weight * expf(-0.5f * z * z - HALF_LOG_2PI - s);
            sum += p;
            *dmean += (float)side * z / deviation * p;
            *ds += (z * z - 1.0f) * p;
        }
    *dmean *= -2.0f;
    *ds *= -2.0f;
    return 2.0f * (0.693147181f - sum);
}

/* E f, and its derivatives by mean and log of the deviation. */
static float squash_correction(float mean, float s, float *dmean, float *ds)
{
    return s > 0.0f ? wide_correction(mean, s, dmean, ds) : narrow_correction(mean, s, dmean, ds);
}

void action_normal_evaluate(int parts, bool squash, const float *outputs, const float *number,
                            int n, float *logp, float *entropy)
{
    for (int i = 0; i < n; i++) {
        const float *row = outputs + (size_t)i * 2 * (size_t)parts;
        logp[i] = normal_logp(row, number + (size_t)i * (size_t)parts, parts, squash);
        entropy[i] = 0.0f;
        for (int j = 0; j < parts; j++) {
            float s = log_deviation(row[parts + j]), ignored[2];
            entropy[i] += s + HALF_LOG_2PI + 0.5f;
            if (squash)
                entropy[i] += squash_correction(row[j], s, &ignored[0], &ignored[1]);
        }
    }
}

/* A gradient step goes against d: one that leads further beyond the bounds is left out. */
static float keep_within(float output, float d)
{
    bool away = (output <= ACTION_LOG_DEVIATION_MIN && d > 0.0f) ||
                (output >= ACTION_LOG_DEVIATION_MAX && d < 0.0f);
    return away ? 0.0f : d;
}

void action_normal_gradient(int parts, bool squash, const float *outputs, const float *number,
                            int n, const struct action_slopes *slopes, float *doutputs)
{
    for (int i = 0; i < n; i++) {
        const float *row = outputs + (size_t)i * 2 * (size_t)parts;
        float *d = doutputs + (size_t)i * 2 * (size_t)parts;
        for (int j = 0; j < parts; j++) {
            float s = log_deviation(row[parts + j]), inverse = expf(-s);
            float z = (number[(size_t)i * (size_t)parts + (size_t)j] - row[j]) * inverse;
            float dmean = 0.0f, ds = 0.0f; /* of the correction of the entropy */
            if (slopes->skip[i]) {
                d[j] = d[parts + j] = 0.0f;
                continue;
            }
            if (squash)
                squash_correction(row[j], s, &dmean, &ds);
            d[j] = slopes->dlogp[i] * z * inverse - slopes->explore[i] * dmean;
            d[parts + j] = keep_within(row[parts + j], slopes->dlogp[i] * (z * z - 1.0f) -
                                                           slopes->explore[i] * (1.0f + ds));
        }
    }
}
