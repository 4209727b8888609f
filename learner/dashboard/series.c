/* SPDX-License-Identifier: MIT */
/* series.c - see series.h. */
#include "learner/dashboard/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

enum { SERIES_DIGITS = 6 };

struct tag {
    char name[NUMBERS_NAME_MAX];
    float *value; /* [SERIES_POINTS], NAN = gap */
    double sum;   /* of the point that is being made, over so many pushes */
    int summed;
};

struct series {
    double wall_s[SERIES_POINTS], steps[SERIES_POINTS];
    int count;          /* whole points */
    int pushes, stride; /* of the point that is being made; what makes one */
    struct tag tag[SERIES_TAGS_MAX];
    int tags;
};

struct series *series_create(void)
{
    struct series *s = xcalloc(1, sizeof *s);
    s->stride = 1;
    return s;
}

void series_free(struct series *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->tags; i++)
        free(s->tag[i].value);
    free(s);
}

int series_points(const struct series *s)
{
    return s->count;
}

static struct tag *series_tag(struct series *s, const char *name)
{
    for (int i = 0; i < s->tags; i++)
        if (strcmp(s->tag[i].name, name) == 0)
            return &s->tag[i];
    if (s->tags == SERIES_TAGS_MAX)
        return NULL;
    struct tag *t = &s->tag[s->tags++];
    snprintf(t->name, sizeof t->name, "%s", name);
    t->value = xmalloc(SERIES_POINTS * sizeof *t->value);
    for (int i = 0; i < SERIES_POINTS; i++)
        t->value[i] = NAN;
    return t;
}

static float mean_of(float a, float b)
{
    return isnan(a) ? b : isnan(b) ? a : (a + b) / 2;
}

static void halve(struct series *s)
{
    for (int i = 0; i < SERIES_POINTS / 2; i++) {
        s->wall_s[i] = s->wall_s[2 * i + 1];
        s->steps[i] = s->steps[2 * i + 1];
        for (int k = 0; k < s->tags; k++) {
            float *v = s->tag[k].value;
            v[i] = mean_of(v[2 * i], v[2 * i + 1]);
        }
    }
    s->count = SERIES_POINTS / 2;
    s->stride *= 2;
    for (int k = 0; k < s->tags; k++)
        for (int i = s->count; i < SERIES_POINTS; i++)
            s->tag[k].value[i] = NAN;
}

static void series_forget_sums(struct series *s)
{
    s->pushes = 0;
    for (int k = 0; k < s->tags; k++) {
        s->tag[k].sum = 0;
        s->tag[k].summed = 0;
    }
}

static void series_roll_back(struct series *s, double steps)
{
    int keep = s->count;
    while (keep > 0 && s->steps[keep - 1] > steps)
        keep--;
    if (keep == s->count)
        return;
    for (int k = 0; k < s->tags; k++)
        for (int i = keep; i < s->count; i++)
            s->tag[k].value[i] = NAN;
    s->count = keep;
    series_forget_sums(s);
}

static void close_point(struct series *s, double wall_s, double steps)
{
    s->wall_s[s->count] = wall_s;
    s->steps[s->count] = steps;
    for (int k = 0; k < s->tags; k++)
        s->tag[k].value[s->count] =
            s->tag[k].summed ? (float)(s->tag[k].sum / s->tag[k].summed) : NAN;
    series_forget_sums(s);
    if (++s->count == SERIES_POINTS) /* at once: each point is of as many pushes as the others */
        halve(s);
}

void series_push(struct series *s, double wall_s, const struct numbers *n)
{
    double steps = numbers_get(n, "env_steps");
    if (!isfinite(wall_s))
        return;
    if (!isfinite(steps))
        steps = 0; /* before the first update */
    series_roll_back(s, steps);
    for (int i = 0; i < n->count; i++) {
        struct tag *t = isfinite(n->at[i].value) ? series_tag(s, n->at[i].name) : NULL;
        if (t) {
            t->sum += n->at[i].value;
            t->summed++;
        }
    }
    if (++s->pushes >= s->stride)
        close_point(s, wall_s, steps);
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void put_doubles(const double *v, int n, struct buf *out)
{
    buf_puts(out, "[");
    for (int i = 0; i < n; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_number(out, v[i], 12);
    }
    buf_puts(out, "]");
}

static void series_put_tag(const struct tag *t, int n, bool first, struct buf *out)
{
    buf_puts(out, first ? "" : ",");
    buf_json_string(out, t->name, strlen(t->name));
    buf_puts(out, ":[");
    for (int i = 0; i < n; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_number(out, (double)t->value[i], SERIES_DIGITS);
    }
    buf_puts(out, "]");
}

static bool series_list_has(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = names; *at;) {
        size_t len = strcspn(at, ",");
        if (len == n && memcmp(at, name, n) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

void series_json(const struct series *s, const char *names, struct buf *out)
{
    bool first = true;
    buf_puts(out, "{\"wall_s\":");
    put_doubles(s->wall_s, s->count, out);
    buf_puts(out, ",\"env_steps\":");
    put_doubles(s->steps, s->count, out);
    buf_puts(out, ",\"tags\":{");
    for (int i = 0; i < s->tags; i++)
        if (series_list_has(names, s->tag[i].name)) {
            series_put_tag(&s->tag[i], s->count, first, out);
            first = false;
        }
    buf_puts(out, "}}");
}
