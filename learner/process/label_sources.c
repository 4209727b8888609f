/* SPDX-License-Identifier: MIT */
/* label_sources.c - see label_sources.h. */
#include "learner/process/label_sources.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "learner/process/peer_numbers.h"

static const double SOURCE_STANDARD_ERRORS = 4;

static struct label_source *source_named(struct label_sources *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->source[i].name, name) == 0)
            return &s->source[i];
    if (s->n == LABEL_SOURCES_MAX || !peer_name_is_plain(name))
        return NULL;
    struct label_source *new = &s->source[s->n++];
    *new = (struct label_source){0};
    snprintf(new->name, sizeof new->name, "%s", name);
    return new;
}

/* The share of the window above 0.5, and that of what was before it; false while one of them is too
 * small to say anything. */
static bool source_shares(const struct label_source *x, double *before, double *now)
{
    uint64_t earlier = x->judged - (uint64_t)x->nrecent;
    if (x->nrecent < LABEL_SOURCE_WINDOW || earlier < LABEL_SOURCE_WINDOW)
        return false;
    *before = (double)(x->high - (uint64_t)x->high_recent) / (double)earlier;
    *now = (double)x->high_recent / x->nrecent;
    return true;
}

static void source_compare(const struct label_sources *s, struct label_source *x)
{
    double before, now;
    if (x->told || s->alarm <= 0 || !source_shares(x, &before, &now))
        return;
    double both = (double)x->high / (double)x->judged, n = (double)(x->judged) - x->nrecent;
    double chance = sqrt(both * (1 - both) * (1 / n + 1.0 / x->nrecent));
    if (fabs(now - before) <= s->alarm || fabs(now - before) <= SOURCE_STANDARD_ERRORS * chance)
        return;
    x->told = true;
    log_warn(
        "the labels of an annotator are not what they were: is it another model or program, or "
        "does the agent see other things now? `onic labels list` shows them, canaries "
        "(annotator.canary_rate) tell the one from the other, `onic labels distrust` withdraws "
        "them; reward.label_drift is the change that is said, 0 = none",
        kv("annotator", (const char *)x->name), kv("above_half_before", before), kv("now", now),
        kv("of_the_last", x->nrecent));
}

bool label_sources_take(struct label_sources *s, const char *name, double value)
{
    struct label_source *x = source_named(s, name);
    if (!x)
        return false;
    bool high = value > 0.5;
    if (x->nrecent == LABEL_SOURCE_WINDOW)
        x->high_recent -= x->recent[x->at];
    else
        x->nrecent++;
    x->recent[x->at] = high;
    x->at = (x->at + 1) % LABEL_SOURCE_WINDOW;
    x->high_recent += high;
    x->labels++;
    x->judged++;
    x->high += high;
    source_compare(s, x);
    return true;
}

void label_sources_clear(struct label_sources *s)
{
    s->n = 0;
}

void label_sources_report(const struct label_sources *s, struct metrics *m)
{
    char name[64];
    uint64_t all = 0;
    for (int i = 0; i < s->n; i++)
        all += s->source[i].labels;
    for (int i = 0; i < s->n; i++) {
        const struct label_source *x = &s->source[i];
        double before, now;
        snprintf(name, sizeof name, "annot/source/%s", x->name);
        metrics_set(m, name, (double)x->labels);
        snprintf(name, sizeof name, "annot/share/%s", x->name);
        metrics_set(m, name, (double)x->labels / (double)(all ? all : 1));
        if (!source_shares(x, &before, &now))
            continue;
        snprintf(name, sizeof name, "annot/label_drift/%s", x->name);
        metrics_set(m, name, now - before);
    }
}

void label_sources_save(const struct label_sources *s, struct buf *out)
{
    for (int i = 0; i < s->n; i++)
        buf_printf(out, "source %s %llu %llu %llu\n", s->source[i].name,
                   (unsigned long long)s->source[i].labels, (unsigned long long)s->source[i].judged,
                   (unsigned long long)s->source[i].high);
}

bool label_sources_load_line(struct label_sources *s, const char *line)
{
    char name[LABEL_SOURCE_NAME_MAX];
    unsigned long long n[3] = {0};
    int got = sscanf(line, "source %31s %llu %llu %llu", name, &n[0], &n[1], &n[2]);
    struct label_source *x = got >= 2 ? source_named(s, name) : NULL;
    if (!x)
        return got >= 2;
    bool fits = got == 4 && n[1] <= n[0] && n[2] <= n[1];
    x->labels = n[0];
    x->judged = fits ? n[1] : 0;
    x->high = fits ? n[2] : 0;
    return true;
}
