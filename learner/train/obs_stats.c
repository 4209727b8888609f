/* SPDX-License-Identifier: MIT */
/* obs_stats.c - see obs_stats.h.
 *
 * A batch is summed about what is known of the mean, or its first value, so that nothing cancels
 * where values are large and vary little; then the two parts are combined (Chan, Golub and LeVeque
 * 1979). */
#include "learner/train/obs_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"
#include "common/policy/obs_norm.h"

/* Once so many values are known, one that is further from their mean than this many deviations is
 * taken for one at that distance: a single number of a broken world, or of somebody who means harm,
 * moves nothing for good, and what has really changed is followed within a few batches. */
static const double sure = 1000, far_deviations = 100;

/* Deviations below these count as none: one is for values about 0, the other is a few roundings of
 * a float. */
static const double deviation_min = 1e-6, relative_min = 1e-6;

struct moments {
    double count, mean, squares; /* squares: sum of (v - mean)^2 */
};

struct obs_stats {
    struct obs_norm norm;
    struct obs_spec obs;
    struct moments *known;  /* [norm.count] */
    struct moments *before; /* [norm.count] the newest batch */
    double *far;            /* [norm.count] from the mean at most; INFINITY: any */
    double *about;          /* [norm.count] of the batch at hand, and its sums about it */
    struct moments *batch;
};

struct obs_stats *obs_stats_create(const struct policy *p)
{
    struct obs_norm norm = obs_norm_find(policy_params(p));
    if (norm.count == 0)
        return NULL;
    struct obs_stats *s = xcalloc(1, sizeof *s);
    s->norm = norm;
    s->obs = policy_config(p)->obs;
    ONIC_ASSERT(norm.count == obs_norm_elements(&s->obs));
    s->known = xcalloc((size_t)norm.count, sizeof *s->known);
    s->before = xcalloc((size_t)norm.count, sizeof *s->before);
    s->far = xcalloc((size_t)norm.count, sizeof *s->far);
    s->batch = xcalloc((size_t)norm.count, sizeof *s->batch);
    s->about = xcalloc((size_t)norm.count, sizeof *s->about);
    return s;
}

void obs_stats_free(struct obs_stats *s)
{
    if (!s)
        return;
    free(s->known);
    free(s->before);
    free(s->far);
    free(s->batch);
    free(s->about);
    free(s);
}

/* batch[i]: count, sum and sum of squares of v - about[i]. */
static void see_element(struct obs_stats *s, int i, float v)
{
    struct moments *b = &s->batch[i];
    if (!isfinite(v))
        return;
    if (b->count == 0)
        s->about[i] = s->known[i].count > 0 ? s->known[i].mean : (double)v;
    double d = (double)v - s->about[i];
    if (fabs(d) > s->far[i])
        d = copysign(s->far[i], d);
    b->count++;
    b->mean += d;
    b->squares += d * d;
}

static void see_row(struct obs_stats *s, const uint8_t *row)
{
    int i = 0;
    for (int k = 0; k < s->obs.nfields; k++) {
        const struct obs_field *f = &s->obs.field[k];
        const uint8_t *at = row + f->offset;
        if (f->type != OBS_F32)
            continue;
        for (int n = obs_field_count(f); n > 0; n--, at += sizeof(float)) {
            float v;
            memcpy(&v, at, sizeof v);
            see_element(s, i++, v);
        }
    }
}

static void combine(struct moments *known, const struct moments *b, double about)
{
    if (b->count == 0)
        return;
    double mean = b->mean / b->count, squares = b->squares - b->mean * mean;
    double count = known->count + b->count, apart = about + mean - known->mean;
    known->squares += (squares > 0 ? squares : 0) + apart * apart * known->count * b->count / count;
    known->mean += apart * b->count / count;
    known->count = count;
}

static double far_of(const struct moments *m)
{
    return m->count >= sure && m->squares > 0 ? far_deviations * sqrt(m->squares / m->count)
                                              : (double)INFINITY;
}

void obs_stats_see(struct obs_stats *s, const struct batch *b)
{
    if (!s)
        return;
    memset(s->batch, 0, (size_t)s->norm.count * sizeof *s->batch);
    memcpy(s->before, s->known, (size_t)s->norm.count * sizeof *s->known);
    for (int i = 0; i < s->norm.count; i++)
        s->far[i] = far_of(&s->known[i]);
    for (int c = 0; c < b->C; c++) {
        const struct trajectory *t = b->column[c].t;
        for (int step = 0; step < b->T; step++) {
            size_t i = (size_t)step * (size_t)t->shape.E + (size_t)b->column[c].e;
            if (!(t->flags[i] & STEP_FAILED))
                see_row(s, t->obs + i * t->shape.obs_bytes);
        }
    }
    for (int i = 0; i < s->norm.count; i++)
        combine(&s->known[i], &s->batch[i], s->about[i]);
}

void obs_stats_unsee(struct obs_stats *s)
{
    if (s)
        memcpy(s->known, s->before, (size_t)s->norm.count * sizeof *s->known);
}

static double scale_of(const struct moments *m)
{
    double deviation = m->count > 0 ? sqrt(m->squares / m->count) : 0;
    return deviation > fmax(deviation_min, relative_min * fabs(m->mean)) ? 1 / deviation : 1;
}

void obs_stats_put(const struct obs_stats *s, float *weights)
{
    for (int i = 0; s && i < s->norm.count; i++) {
        weights[s->norm.mean + (size_t)i] = (float)s->known[i].mean;
        weights[s->norm.scale + (size_t)i] = (float)scale_of(&s->known[i]);
    }
}

void obs_stats_save(const struct obs_stats *s, struct buf *out)
{
    buf_append(out, (const char *)s->known, (size_t)s->norm.count * sizeof *s->known);
}

static bool is_sound(const struct moments *m)
{
    return isfinite(m->mean) && isfinite(m->squares) && m->squares >= 0 && isfinite(m->count) &&
           m->count >= 0;
}

int obs_stats_load(struct obs_stats *s, const void *data, size_t len, struct onic_err *err)
{
    size_t count = (size_t)s->norm.count;
    struct moments m;
    bool sound = len == count * sizeof m;
    for (size_t i = 0; sound && i < count; i++) {
        memcpy(&m, (const uint8_t *)data + i * sizeof m, sizeof m);
        sound = is_sound(&m);
    }
    if (!sound)
        return err_set(err, ONIC_EDAMAGED,
                       "the statistics of the observations are malformed (%zu bytes for %zu "
                       "elements)",
                       len, count);
    memcpy(s->known, data, len);
    return ONIC_OK;
}
