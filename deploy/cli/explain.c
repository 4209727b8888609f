/* SPDX-License-Identifier: MIT */
/* explain.c - see explain.h. The whole store is read once: a run has some thousand distinct
 * captions. */
#include "deploy/cli/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/base/strmap.h"
#include "common/base/xmalloc.h"
#include "common/run/run_dir.h"
#include "reward_server/store/label_store.h"

static const size_t NONE = SIZE_MAX;

enum { ANY_KIND = QUESTION_KINDS, PATH_MAX_BYTES = 512 };

struct explain {
    struct strmap *index; /* caption -> its newest label in labels */
    struct explain_label *labels;
    size_t count, cap;
};

/* --- reward models --------------------------------------------------------------------------- */

enum explain_basis explain_basis(const struct reward_model_type *type)
{
    const struct reward_model_traits *t = &type->traits;
    if (!t->caption_only)
        return t->reads_observations ? EXPLAIN_OBSERVATION : EXPLAIN_NOTHING;
    return t->wants_labels && !type->train ? EXPLAIN_LABEL : EXPLAIN_MODEL;
}

const char *explain_basis_name(enum explain_basis basis)
{
    static const char *const name[] = {"label", "model", "observation", "nothing"};
    return name[basis];
}

const char *explain_without_language(enum explain_basis basis)
{
    return basis == EXPLAIN_NOTHING ? "pays nothing: no language is involved"
                                    : "pays for what is seen: no language is involved";
}

const char *explain_labels_role(const struct reward_model_type *type, bool labelled)
{
    return !type->traits.wants_labels ? "frozen, it asks for no labels"
           : labelled                 ? "labels only teach it"
                                      : "the caption was not labelled";
}

/* --- the label store ------------------------------------------------------------------------- */

/* The store of a run directory, or of the run that a checkpoint lies in (RUN/checkpoints/FILE). */
static int explain_store_path(const char *run, const char *labels_path, char *out, size_t size,
                              struct onic_err *err)
{
    struct stat st;
    char dir[PATH_MAX_BYTES];
    const char *cut = strstr(run, "/checkpoints/");
    if (stat(run, &st) == 0 && S_ISDIR(st.st_mode))
        snprintf(dir, sizeof dir, "%s", run);
    else
        snprintf(dir, sizeof dir, "%.*s", cut ? (int)(cut - run) : 1, cut ? run : ".");
    return run_dir_labels(dir, labels_path, out, size, err);
}

/* A label of a pair is found under both captions. place: 1 or 2 = the first or second of q. */
static void keep_label(struct explain *x, const struct label_row *row, const struct question *q,
                       int place)
{
    const char *caption = place == 1 ? q->caption : q->caption_b;
    size_t len = place == 1 ? q->len : q->len_b;
    if (x->count == x->cap) {
        x->cap = x->cap ? x->cap * 2 : 256;
        x->labels = xrealloc(x->labels, x->cap * sizeof *x->labels);
    }
    const struct label *l = &row->label;
    struct explain_label *k = &x->labels[x->count];
    *k = (struct explain_label){
        .label = *l, .kind = q->kind, .vote = row->identity.vote, .raw = xstrdup(l->raw)};
    k->label.question = NULL;
    k->label.question_len = 0;
    k->label.raw = k->raw;
    label_origin(row->identity.annotator, l->raw, k->label.source);
    if (q->kind == QUESTION_PAIR) {
        k->place = place;
        k->other_len = place == 1 ? q->len_b : q->len;
        k->other = xmalloc(k->other_len + 1);
        memcpy(k->other, place == 1 ? q->caption_b : q->caption, k->other_len);
        k->other[k->other_len] = '\0';
    }
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
    if (!question_split(row->label.question, row->label.question_len, &q))
        return 0;
    keep_label(x, row, &q, 1);
    if (q.kind == QUESTION_PAIR)
        keep_label(x, row, &q, 2);
    return 0;
}

struct explain *explain_open(const char *run_or_checkpoint, const char *labels_path)
{
    struct explain *x = xcalloc(1, sizeof *x);
    x->index = strmap_create(256);
    char path[4096];
    struct label_store *store = NULL;
    struct onic_err err = {0};
    int rc = explain_store_path(run_or_checkpoint, labels_path, path, sizeof path, &err);
    if (!rc)
        rc = label_store_open(&store, path, LABEL_STORE_READ, &err);
    if (!rc)
        rc = label_store_each(store, 0, keep_row, x, &err);
    if (!rc && label_store_damage(store, &err) != ONIC_OK)
        log_say(LOG_WARN, "onic", "%s", err.msg);
    label_store_close(store);
    if (rc && rc != ONIC_ENOTFOUND) /* a run without language has none */
        log_say(LOG_WARN, "onic", "labels cannot be shown: %s", err.msg);
    return x;
}

