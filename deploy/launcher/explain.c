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

struct known_label {
    uint64_t id;
    double label, confidence;
    bool abstained;
    char annotator[32], goal[64], raw[96];
};

struct explain {
    struct strmap *index; /* caption -> number in labels */
    struct known_label *labels;
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

static int keep_row(void *ctx, const struct label_row *row)
{
    struct explain *x = ctx;
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 256;
        x->labels = xrealloc(x->labels, x->cap * sizeof *x->labels);
    }
    struct known_label *k = &x->labels[x->count];
    *k = (struct known_label){.id = row->id,
                              .label = row->label,
                              .confidence = row->confidence,
                              .abstained = row->state == LABEL_ABSTAINED};
    snprintf(k->annotator, sizeof k->annotator, "%.31s", row->identity.annotator);
    snprintf(k->goal, sizeof k->goal, "%.63s", row->identity.goal);
    snprintf(k->raw, sizeof k->raw, "%.95s", row->raw ? row->raw : "");
    *strmap_put(x->index, row->caption, row->caption_len, NULL) = x->count++;
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
    free(x->labels);
    free(x);
}

void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out)
{
    bool known;
    float score = reward_mix_caption(mix, caption, len, &known);
    const uint64_t *at = strmap_get(x->index, caption, len);
    if (at) {
        const struct known_label *k = &x->labels[*at];
        if (k->abstained)
            buf_printf(out, "no label: %s abstained (%s)\n", k->annotator, k->raw);
        else
            buf_printf(out, "label %g (confidence %.2f) by %s, goal %s, label id %" PRIu64 ": %s\n",
                       k->label, k->confidence, k->annotator, k->goal, k->id, k->raw);
    } else if (known)
        buf_printf(out, "label %g (from the checkpoint; not in the label store)\n", (double)score);
    else
        buf_puts(out, "no label yet: pays nothing\n");
}
