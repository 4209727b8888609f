/* SPDX-License-Identifier: MIT */
/* shaping.c - the stages, one table row and one loop each; see shaping.h. To add one: a function
 * and a row. */
#include "learner/reward/shaping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xmalloc.h"

struct shaping_stage_type {
    const char *name;
    void (*apply)(const struct shaping *s, float value, float *x, const uint16_t *count, int n);
    bool keeps_zero;   /* f(0) = 0: a caption without a label, or no caption, is never paid */
    bool needs_counts; /* uses the episodic count of the caption */
    bool last;         /* nothing may follow: a later non-linear stage would undo it */
};

static void threshold(const struct shaping *s, float value, float *x, const uint16_t *count, int n)
{
    (void)s;
    (void)count;
    for (int i = 0; i < n; i++)
        x[i] = x[i] >= value ? 1.0f : 0.0f;
}

static void squash(const struct shaping *s, float value, float *x, const uint16_t *count, int n)
{
    (void)s;
    (void)count;
    for (int i = 0; i < n; i++)
        x[i] = x[i] == 0.0f ? 0.0f : tanhf(x[i] / value);
}

static void shaping_clip(const struct shaping *s, float value, float *x, const uint16_t *count,
                         int n)
{
    (void)s;
    (void)count;
    for (int i = 0; i < n; i++)
        x[i] = fminf(fmaxf(x[i], -value), value);
}

static void shaping_scale(const struct shaping *s, float value, float *x, const uint16_t *count,
                          int n)
{
    (void)s;
    (void)count;
    for (int i = 0; i < n; i++)
        x[i] *= value;
}

static void count_factor(const struct shaping *s, float value, float *x, const uint16_t *count,
                         int n)
{
    for (int i = 0; i < n; i++)
        x[i] *= count[i] < SHAPING_COUNTS ? s->factor[count[i]] : powf((float)count[i], -value);
}

static const struct shaping_stage_type STAGES[] = {
    {"threshold", threshold, .keeps_zero = true},
    {"squash", squash, .keeps_zero = true},
    {"clip", shaping_clip, .keeps_zero = true},
    {"scale", shaping_scale, .keeps_zero = true},
    {"count", count_factor, .keeps_zero = true, .needs_counts = true, .last = true},
};
enum { NSTAGES = sizeof STAGES / sizeof *STAGES };

static const struct shaping_stage_type *shaping_find(const char *name)
{
    for (int i = 0; i < NSTAGES; i++)
        if (strcmp(STAGES[i].name, name) == 0)
            return &STAGES[i];
    return NULL;
}

/* Checks a stage against the model and the stages before it, then appends it. */
static int shaping_add(struct shaping *s, const char *name, float value,
                       const struct reward_model_type *model, struct onic_err *err)
{
    const struct shaping_stage_type *type = shaping_find(name);
    if (!type)
        return err_set(
            err, ONIC_ECONFIG,
            "reward.shaping names \"%.32s\", must be made of threshold, squash, clip, scale, count",
            name);
    if (!isfinite(value) || value <= 0)
        return err_set(err, ONIC_ECONFIG, "reward.shaping: %s needs a value above 0, as in %s:1",
                       name, name);
    if (type->needs_counts && !model->traits.caption_only)
        return err_set(
            err, ONIC_ECONFIG,
            "reward.shaping: %s needs a reward model that scores captions alone, %s does not", name,
            model->name);
    if (s->n && s->stage[s->n - 1].type->last)
        return err_set(err, ONIC_ECONFIG, "reward.shaping: nothing may follow %s",
                       s->stage[s->n - 1].type->name);
    if (s->n == SHAPING_STAGES_MAX)
        return err_set(err, ONIC_ECONFIG, "reward.shaping has more than %d stages",
                       SHAPING_STAGES_MAX);
    ONIC_ASSERT(type->keeps_zero);
    s->stage[s->n].type = type;
    s->stage[s->n++].value = value;
    if (type->needs_counts)
        for (int i = 1; i < SHAPING_COUNTS; i++)
            s->factor[i] = (float)pow((double)i, -(double)value);
    return ONIC_OK;
}

static float default_value(const char *name, const struct shaping_values *values)
{
    if (strcmp(name, "clip") == 0)
        return values->clip;
    return strcmp(name, "count") == 0 ? values->count : 0.0f;
}

/* One "name" or "name:value". */
static int add_text(struct shaping *s, char *item, const struct shaping_values *values,
                    const struct reward_model_type *model, struct onic_err *err)
{
    char *colon = strchr(item, ':');
    if (!colon)
        return shaping_add(s, item, default_value(item, values), model, err);
    *colon = '\0';
    char *end;
    float value = strtof(colon + 1, &end);
    return shaping_add(s, item, *end || end == colon + 1 ? NAN : value, model, err);
}

static void shaping_describe(struct shaping *s)
{
    size_t len = 0;
    snprintf(s->text, sizeof s->text, "as it is");
    for (int i = 0; i < s->n && len < sizeof s->text; i++)
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "%s%s(%g)", i ? " " : "",
                                s->stage[i].type->name, (double)s->stage[i].value);
}

int shaping_parse(struct shaping *s, const char *text, const struct shaping_values *values,
                  const struct reward_model_type *model, struct onic_err *err)
{
    int rc = ONIC_OK;
    memset(s, 0, sizeof *s);
    if (strcmp(text, "auto") == 0) {
        if (values->clip > 0)
            rc = shaping_add(s, "clip", values->clip, model, err);
        if (!rc && values->count > 0 && model->traits.caption_only)
            rc = shaping_add(s, "count", values->count, model, err);
    } else {
        char *copy = xstrdup(text), *item = copy;
        while (!rc && item) {
            char *comma = strchr(item, ',');
            if (comma)
                *comma = '\0';
            rc = add_text(s, item, values, model, err);
            item = comma ? comma + 1 : NULL;
        }
        free(copy);
    }
    shaping_describe(s);
    return rc;
}

void shaping_apply(const struct shaping *s, float *x, const uint16_t *count, int n)
{
    for (int i = 0; i < s->n; i++)
        s->stage[i].type->apply(s, s->stage[i].value, x, count, n);
}
