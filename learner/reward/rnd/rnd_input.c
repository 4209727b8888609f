/* SPDX-License-Identifier: MIT */
/* rnd_input.c - see rnd_input.h.
 *
 * The matrix has a row per place and value, far too many to keep: the row of value v at place j is
 * the product of a random sign vector of j and a random normal vector of v, element by element.
 * Rows of different pairs are uncorrelated, which is all that the projection needs. */
#include "learner/reward/rnd/rnd_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xmalloc.h"

/* As in learner/train/obs_stats.c: one number that is absurd moves nothing for good. */
static const double sure = 1000, far_deviations = 100;

enum { VALUES = 1 << 13 }; /* beyond, values share vectors: NetHack has 5,976 glyphs */
static const float CUT = 5.0f;

struct rnd_input {
    struct obs_spec obs;
    int ids, numbers;                        /* places; of those that are whitened as they are */
    float *sign;                             /* [ids, RND_PROJECTED], +-1 over sqrt(ids) */
    float *vector;                           /* [VALUES, RND_PROJECTED] */
    double *scratch;                         /* [places of the largest field] */
    double seen, *mean, *m2, *sum, *squares; /* [elements] */
    double *inverse;                         /* [elements] one over the deviation */
};

static bool holds_names(const struct obs_field *f)
{
    return f->type == OBS_U8 || f->type == OBS_I8 || f->type == OBS_I16;
}

static void fill_matrix(struct rnd_input *in, uint64_t seed)
{
    size_t K = RND_PROJECTED;
    struct rng r = rng_stream(seed, "rnd places", 0, 0, 0);
    float scale = in->ids ? 1.0f / sqrtf((float)in->ids) : 0.0f;
    in->sign = xaligned((size_t)(in->ids ? in->ids : 1) * K * sizeof(float));
    for (size_t i = 0; i < (size_t)in->ids * K; i++)
        in->sign[i] = rng_u32(&r) & 1 ? scale : -scale;
    in->vector = xaligned((in->ids ? VALUES : 1) * K * sizeof(float));
    r = rng_stream(seed, "rnd values", 0, 0, 0);
    for (size_t i = 0; in->ids && i < VALUES * K; i++)
        in->vector[i] = rng_normal(&r);
}

int rnd_input_elements(const struct rnd_input *in)
{
    return (in->ids ? RND_PROJECTED : 0) + in->numbers;
}

struct rnd_input *rnd_input_create(const struct obs_spec *obs, uint64_t seed)
{
    struct rnd_input *in = xcalloc(1, sizeof *in);
    int largest = 1;
    in->obs = *obs;
    for (int i = 0; i < obs->nfields; i++) {
        int n = obs_field_count(&obs->field[i]);
        *(holds_names(&obs->field[i]) ? &in->ids : &in->numbers) += n;
        largest = n > largest ? n : largest;
    }
    fill_matrix(in, seed);
    size_t elements = (size_t)rnd_input_elements(in);
    in->scratch = xcalloc((size_t)largest, sizeof *in->scratch);
    in->mean = xcalloc(5 * elements, sizeof *in->mean);
    in->m2 = in->mean + elements;
    in->sum = in->m2 + elements;
    in->squares = in->sum + elements;
    in->inverse = in->squares + elements;
    return in;
}

void rnd_input_free(struct rnd_input *in)
{
    if (!in)
        return;
    free(in->sign);
    free(in->vector);
    free(in->scratch);
    free(in->mean);
    free(in);
}

/* Adds the rows of n values in scratch, which begin at this place. */
static void project(const struct rnd_input *in, int place, int n, float *x)
{
    for (int j = 0; j < n; j++) {
        const float *sign = in->sign + (size_t)(place + j) * RND_PROJECTED;
        unsigned value = (unsigned)(int)in->scratch[j] % VALUES;
        const float *vector = in->vector + (size_t)value * RND_PROJECTED;
        for (int k = 0; k < RND_PROJECTED; k++)
            x[k] += sign[k] * vector[k];
    }
}