void explain_close(struct explain *x)
{
    if (!x)
        return;
    strmap_free(x->index);
    for (size_t i = 0; i < x->count; i++) {
        free(x->labels[i].raw);
        free(x->labels[i].other);
    }
    free(x->labels);
    free(x);
}

const struct explain_label *explain_find(const struct explain *x,
                                         const struct reward_model_type *type, const char *caption,
                                         size_t len, const char *goal_version, int *count)
{
    const struct explain_label *answer = NULL, *abstention = NULL;
    const uint64_t *newest = strmap_get(x->index, caption, len);
    int kind = type->traits.wants_labels ? (int)type->traits.asks : ANY_KIND, answers = 0;
    for (size_t i = newest ? (size_t)*newest : NONE; i != NONE; i = x->labels[i].older) {
        const struct explain_label *k = &x->labels[i];
        if ((kind != ANY_KIND && (int)k->kind != kind) ||
            (goal_version[0] && strcmp(k->goal_version, goal_version) != 0))
            continue;
        answers += k->label.state == LABEL_ANSWERED;
        if (k->label.state != LABEL_ANSWERED && !abstention)
            abstention = k;
        else if (k->label.state == LABEL_ANSWERED && !answer)
            answer = k;
    }
    if (count)
        *count = answers;
    return answer ? answer : abstention;
}

const char *explain_side(const struct explain_label *k)
{
    if (k->kind != QUESTION_PAIR || k->label.state != LABEL_ANSWERED)
        return NULL;
    if (k->label.value != 0 && k->label.value != 1)
        return "tie";
    return (k->label.value == 0) == (k->place == 1) ? "won" : "lost";
}

void explain_pair_json(const struct explain_label *k, struct buf *out)
{
    const char *side = explain_side(k);
    if (k->kind != QUESTION_PAIR)
        return;
    buf_puts(out, ",\"other\":");
    buf_json_string(out, k->other, k->other_len);
    buf_printf(out, ",\"place\":%d,\"side\":", k->place);
    if (side)
        buf_json_string(out, side, strlen(side));
    else
        buf_puts(out, "null");
}

/* --- one line -------------------------------------------------------------------------------- */

static void put_pair(const struct explain_label *k, int count, struct buf *out)
{
    const char *side = explain_side(k);
    buf_printf(out, "%s %s ", side, strcmp(side, "tie") == 0 ? "with" : "against");
    buf_json_string(out, k->other, k->other_len);
    buf_printf(out, ", the newest of %d such label%s,", count, count == 1 ? "" : "s");
}

static void put_label(const struct explain_label *k, int count, struct buf *out)
{
    if (k->label.state != LABEL_ANSWERED) {
        buf_printf(out, "no label: %s abstained (%.95s)\n", k->label.source, k->label.raw);
        return;
    }
    if (k->kind == QUESTION_PAIR)
        put_pair(k, count, out);
    else
        buf_printf(out, "label %g (confidence %.2f)", k->label.value, k->label.confidence);
    buf_printf(out, " by %s, goal %s, label id %" PRIu64 ": %.95s\n", k->label.source, k->goal,
               k->label.id, k->label.raw);
}

void explain_caption(struct explain *x, struct reward_mix *mix, const char *caption, size_t len,
                     struct buf *out)
{
    bool known;
    int count;
    const struct reward_model_type *type = reward_mix_type(mix);
    enum explain_basis basis = explain_basis(type);
    if (!type->traits.caption_only) {
        buf_printf(out, "reward model %s %s\n", type->name, explain_without_language(basis));
        return;
    }
    if (!len) {
        buf_puts(out, "\n");
        return;
    }
    float score = reward_mix_caption(mix, caption, len, &known);
    const struct explain_label *k = explain_find(x, type, caption, len, "", &count);
    if (basis == EXPLAIN_MODEL)
        buf_printf(out, "score %.4g decided by reward model %s; ", (double)score, type->name);
    if (k)
        put_label(k, count, out);
    else if (basis == EXPLAIN_MODEL)
        buf_printf(out, "%s\n",
                   known ? "its label is not in the label store"
                         : explain_labels_role(type, false));
    else if (known)
        buf_printf(out, "label %g (from the checkpoint; not in the label store)\n", (double)score);
    else
        buf_puts(out, "no label yet: pays nothing\n");
}
