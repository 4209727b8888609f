/* SPDX-License-Identifier: MIT */
/* motif_file.c - see motif_file.h. */
#include "learner/reward/motif/motif_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file_kind.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"

enum { NUMBER_MAX = 40 };

void motif_reward_release(struct motif_reward *r)
{
    free(r->weights);
    r->weights = NULL;
}

float motif_quantile(const struct motif_reward *r, double q)
{
    int i = (int)lround(q / 0.05) - 1;
    return r->quantile[i < 0 ? 0 : i >= MOTIF_QUANTILES ? MOTIF_QUANTILES - 1 : i];
}

int motif_file_write(const char *path, const struct motif_reward *r, struct onic_err *err)
{
    char number[NUMBER_MAX], labels[MOTIF_TEXT_MAX];
    struct checkpoint *c = checkpoint_create();
    checkpoint_add_f32(c, "weights", 1, (int)r->floats, r->weights);
    checkpoint_add_f32(c, "quantiles", 1, MOTIF_QUANTILES, r->quantile);
    checkpoint_add_meta(c, "kind", "motif reward");
    snprintf(number, sizeof number, "%.17g", r->mean);
    checkpoint_add_meta(c, "mean", number);
    snprintf(number, sizeof number, "%.17g", r->var);
    checkpoint_add_meta(c, "var", number);
    snprintf(number, sizeof number, "%.17g", r->holdout);
    checkpoint_add_meta(c, "holdout", number);
    snprintf(labels, sizeof labels, "%s", r->labels);
    for (char *p = labels; *p; p++)
        if (*p < 32 || *p > 126)
            *p = '?';
    checkpoint_add_meta(c, "labels", labels);
    int rc = checkpoint_write(c, path, err);
    checkpoint_free(c);
    return rc;
}

static bool motif_file_number_of(const struct checkpoint_file *f, const char *key, double *out)
{
    const char *text = checkpoint_meta(f, key);
    char *end = NULL;
    *out = text ? strtod(text, &end) : 0;
    return text && end != text && !*end && isfinite(*out);
}

int motif_file_read(const char *path, struct motif_reward *r, struct onic_err *err)
{
    struct checkpoint_file *f = NULL;
    if (access(path, R_OK) != 0 && errno == EACCES)
        return file_unreadable(path, EACCES, err);
    if (access(path, R_OK) != 0)
        return err_set(err, ONIC_ENOTFOUND,
                       "reward.file: %s cannot be read (%s); `onic reward train DATA` writes one",
                       path, strerror(errno));
    int rc = checkpoint_open(&f, path, err);
    if (rc)
        return err_wrap(err, "%s is no reward of `onic reward train`", path);
    r->weights = xaligned(r->floats * sizeof(float));
    rc = checkpoint_get_f32(f, "weights", 1, (int)r->floats, r->weights, err);
    if (!rc)
        rc = checkpoint_get_f32(f, "quantiles", 1, MOTIF_QUANTILES, r->quantile, err);
    if (!rc &&
        !(motif_file_number_of(f, "mean", &r->mean) && motif_file_number_of(f, "var", &r->var) &&
          r->var >= 0 && motif_file_number_of(f, "holdout", &r->holdout)))
        rc = err_set(err, ONIC_EDAMAGED, "it has no mean and variance of its rewards");
    for (size_t i = 0; !rc && i < r->floats; i++)
        if (!isfinite(r->weights[i]))
            rc = err_set(err, ONIC_EDAMAGED, "a weight is not finite");
    const char *labels = checkpoint_meta(f, "labels");
    snprintf(r->labels, sizeof r->labels, "%s", labels ? labels : "");
    checkpoint_close(f);
    if (rc)
        motif_reward_release(r);
    return rc ? err_wrap(err, "%s is no reward of `onic reward train`", path) : rc;
}
