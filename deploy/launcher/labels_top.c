/* SPDX-License-Identifier: MIT */
/* labels_top.c - see labels_top.h. The learner's account of what it paid lies in its checkpoints,
 * so the answer is as old as the newest one; who gave the label is read from the label store. */
#include "deploy/launcher/labels_top.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/xmalloc.h"
#include "common/checkpoint/checkpoint.h"
#include "common/config/overlay.h"
#include "deploy/launcher/explain.h"
#include "learner/reward/paid.h"

enum { TEXT_MAX = 1 << 24, REPORT_MAX = 1 << 16 };

static int open_checkpoint(struct checkpoint_file **out, const char *run, struct onic_err *err)
{
    struct stat st;
    if (stat(run, &st) != 0)
        return err_set(err, ONIC_ENOTFOUND, "there is no run %s", run);
    if (!S_ISDIR(st.st_mode))
        return checkpoint_open(out, run, err);
    char dir[CHECKPOINT_PATH_MAX];
    struct buf report;
    snprintf(dir, sizeof dir, "%s/checkpoints", run);
    buf_init(&report, REPORT_MAX);
    int rc = checkpoint_newest_valid(out, dir, &report, err);
    if (report.len)
        fprintf(stderr, "onic labels: skipped damaged checkpoints:\n%s", report.data);
    buf_release(&report);
    return rc ? (err_wrap(err, "nothing is known of what %s paid", run), rc) : rc;
}

static int read_paid(const struct checkpoint_file *f, struct paid *p, struct onic_err *err)
{
    const void *data;
    size_t len;
    if (!checkpoint_find(f, "paid"))
        return err_set(err, ONIC_ENOTFOUND,
                       "%s was written by an older onic, which kept no account of what captions "
                       "were paid; resume the run with this one",
                       checkpoint_path(f));
    int rc = checkpoint_get_bytes(f, "paid", &data, &len, err);
    return rc ? rc : paid_load(p, data, len, err);
}

static int read_config(const struct checkpoint_file *f, const struct config *given,
                       struct config *out, struct onic_err *err)
{
    const void *text;
    size_t len;
    config_defaults(out);
    int rc = checkpoint_get_bytes(f, "config", &text, &len, err);
    if (!rc)
        rc = config_read_stored(out, text, len, checkpoint_path(f), err);
    return rc ? rc : config_overlay(out, given, err);
}

static void put_entry_text(const struct paid_entry *e, const struct explain_label *l,
                           struct buf *out)
{
    char label[32] = "-";
    if (l)
        snprintf(label, sizeof label, l->abstained ? "none" : "%g", l->label);
    buf_printf(out, "%12.4g  %10llu  %5s  %-10s ", e->sum, (unsigned long long)e->steps, label,
               l ? l->annotator : "-");
    buf_json_string(out, e->caption, e->len);
    buf_puts(out, "\n");
}

static void put_entry_json(const struct paid_entry *e, const struct explain_label *l,
                           struct buf *out)
{
    buf_puts(out, "{\"caption\":");
    buf_json_string(out, e->caption, e->len);
    buf_puts(out, ",\"paid\":");
    buf_json_number(out, e->sum, 9);
    buf_printf(out, ",\"steps\":%llu,\"label\":", (unsigned long long)e->steps);
    if (!l) {
        buf_puts(out, "null}");
        return;
    }
    buf_json_number(out, l->abstained ? (double)NAN : l->label, 9);
    buf_puts(out, ",\"confidence\":");
    buf_json_number(out, l->abstained ? (double)NAN : l->confidence, 9);
    buf_printf(out, ",\"id\":%llu,\"annotator\":", (unsigned long long)l->id);
    buf_json_string(out, l->annotator, strlen(l->annotator));
    buf_puts(out, ",\"goal\":");
    buf_json_string(out, l->goal, strlen(l->goal));
    buf_puts(out, ",\"prompt_version\":");
    buf_json_string(out, l->goal_version, strlen(l->goal_version));
    buf_puts(out, "}");
}

static void put_json(const struct paid *p, const struct paid_entry *top, int n,
                     const struct explain *x, struct buf *out)
{
    buf_puts(out, "{\"total\":");
    buf_json_number(out, paid_total(p), 9);
    buf_puts(out, ",\"missing_at_most\":");
    buf_json_number(out, paid_missing(p), 9);
    buf_puts(out, ",\"captions\":[");
    for (int i = 0; i < n; i++) {
        buf_puts(out, i ? "," : "");
        put_entry_json(&top[i], explain_find(x, top[i].caption, top[i].len, ""), out);
    }
    buf_puts(out, "]}\n");
}

static void put_text(const struct paid *p, const struct paid_entry *top, int n,
                     const struct explain *x, struct buf *out)
{
    buf_puts(out, "        paid       steps  label  annotator  caption\n");
    for (int i = 0; i < n; i++)
        put_entry_text(&top[i], explain_find(x, top[i].caption, top[i].len, ""), out);
    buf_printf(out, "%12.4g  in total, coefficient included", paid_total(p));
    if (paid_missing(p) > 0)
        buf_printf(out, "; each sum may be short by up to %.4g", paid_missing(p));
    buf_puts(out, "\n");
}

int labels_top(const char *run, const struct config *given, int n, bool json, struct onic_err *err)
{
    struct checkpoint_file *file = NULL;
    struct config *cfg = xmalloc(sizeof *cfg);
    struct paid *paid = paid_create();
    int rc = open_checkpoint(&file, run, err);
    if (!rc)
        rc = read_paid(file, paid, err);
    if (!rc)
        rc = read_config(file, given, cfg, err);
    if (!rc) {
        struct explain *x = explain_open(run, cfg);
        struct paid_entry *top = xcalloc((size_t)n, sizeof *top);
        struct buf out;
        buf_init(&out, TEXT_MAX);
        int found = paid_top(paid, top, n);
        (json ? put_json : put_text)(paid, top, found, x, &out);
        if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)
            rc = err_set(err, ONIC_EIO, "the table could not be written; is the disk full?");
        buf_release(&out);
        free(top);
        explain_close(x);
    }
    checkpoint_close(file);
    paid_free(paid);
    free(cfg);
    return rc;
}
