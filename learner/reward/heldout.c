/* SPDX-License-Identifier: MIT */
/* heldout.c - see heldout.h. The AUC is the rank statistic: the share of (positive, negative) pairs
 * in which the positive has the higher p. */
#include "learner/reward/heldout.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "common/base/xmalloc.h"

enum { BINS = 10 };
static const XXH64_hash_t SPLIT = 0x68656c646f7574; /* another hash than any table's */

bool heldout_caption(const char *caption, size_t len, double share)
{
    return (double)(XXH3_64bits_withSeed(caption, len, SPLIT) >> 11) * 0x1p-53 < share;
}

struct prediction {
    float p;
    unsigned char label;
};

static int by_p(const void *x, const void *y)
{
    const struct prediction *a = x, *b = y;
    return (a->p > b->p) - (a->p < b->p);
}

/* s [n] sorted by p. */
static double area(const struct prediction *s, int n)
{
    double below = 0, won = 0, positives = 0;
    for (int i = 0; i < n;) {
        double pos = 0, neg = 0;
        int j = i;
        for (; j < n && s[j].p == s[i].p; j++) {
            pos += s[j].label;
            neg += !s[j].label;
        }
        won += pos * (below + 0.5 * neg);
        below += neg;
        positives += pos;
        i = j;
    }
    return positives > 0 && below > 0 ? won / (positives * below) : (double)NAN;
}

static double calibration_error(const struct prediction *s, int n)
{
    double sum = 0;
    for (int b = 0, i = 0; b < BINS; b++) {
        double p = 0, label = 0;
        for (; i < n && (b == BINS - 1 || s[i].p < (float)(b + 1) / BINS); i++) {
            p += (double)s[i].p;
            label += s[i].label;
        }
        sum += fabs(p - label);
    }
    return sum / n;
}

struct heldout_measure heldout_measure(const float *p, const unsigned char *label, int n)
{
    struct heldout_measure m = {n, (double)NAN, (double)NAN, (double)NAN};
    if (n <= 0)
        return m;
    struct prediction *s = xcalloc((size_t)n, sizeof *s);
    int right = 0;
    for (int i = 0; i < n; i++) {
        s[i] = (struct prediction){p[i], label[i] != 0};
        right += (p[i] > 0.5f) == s[i].label;
    }
    qsort(s, (size_t)n, sizeof *s, by_p);
    m.accuracy = (double)right / n;
    m.auc = area(s, n);
    m.ece = calibration_error(s, n);
    free(s);
    return m;
}

void heldout_report(const struct heldout_measure *m,
                    void (*put)(void *ctx, const char *name, double value), void *ctx)
{
    put(ctx, "reward_model/heldout_accuracy", m->accuracy);
    put(ctx, "reward_model/heldout_auc", m->auc);
    put(ctx, "reward_model/heldout_ece", m->ece);
}
