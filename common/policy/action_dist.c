/* SPDX-License-Identifier: MIT */
/* action_dist.c - which distribution an action space has; see action_dist.h. */
#include "common/policy/action_dist.h"

#include <math.h>
#include <string.h>

#include "common/base/err.h"
#include "common/policy/action_choice.h"
#include "common/policy/action_normal.h"

static bool of_numbers(const struct action_dist *d)
{
    return d->space.kind == ACTION_CONTINUOUS;
}

int action_dist_outputs(const struct action_dist *d)
{
    return of_numbers(d) ? 2 * d->space.n : action_space_all_options(&d->space);
}

int action_dist_columns(const struct action_dist *d)
{
    return of_numbers(d) && !d->state_deviation ? d->space.n : action_dist_outputs(d);
}

int action_dist_uniforms(const struct action_dist *d)
{
    return of_numbers(d) ? 2 * d->space.n : action_space_parts(&d->space);
}

void action_dist_sample(const struct action_dist *d, const float *outputs, const uint8_t *mask,
                        const float *u, int n, union action_cell *action, float *logp)
{
    if (of_numbers(d))
        action_normal_sample(d->space.n, d->squash, outputs, u, n, action, logp);
    else
        action_choice_sample(&d->space, outputs, mask, u, n, action, logp);
}

void action_dist_mode(const struct action_dist *d, const float *outputs, const uint8_t *mask, int n,
                      union action_cell *action)
{
    if (!of_numbers(d)) {
        action_choice_mode(&d->space, outputs, mask, n, action);
        return;
    }
    int parts = d->space.n;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < parts; j++)
            action[i * parts + j].number = outputs[2 * i * parts + j];
}

/* In double, so that two versions of libm give the same float: a kept episode is played again from
 * these numbers. */
static float number_for_env(const struct action_dist *d, int part, float x)
{
    float low = d->space.low[part], high = d->space.high[part];
    double a = d->squash ? tanh((double)x) : fmin(fmax((double)x, -1.0), 1.0);
    float y = (float)((double)low + ((double)high - (double)low) * (0.5 * (a + 1.0)));
    return y < low ? low : y > high ? high : y;
}

void action_dist_act(const struct action_dist *d, union action_cell *action, int n)
{
    int parts = action_space_parts(&d->space);
    for (int i = 0; of_numbers(d) && i < n; i++)
        for (int j = 0; j < parts; j++)
            action[i * parts + j].number = number_for_env(d, j, action[i * parts + j].number);
}

void action_dist_evaluate(const struct action_dist *d, float *outputs,
                          const struct action_rows *rows, int n, float *logp, float *entropy)
{
    if (of_numbers(d))
        action_normal_evaluate(d->space.n, d->squash, outputs, rows->number, n, logp, entropy);
    else
        action_choice_evaluate(&d->space, outputs, rows, n, logp, entropy);
}

float action_dist_uniform_kl(const struct action_dist *d, const float *evaluated,
                             const uint8_t *mask, float entropy)
{
    ONIC_ASSERT(!of_numbers(d));
    return action_choice_uniform_kl(&d->space, evaluated, mask, entropy);
}

void action_dist_gradient(const struct action_dist *d, const float *evaluated,
                          const struct action_rows *rows, int n, const struct action_slopes *slopes,
                          float *doutputs)
{
    if (of_numbers(d))
        action_normal_gradient(d->space.n, d->squash, evaluated, rows->number, n, slopes, doutputs);
    else
        action_choice_gradient(&d->space, evaluated, rows, n, slopes, doutputs);
}
