/* SPDX-License-Identifier: MIT */
/* suspect.c - see suspect.h.
 *
 * Slices say only that one of their columns is not finite. Here each column goes through the
 * network alone, which is slow and rare, and is measured by the squares of its targets and
 * advantages. A quarter of the columns at least must be well: what is beyond them by far is bad. */
#include "learner/train/suspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

static const double BEYOND = 1e6; /* of squares: three orders of magnitude */

/* A number for each column, INFINITY where one of its own is not finite. */
static double column_size(struct trainer *c, struct slice *s, int column)
{
    struct advantage_sums advantage = {0};
    struct value_sums value[POLICY_HEADS] = {{0}};
    slice_gather(s, c->batch, &column, 1, &c->rule);
    if (!slice_forward(s, c->policy, c->weights, &c->rule))
        return (double)INFINITY;
    slice_advantage_sums(s, &advantage);
    slice_value_sums(s, value);
    double sum = advantage.squares;
    for (int h = 0; h < POLICY_HEADS; h++)
        sum += value[h].target_squares;
    return isfinite(sum) ? sum : (double)INFINITY;
}

static int compare_sizes(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Above it a column is bad; INFINITY: too few are well for that to be told. */
static double bad_from(const double *size, int n)
{
    double *sorted = xmalloc((size_t)n * sizeof *sorted);
    memcpy(sorted, size, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_sizes);
    double well = sorted[n / 4];
    free(sorted);
    return BEYOND * (well > 1 ? well : 1);
}

int64_t suspect_actor(struct trainer *c, uint64_t *incarnation)
{
    int n = c->column_count;
    double *size = xmalloc((size_t)n * sizeof *size);
    struct slice *s = slice_create(c->policy, c->params.rollout, 1);
    for (int i = 0; i < n; i++)
        size[i] = column_size(c, s, c->columns[i]);
    slice_free(s);
    double from = bad_from(size, n);
    int64_t bad = -1;
    bool several = false, others = false;
    *incarnation = 0;
    for (int i = 0; i < n; i++) {
        const struct trajectory *t = c->batch->column[c->columns[i]].t;
        if (!(size[i] > from))
            continue;
        several |= bad >= 0 && bad != t->actor_id;
        bad = t->actor_id;
        *incarnation = t->incarnation > *incarnation ? t->incarnation : *incarnation;
    }
    for (int i = 0; i < n; i++)
        others |= c->batch->column[c->columns[i]].t->actor_id != bad;
    free(size);
    return several || !others ? -1 : bad;
}
