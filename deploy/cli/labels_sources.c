/* SPDX-License-Identifier: MIT */
/* labels_sources.c - see labels_sources.h. */
#include "deploy/cli/labels_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "reward_server/store/label_store.h"

enum { SOURCES_SHOWN = 256, SOURCE_MODEL_MAX = 128 };

struct shown_source {
    char origin[LABEL_SOURCE_MAX], model[SOURCE_MODEL_MAX];
    uint64_t labels, high, abstained; /* high: above 0.5 */
};

struct shown_sources {
    struct shown_source source[SOURCES_SHOWN]; /* the last takes what has no place */
    int n;
    uint64_t labels;
};

static struct shown_source *labels_source_of(struct shown_sources *all, const char *origin,
                                             const char *model)
{
    int i = 0;
    while (i < all->n &&
           (strcmp(all->source[i].origin, origin) != 0 || strcmp(all->source[i].model, model) != 0))
        i++;
    if (i < all->n)
        return &all->source[i];
    if (all->n == SOURCES_SHOWN)
        return &all->source[SOURCES_SHOWN - 1];
    bool last = i == SOURCES_SHOWN - 1;
    snprintf(all->source[i].origin, LABEL_SOURCE_MAX, "%s", last ? "others" : origin);
    snprintf(all->source[i].model, SOURCE_MODEL_MAX, "%s", last ? "" : model);
    all->n++;
    return &all->source[i];
}

static int labels_source_count(void *ctx, const struct label_row *row)
{
    struct shown_sources *all = ctx;
    char origin[LABEL_SOURCE_MAX];
    label_origin(row->identity.annotator, row->label.raw, origin);
    struct shown_source *x = labels_source_of(all, origin, row->identity.model);
    if (row->label.state != LABEL_ANSWERED) {
        x->abstained++;
        return 0;
    }
    x->labels++;
    x->high += row->label.value > 0.5;
    all->labels++;
    return 0;
}

static int most_labels_first(const void *a, const void *b)
{
    const struct shown_source *x = a, *y = b;
    return (x->labels < y->labels) - (x->labels > y->labels);
}

int labels_sources(const char *path, struct onic_err *err)
{
    struct shown_sources *all = xcalloc(1, sizeof *all);
    struct label_store *s = NULL;
    int rc = label_store_open(&s, path, LABEL_STORE_READ, err);
    if (!rc)
        rc = label_store_each(s, 0, labels_source_count, all, err);
    if (!rc) {
        qsort(all->source, (size_t)all->n, sizeof *all->source, most_labels_first);
        puts("  labels   share  above half  abstained  annotator   model");
        for (int i = 0; i < all->n; i++) {
            const struct shown_source *x = &all->source[i];
            shown_printf(stdout, "%8llu  %5.1f%%      %5.1f%%   %8llu  %-10s  %s\n",
                         (unsigned long long)x->labels,
                         100.0 * (double)x->labels / (double)(all->labels ? all->labels : 1),
                         100.0 * (double)x->high / (double)(x->labels ? x->labels : 1),
                         (unsigned long long)x->abstained, x->origin, x->model);
        }
        rc = label_store_damage(s, err);
    }
    label_store_close(s);
    free(all);
    return rc;
}
