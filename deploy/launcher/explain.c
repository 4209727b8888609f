/* SPDX-License-Identifier: MIT */
/* explain.c - see explain.h. The whole store is read once: a run has some thousand distinct
 * captions. */
#include "deploy/launcher/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "reward_server/label_store.h"

static const size_t NONE = SIZE_MAX;

struct explain {
    struct strmap *index; /* caption -> its newest label in labels */
    struct explain_label *labels;
    size_t count, cap;
};

/* The store of a run directory, or of the run that a checkpoint lies in (RUN/checkpoints/FILE). */
static void store_path(const char *run, const struct config *cfg, char *out, size_t size)
{
    struct stat st;
    if (cfg->labels_path[0])
        snprintf(out, size, "%s", cfg->labels_path);
    else if (stat(run, &st) == 0 && S_ISDIR(st.st_mode))
        snprintf(out, size, "%s/labels.sqlite", run);
    else {
        const char *cut = strstr(run, "/checkpoints/");
        int n = cut ? (int)(cut - run) : 1;
        snprintf(out, size, "%.*s/labels.sqlite", n, cut ? run : ".");
    }
}

/* A label of a pair is found under both captions. */
static void keep_label(struct explain *x, const struct label_row *row, const char *caption,
                       size_t len)
{
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 256;
        x->labels = xrealloc(x->labels, x->cap * sizeof *x->labels);
    }
    struct explain_label *k = &x->labels[x->count];
    *k = (struct explain_label){.id = row->id,
                                .label = row->label,
                                .confidence = row->confidence,
                                .abstained = row->state == LABEL_ABSTAINED,
                                .vote = row->identity.vote,
                                .asked_at = row->asked_at,
                                .answered_at = row->answered_at,
                                .raw = xstrdup(row->raw ? row->raw : "")};
    label_origin(row->identity.annotator, row->raw ? row->raw : "", k->annotator);
    snprintf(k->order, sizeof k->order, "%.127s",
             strchr(row->identity.annotator, '>') ? row->identity.annotator : "");
    snprintf(k->model, sizeof k->model, "%.63s", row->identity.model);
    snprintf(k->goal, sizeof k->goal, "%.63s", row->identity.goal);
    snprintf(k->goal_version, sizeof k->goal_version, "%.39s", row->identity.goal_version);
    snprintf(k->parameters, sizeof k->parameters, "%.127s", row->identity.parameters);
    bool inserted;
    uint64_t *newest = strmap_put(x->index, caption, len, &inserted);
    k->older = inserted ? NONE : (size_t)*newest;
    *newest = x->count++;
}

static int keep_row(void *ctx, const struct label_row *row)
{
    struct explain *x = ctx;
    struct question q;
    if (!question_split(row->caption, row->caption_len, &q))
        return 0;
    keep_label(x, row, q.caption, q.len);
    if (q.kind == QUESTION_PAIR)
        keep_label(x, row, q.caption_b, q.len_b);
    return 0;
}

struct explain *explain_open(const char *run_or_checkpoint, const struct config *cfg)
{
    struct explain *x = xcalloc(1, sizeof *x);
    x->index = strmap_create(256);
    char path[4096];
    store_path(run_or_checkpoint, cfg, path, sizeof path);
    struct label_store *store = NULL;
    if (label_store_open(&store, path, LABEL_STORE_READ, NULL) == ONIC_OK)
        label_store_each(store, 0, keep_row, x, NULL);
    label_store_close(store);
    return x;
}

void explain_close(struct explain *x)
{
    if (!x)
        return;
    strmap_free(x->index);
    for (size_t i = 0; i < x->count; i++)
        free(x->labels[i].raw);
    free(x->labels);
    free(x);
}

const struct explain_label *explain_find(const struct explain *x, const char *caption, size_t len,
                                         const char *goal_version)
{
    const uint64_t *newest = strmap_get(x->index, caption, len);
    for (size_t i = newest ? (size_t)*newest : NONE; i != NONE; i = x->labels[i].older)
        if (!goal_version[0] || strcmp(x->labels[i].goal_version, goal_version) == 0)
            return &x->labels[i];
    return NULL;
}

void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out)
{
    bool known;
    float score = reward_mix_caption(mix, caption, len, &known);
    const struct explain_label *k = explain_find(x, caption, len, "");
    if (k && k->abstained)
        buf_printf(out, "no label: %s abstained (%.95s)\n", k->annotator, k->raw);
    else if (k)
        buf_printf(out, "label %g (confidence %.2f) by %s, goal %s, label id %" PRIu64 ": %.95s\n",
                   k->label, k->confidence, k->annotator, k->goal, k->id, k->raw);
    else if (known)
        buf_printf(out, "label %g (from the checkpoint; not in the label store)\n", (double)score);
    else
        buf_puts(out, "no label yet: pays nothing\n");
}
