/* SPDX-License-Identifier: MIT */
/* labels_top.c - see labels_top.h. The learner's account of what it paid lies in its checkpoints,
 * so the answer is as old as the newest one, and so are the scores of the reward model beside it;
 * who gave the label is read from the label store. */
#include "deploy/cli/labels_top.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "deploy/cli/explain.h"
#include "learner/reward/caption_totals.h"
#include "learner/reward/mix.h"

enum { TEXT_MAX = 1 << 24 };

struct table {
    struct caption_totals *paid;
    struct caption_total *top; /* [n] */
    int n;
    const struct reward_model_type *type;
    struct reward_mix *mix; /* NULL where the model reads no captions, or cannot be read itself */
    const struct explain *labels;
};

/* What is said of one caption. */
struct reason {
    const struct explain_label *label; /* NULL = none */
    int count;                         /* labels of this caption */
    double score;                      /* NAN = unknown */
    int labelled;                      /* for the model: 1 yes, 0 no, -1 unknown */
};

static int read_paid(const struct checkpoint_file *f, struct caption_totals *p,
                     struct onic_err *err)
{
    const void *data;
    size_t len;
    if (!checkpoint_find(f, "paid"))
        return err_set(err, ONIC_ENOTFOUND,
                       "%s was written by an older onic, which kept no account of what captions "
                       "were paid; resume the run with this one",
                       checkpoint_path(f));
    int rc = checkpoint_get_bytes(f, "paid", &data, &len, err);
    return rc ? rc : caption_totals_load(p, data, len, err);
}

/* --- the table ------------------------------------------------------------------------------- */

static struct reason reason_of(const struct table *t, const struct caption_total *e)
{
    struct reason r = {.score = (double)NAN, .labelled = -1};
    bool known;
    if (!t->type->traits.caption_only)
        return r;
    r.label = explain_find(t->labels, t->type, e->caption, e->len, "", &r.count);
    if (t->mix) {
        r.score = (double)reward_mix_caption(t->mix, e->caption, e->len, &known);
        r.labelled = known;
    }
    return r;
}

/* "1", or how a caption fared in its newest pair; "none" = abstained, "-" = never asked. */
static void put_label_cell(const struct reason *r, struct buf *out)
{
    char label[32] = "-";
    if (r->label && r->label->label.state != LABEL_ANSWERED)
        snprintf(label, sizeof label, "none");
    else if (r->label && explain_side(r->label))
        snprintf(label, sizeof label, "%s", explain_side(r->label));
    else if (r->label)
        snprintf(label, sizeof label, "%g", r->label->label.value);
    buf_printf(out, "%5s  %6d  %-10s ", label, r->count, r->label ? r->label->label.source : "-");
}

static void put_entry_text(const struct caption_total *e, const struct reason *r, struct buf *out)
{
    char score[32] = "-";
    if (isfinite(r->score))
        snprintf(score, sizeof score, "%.4g", r->score);
    buf_printf(out, "%12.4g  %10llu  %7s  ", e->sum, (unsigned long long)e->steps, score);
    put_label_cell(r, out);
    buf_json_string(out, e->caption, e->len);
    buf_puts(out, "\n");
}

static void labels_top_put_label_json(const struct reason *r, struct buf *out)
{
    const struct explain_label *l = r->label;
    buf_json_number(out, l->label.state == LABEL_ANSWERED ? l->label.value : (double)NAN, 9);
    buf_json_key_number(out, "confidence",
                        l->label.state == LABEL_ANSWERED ? l->label.confidence : (double)NAN);
    buf_printf(out, ",\"id\":%llu", (unsigned long long)l->label.id);
    buf_json_key_text(out, "annotator", l->label.source);
    buf_json_key_text(out, "goal", l->goal);
    buf_json_key_text(out, "prompt_version", l->goal_version);
    buf_json_key_text(out, "raw", l->label.raw);
    buf_json_key_text(out, "kind", question_kind_name(l->kind));
    buf_printf(out, ",\"count\":%d", r->count);
    explain_pair_json(l, out);
}

static void put_entry_json(const struct caption_total *e, const struct reason *r, struct buf *out)
{
    buf_puts(out, "{\"caption\":");
    buf_json_string(out, e->caption, e->len);
    buf_json_key_number(out, "paid", e->sum);
    buf_printf(out, ",\"steps\":%llu,\"score\":", (unsigned long long)e->steps);
    buf_json_number(out, r->score, 9);
    buf_printf(out, ",\"labelled\":%s,\"label\":",
               r->labelled < 0 ? "null"
               : r->labelled   ? "true"
                               : "false");
    if (r->label)
        labels_top_put_label_json(r, out);
    else
        buf_puts(out, "null");
    buf_puts(out, "}");
}

static void labels_top_put_json(const struct table *t, struct buf *out)
{
    buf_puts(out, "{\"total\":");
    buf_json_number(out, caption_totals_total(t->paid), 9);
    buf_json_key_number(out, "missing_at_most", caption_totals_missing(t->paid));
    buf_json_key_text(out, "reward_model", t->type->name);
    buf_json_key_text(out, "decided_by", explain_basis_name(explain_basis(t->type)));
    buf_puts(out, ",\"captions\":[");
    for (int i = 0; i < t->n; i++) {
        struct reason r = reason_of(t, &t->top[i]);
        buf_puts(out, i ? "," : "");
        put_entry_json(&t->top[i], &r, out);
    }
    buf_puts(out, "]}\n");
}

static void labels_top_put_text(const struct table *t, struct buf *out)
{
    enum explain_basis basis = explain_basis(t->type);
    buf_puts(out, "        paid       steps    score  label  labels  annotator  caption\n");
    for (int i = 0; i < t->n; i++) {
        struct reason r = reason_of(t, &t->top[i]);
        put_entry_text(&t->top[i], &r, out);
    }
    buf_printf(out, "%12.4g  in total, coefficient included", caption_totals_total(t->paid));
    if (caption_totals_missing(t->paid) > 0)
        buf_printf(out, "; each sum may be short by up to %.4g", caption_totals_missing(t->paid));
    if (basis == EXPLAIN_MODEL)
        buf_printf(out, "\nreward model %s, trained, decides for every caption, labelled or not",
                   t->type->name);
    else if (basis != EXPLAIN_LABEL)
        buf_printf(out, "\nreward model %s %s", t->type->name, explain_without_language(basis));
    buf_puts(out, "\n");
}

static void labels_top_print(const struct table *t, bool json)
{
    struct buf out;
    buf_init(&out, TEXT_MAX);
    (json ? labels_top_put_json : labels_top_put_text)(t, &out);
    shown_write(stdout, out.data, out.len);
    buf_release(&out);
}

int labels_top(const struct labels_top *p, struct onic_err *err)
{
    struct table t = {.paid = caption_totals_create(),
                      .top = xcalloc((size_t)p->n, sizeof *t.top),
                      .type = p->type,
                      .mix = p->mix,
                      .labels = p->labels};
    int rc = read_paid(p->from, t.paid, err);
    if (!rc) {
        t.n = caption_totals_top(t.paid, t.top, p->n);
        labels_top_print(&t, p->json);
    }
    caption_totals_free(t.paid);
    free(t.top);
    return rc;
}
