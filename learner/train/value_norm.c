/* SPDX-License-Identifier: MIT */
/* value_norm.c - see value_norm.h. Statistics are doubles: their difference, the variance, is small
 * beside them where returns are large and vary little. */
#include "learner/train/value_norm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 16 }; /* floats; where tensors begin (params.h) */
/* Targets that are all equal must not be blown up: the unit is at least this, and this part of the
 * size of their mean. */
static const double sigma_min = 1e-5, sigma_of_mean = 1e-4;
static const double start_at_mean = 3; /* units from 0 */

void value_sums_add(struct value_sums *to, const struct value_sums *part)
{
    to->steps += part->steps;
    to->value += part->value;
    to->target += part->target;
    to->target_squares += part->target_squares;
    to->error += part->error;
    to->error_squares += part->error_squares;
}

static double variance(double steps, double sum, double squares)
{
    double v = steps > 0 ? squares / steps - sum / steps * (sum / steps) : 0;
    return v < 0 ? 0 : v; /* keeps a NaN */
}

double value_sums_deviation(const struct value_sums *s)
{
    return sqrt(variance(s->steps, s->target, s->target_squares));
}

double value_sums_explained(const struct value_sums *s)
{
    double targets = variance(s->steps, s->target, s->target_squares);
    double errors = variance(s->steps, s->error, s->error_squares);
    return targets > 0 ? 1 - errors / targets : (double)NAN;
}

void value_norm_see(struct value_norm *n, const struct value_sums sums[POLICY_HEADS])
{
    if (n->rate <= 0 || sums[0].steps <= 0)
        return;
    n->mass += n->rate * (1 - n->mass);
    for (int h = 0; h < POLICY_HEADS; h++) {
        const struct value_sums *s = &sums[h];
        n->mean[h] += n->rate * (s->target / s->steps - n->mean[h]);
        n->square[h] += n->rate * (s->target_squares / s->steps - n->square[h]);
    }
}

double value_norm_sigma(const struct value_norm *n, int head)
{
    if (n->rate <= 0 || n->mass <= 0)
        return 1;
    double sigma = sqrt(variance(n->mass, n->mean[head], n->square[head]));
    return fmax(sigma, fmax(sigma_min, sigma_of_mean * fabs(n->mean[head] / n->mass)));
}

bool value_norm_knows(const struct value_norm *n, int head)
{
    return n->rate > 0 && n->mass > 0 &&
           (value_norm_sigma(n, head) > sigma_min || fabs(n->mean[head] / n->mass) > sigma_min);
}

double value_norm_start(const struct value_norm *n, int head)
{
    double mean = n->mass > 0 ? n->mean[head] / n->mass : 0;
    return fabs(mean) > start_at_mean * value_norm_sigma(n, head) ? mean : 0;
}

/* The heads' |c| sigma, and their sum. */
static double pulls(const struct value_norm *n, const float coef[POLICY_HEADS],
                    double pull[POLICY_HEADS])
{
    double sum = 0;
    for (int h = 0; h < POLICY_HEADS; h++)
        sum += pull[h] = fabs((double)coef[h]) * value_norm_sigma(n, h);
    return sum;
}

void value_norm_shares(const struct value_norm *n, const float coef[POLICY_HEADS],
                       double share[POLICY_HEADS])
{
    double sum = pulls(n, coef, share);
    for (int h = 0; h < POLICY_HEADS; h++)
        share[h] = n->rate <= 0 ? 1 : sum > 0 ? share[h] / sum : 0;
}

double value_norm_advantage_unit(const struct value_norm *n, const float coef[POLICY_HEADS])
{
    double pull[POLICY_HEADS], sum = pulls(n, coef, pull);
    return n->rate > 0 && sum > 0 ? sum : 1;
}

void value_norm_write(const struct value_norm *n, char out[VALUE_NORM_TEXT_MAX])
{
    snprintf(out, VALUE_NORM_TEXT_MAX, "%.17g %.17g %.17g %.17g %.17g", n->mass,
             n->mean[POLICY_EXT], n->square[POLICY_EXT], n->mean[POLICY_INT],
             n->square[POLICY_INT]);
}

int value_norm_read(struct value_norm *n, const char *text, struct onic_err *err)
{
    struct value_norm r = {.rate = n->rate};
    char rest;
    int fields = sscanf(text, "%lf %lf %lf %lf %lf%c", &r.mass, &r.mean[POLICY_EXT],
                        &r.square[POLICY_EXT], &r.mean[POLICY_INT], &r.square[POLICY_INT], &rest);
    bool finite = isfinite(r.mean[0] + r.square[0] + r.mean[1] + r.square[1]);
    if (fields != 5 || !finite || !(r.mass >= 0 && r.mass <= 1) || r.square[0] < 0 ||
        r.square[1] < 0)
        return err_set(err, ONIC_EDAMAGED,
                       "the statistics of the value targets are '%.64s', must be five numbers",
                       text);
    *n = r;
    return ONIC_OK;
}

void value_head_find(const struct params *p, struct value_head out[POLICY_HEADS])
{
    static const char *const names[POLICY_HEADS][2] = {{"value_ext.w", "value_ext.b"},
                                                       {"value_int.w", "value_int.b"}};
    for (int h = 0; h < POLICY_HEADS; h++) {
        const struct param *w = params_find(p, names[h][0]), *b = params_find(p, names[h][1]);
        out[h] = (struct value_head){p->floats, 0, p->floats};
        if (w && b) /* whole cache lines: a kernel rounds a part of one otherwise */
            out[h] = (struct value_head){w->offset, b->offset + LINE - w->offset, b->offset};
    }
}
