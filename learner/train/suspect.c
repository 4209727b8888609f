/* SPDX-License-Identifier: MIT */
/* suspect.c - see suspect.h.
 *
 * Slices say only that one of their columns is not finite. Here each column goes through the
 * network alone, which is slow and rare, and is measured by the squares of its targets and
 * advantages. An actor is as bad as its worst column, and the best actor is the measure of the
 * others. It is the whole batch that is judged: a minibatch may be of one actor nearly alone. */
#include "learner/train/suspect.h"

#include <math.h>
#include <stdlib.h>

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

/* One actor's part of the batch. */
struct actor_part {
    uint32_t id;
    uint64_t incarnation; /* the latest with a column as large as size */
    double size;          /* of its largest column */
};

/* Finds the actor of trajectory t among parts[0..*n), or makes it. */
static struct actor_part *part_of(struct actor_part *parts, int *n, const struct trajectory *t)
{
    for (int i = 0; i < *n; i++)
        if (parts[i].id == t->actor_id)
            return &parts[i];
    parts[*n] = (struct actor_part){.id = t->actor_id};
    return &parts[(*n)++];
}

static int measure_actors(struct trainer *c, struct actor_part *parts)
{
    struct slice *s = slice_create(c->policy, c->params.rollout, 1);
    int n = 0;
    for (int i = 0; i < c->batch->C; i++) {
        const struct trajectory *t = c->batch->column[i].t;
        struct actor_part *part = part_of(parts, &n, t);
        double size = column_size(c, s, i);
        if (size > part->size || (size == part->size && t->incarnation > part->incarnation))
            part->incarnation = t->incarnation;
        part->size = size > part->size ? size : part->size;
    }
    slice_free(s);
    return n;
}

int64_t suspect_actor(struct trainer *c, uint64_t *incarnation)
{
    struct actor_part *parts = xmalloc((size_t)c->batch->C * sizeof *parts);
    int n = measure_actors(c, parts), bad = 0;
    double well = (double)INFINITY;
    int64_t actor = SUSPECT_NONE;
    *incarnation = 0;
    for (int i = 0; i < n; i++)
        well = parts[i].size < well ? parts[i].size : well;
    for (int i = 0; i < n; i++)
        if (parts[i].size > BEYOND * (well > 1 ? well : 1)) {
            actor = bad++ ? SUSPECT_NONE : (int64_t)parts[i].id;
            *incarnation = parts[i].incarnation;
        }
    free(parts);
    return n == 1 ? SUSPECT_UNTOLD : actor;
}
