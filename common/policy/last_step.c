/* SPDX-License-Identifier: MIT */
/* last_step.c - see last_step.h. */
#include "common/policy/last_step.h"

#include <math.h>
#include <string.h>

static int action_inputs(const struct action_space *s)
{
    return s->kind == ACTION_CONTINUOUS ? s->n : action_space_all_options(s);
}

int last_step_size(const struct action_space *s, bool action, bool reward)
{
    return (action ? action_inputs(s) : 0) + (reward ? 1 : 0);
}

static void write_choices(const struct action_space *s, const union action_cell *done, float *out)
{
    memset(out, 0, (size_t)action_inputs(s) * sizeof *out);
    for (int part = 0; part < action_space_parts(s); part++) {
        int options = action_space_options(s, part), choice = done[part].choice;
        if (choice >= 0 && choice < options)
            out[choice] = 1.0f;
        out += options;
    }
}

/* In double: the bounds may lie further apart than a float reaches. */
static void write_numbers(const struct action_space *s, const union action_cell *done, float *out)
{
    for (int part = 0; part < s->n; part++) {
        double low = (double)s->low[part], high = (double)s->high[part];
        double x = 2 * ((double)done[part].number - low) / (high - low) - 1;
        out[part] = isfinite(x) ? (float)x : 0.0f;
    }
}

static float reward_input(float r)
{
    double size = log1p(fabs((double)r));
    return isfinite(size) ? (float)copysign(size, (double)r) : 0.0f;
}

void last_step_write(const struct action_space *s, bool action, bool reward,
                     const union action_cell *done, float r, float *out)
{
    if (action && s->kind == ACTION_CONTINUOUS)
        write_numbers(s, done, out);
    else if (action)
        write_choices(s, done, out);
    if (reward)
        out[action ? action_inputs(s) : 0] = reward_input(r);
}
