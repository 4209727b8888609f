/* SPDX-License-Identifier: MIT */
/* return_scale.c - see return_scale.h.
 *
 * State, little-endian: f64 mean, variance, count, u64 environments, then per environment u64
 * number, f64 R, in the order in which they were first seen. */
#include "learner/reward/rnd/return_scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"

enum { SCALE_HEAD = 4 * 8, SCALE_ENTRY = 2 * 8 };

struct return_scale {
    double gamma, mean, var, count;
    struct strmap *filter; /* number of an environment -> bits of R */
};

struct return_scale *return_scale_create(double gamma)
{
    struct return_scale *s = xcalloc(1, sizeof *s);
    *s = (struct return_scale){.gamma = gamma, .var = 1, .count = 1e-4};
    s->filter = strmap_create(256);
    return s;
}

void return_scale_free(struct return_scale *s)
{
    if (!s)
        return;
    strmap_free(s->filter);
    free(s);
}

struct return_sums {
    double sum, squares; /* of the returns less the mean so far: nothing cancels */
};

/* One column, in time. */
static void filter_column(struct return_scale *s, const float *r, int n, int C, uint64_t *bits,
                          struct return_sums *sums)
{
    double filtered;
    memcpy(&filtered, bits, sizeof filtered);
    for (int i = 0; i < n; i += C) {
        filtered = s->gamma * filtered + (double)r[i];
        double d = filtered - s->mean;
        sums->sum += d;
        sums->squares += d * d;
    }
    memcpy(bits, &filtered, sizeof filtered);
}

void return_scale_add(struct return_scale *s, const float *r, int n, const uint64_t *environment,
                      int C)
{
    struct return_sums sums = {0};
    ONIC_ASSERT(C >= 1);
    if (n < 1)
        return;
    if (strmap_count(s->filter) + (size_t)C > RETURN_SCALE_ENVIRONMENTS)
        strmap_clear(s->filter);
    for (int c = 0; c < C && c < n; c++) {
        uint64_t *bits = strmap_put(s->filter, &environment[c], sizeof *environment, NULL);
        filter_column(s, r + c, n - c, C, bits, &sums);
    }
    double d = sums.sum / n, total = s->count + n, within = sums.squares - sums.sum * d;
    s->var = (s->var * s->count + (within > 0 ? within : 0) + d * d * s->count * n / total) / total;
    s->mean += d * n / total;
    s->count = total;
}

double return_scale_deviation(const struct return_scale *s)
{
    return sqrt(s->var);
}

void return_scale_save(const struct return_scale *s, struct buf *out)
{
    uint64_t environments = strmap_count(s->filter), bits;
    const char *key;
    size_t len, it = 0;
    buf_append(out, &s->mean, 8);
    buf_append(out, &s->var, 8);
    buf_append(out, &s->count, 8);
    buf_append(out, &environments, 8);
    while (strmap_next(s->filter, &it, &key, &len, &bits)) {
        buf_append(out, key, 8);
        buf_append(out, &bits, 8);
    }
}

size_t return_scale_load(struct return_scale *s, const char *p, size_t len)
{
    double number[3], filtered;
    uint64_t environments;
    if (len < SCALE_HEAD)
        return 0;
    memcpy(number, p, sizeof number);
    memcpy(&environments, p + 24, 8);
    if (environments > RETURN_SCALE_ENVIRONMENTS || environments * SCALE_ENTRY > len - SCALE_HEAD ||
        !isfinite(number[0]) || !isfinite(number[1]) || !isfinite(number[2]) || number[1] < 0 ||
        number[2] <= 0)
        return 0;
    const char *entry = p + SCALE_HEAD;
    for (uint64_t i = 0; i < environments; i++) {
        memcpy(&filtered, entry + i * SCALE_ENTRY + 8, 8);
        if (!isfinite(filtered))
            return 0;
    }
    if (s) {
        s->mean = number[0];
        s->var = number[1];
        s->count = number[2];
        strmap_clear(s->filter);
        for (uint64_t i = 0; i < environments; i++)
            memcpy(strmap_put(s->filter, entry + i * SCALE_ENTRY, 8, NULL),
                   entry + i * SCALE_ENTRY + 8, 8);
    }
    return SCALE_HEAD + environments * SCALE_ENTRY;
}
