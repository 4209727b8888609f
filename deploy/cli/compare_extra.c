/* SPDX-License-Identifier: MIT */
/* compare_extra.c - see compare_extra.h. */
#include "deploy/cli/compare_extra.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char EVAL[] = "eval/";

static int parse_take(struct compare_extra *e, const char *word, struct onic_err *err)
{
    static const char *const words[] = {
        [COMPARE_TAKE_LAST] = "last", [COMPARE_TAKE_MAX] = "max", [COMPARE_TAKE_MEAN] = "mean"};
    if (e->of_eval)
        return err_set(err, ONIC_ECONFIG,
                       "--columns: %s has one value, the mean of its episodes: leave :%.20s out",
                       e->name, word);
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
        if (strcmp(word, words[i]) == 0) {
            e->take = (enum compare_take)i;
            return ONIC_OK;
        }
    return err_set(err, ONIC_ECONFIG,
                   "--columns: %s: after the colon stands last, max or mean, not '%.20s'", e->name,
                   word);
}

static int parse_one(struct compare_extra *e, const char *text, size_t n, struct onic_err *err)
{
    *e = (struct compare_extra){.take = COMPARE_TAKE_LAST};
    if (n == 0 || n >= sizeof e->metric)
        return err_set(err, ONIC_ECONFIG,
                       "--columns=%.60s: names of metrics, separated by commas, as "
                       "train/kl_divergence:max,eval/score",
                       text);
    snprintf(e->name, sizeof e->name, "%.*s", (int)n, text);
    const char *colon = strchr(e->name, ':');
    size_t bare = colon ? (size_t)(colon - e->name) : n;
    e->of_eval = strncmp(e->name, EVAL, strlen(EVAL)) == 0;
    size_t skip = e->of_eval ? strlen(EVAL) : 0;
    snprintf(e->metric, sizeof e->metric, "%.*s", (int)(bare - skip), e->name + skip);
    return colon ? parse_take(e, colon + 1, err) : ONIC_OK;
}

int compare_extra_parse(const char *list, struct compare_extra out[COMPARE_EXTRAS_MAX], int *n,
                        struct onic_err *err)
{
    int rc = ONIC_OK;
    *n = 0;
    for (const char *p = list;; p++) {
        size_t bytes = strcspn(p, ",");
        if (*n == COMPARE_EXTRAS_MAX)
            return err_set(err, ONIC_ECONFIG, "--columns names more than %d columns",
                           COMPARE_EXTRAS_MAX);
        rc = parse_one(&out[*n], p, bytes, err);
        if (rc)
            return rc;
        *n += 1;
        p += bytes;
        if (!*p)
            return ONIC_OK;
    }
}

double compare_extra_of(const struct compare_extra *e, const struct compare_curve *c, int column)
{
    double largest = (double)NAN, sum = 0;
    int n = 0;
    if (e->take == COMPARE_TAKE_LAST)
        return compare_curve_last(c, column);
    for (int i = 0; i < c->n; i++) {
        double v = compare_at(c, i, column);
        if (isnan(v))
            continue;
        largest = n == 0 ? v : fmax(largest, v);
        sum += v;
        n++;
    }
    return e->take == COMPARE_TAKE_MAX || n == 0 ? largest : sum / n;
}