void rnd_input_read(struct rnd_input *in, const uint8_t *obs, double *raw)
{
    float x[RND_PROJECTED] = {0};
    double *number = raw + (in->ids ? RND_PROJECTED : 0);
    int place = 0;
    for (int f = 0; f < in->obs.nfields; f++) {
        const struct obs_field *field = &in->obs.field[f];
        int n = obs_field_count(field);
        obs_values(field, obs, in->scratch);
        if (holds_names(field)) {
            project(in, place, n, x);
            place += n;
            continue;
        }
        for (int j = 0; j < n; j++)
            *number++ = isfinite(in->scratch[j]) ? in->scratch[j] : 0.0;
    }
    for (int k = 0; in->ids && k < RND_PROJECTED; k++)
        raw[k] = (double)x[k];
}

/* Adds `rows` observations to mean and m2, from the sums of their deviations from the mean so far
 * (Chan, Golub and LeVeque 1983). */
static void merge_moments(struct rnd_input *in, double rows)
{
    double all = in->seen + rows;
    for (int i = 0; i < rnd_input_elements(in); i++) {
        double d = in->sum[i] / rows, within = in->squares[i] - in->sum[i] * d;
        in->m2[i] += (within > 0 ? within : 0) + d * d * in->seen * rows / all;
        in->mean[i] += d * rows / all;
    }
    in->seen = all;
}

static void update_whitening(struct rnd_input *in)
{
    for (int i = 0; i < rnd_input_elements(in); i++) {
        double var = in->seen > 0 ? in->m2[i] / in->seen : 0.0;
        in->inverse[i] = var > 1e-12 ? 1.0 / sqrt(var) : 0.0;
    }
}

void rnd_input_learn(struct rnd_input *in, const double *raw, int rows)
{
    size_t elements = (size_t)rnd_input_elements(in);
    if (rows < 1)
        return;
    memset(in->sum, 0, elements * sizeof *in->sum);
    memset(in->squares, 0, elements * sizeof *in->squares);
    for (size_t k = 0; in->seen == 0 && k < elements; k++) /* nothing cancels then */
        in->mean[k] = raw[k];
    for (size_t r = 0; r < (size_t)rows; r++)
        for (size_t k = 0; k < elements; k++) {
            double d = raw[r * elements + k] - in->mean[k];
            bool known = in->seen >= sure && in->inverse[k] > 0;
            if (known && fabs(d) * in->inverse[k] > far_deviations)
                d = copysign(far_deviations / in->inverse[k], d);
            in->sum[k] += d;
            in->squares[k] += d * d;
        }
    merge_moments(in, rows);
    update_whitening(in);
}

void rnd_input_whiten(const struct rnd_input *in, const double *raw, int rows, float *x)
{
    size_t elements = (size_t)rnd_input_elements(in);
    for (size_t r = 0; r < (size_t)rows; r++, x += elements, raw += elements)
        for (size_t k = 0; k < elements; k++) {
            float z = (float)((raw[k] - in->mean[k]) * in->inverse[k]);
            x[k] = z < -CUT ? -CUT : z > CUT ? CUT : z;
        }
}

/* --- checkpoint ------------------------------------------------------------------------------ */

void rnd_input_save(const struct rnd_input *in, struct buf *out)
{
    size_t n = (size_t)rnd_input_elements(in) * sizeof(double);
    buf_append(out, &in->seen, 8);
    buf_append(out, in->mean, n);
    buf_append(out, in->m2, n);
}

size_t rnd_input_bytes(const struct rnd_input *in)
{
    return (1 + 2 * (size_t)rnd_input_elements(in)) * sizeof(double);
}

bool rnd_input_load(struct rnd_input *in, const char *p)
{
    size_t n = (size_t)rnd_input_elements(in) * sizeof(double);
    for (size_t at = 0; at < rnd_input_bytes(in); at += 8) {
        double number;
        memcpy(&number, p + at, 8);
        bool of_mean = at >= 8 && at < 8 + n;
        if (!isfinite(number) || (!of_mean && number < 0))
            return false;
    }
    memcpy(&in->seen, p, 8);
    memcpy(in->mean, p + 8, n);
    memcpy(in->m2, p + 8 + n, n);
    update_whitening(in);
    return true;
}
