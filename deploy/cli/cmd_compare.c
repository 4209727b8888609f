/* SPDX-License-Identifier: MIT */
/* cmd_compare.c - `onic compare RUN|SWEEP...`: runs side by side. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/log.h"
#include "common/base/shown.h"
#include "common/base/xmalloc.h"
#include "common/config/config.h"
#include "deploy/cli/commands.h"
#include "deploy/cli/compare_html.h"
#include "deploy/cli/compare_open.h"
#include "deploy/cli/compare_png.h"
#include "deploy/cli/compare_svg.h"
#include "deploy/cli/compare_text.h"
#include "deploy/cli/result_file.h"

enum { DOCUMENT_MAX = 256 << 20 };

struct compare_args {
    char **path; /* as given */
    int paths;
    char x[16], metric[100];
    struct compare_extra extra[COMPARE_EXTRAS_MAX];
    int extras;
    bool names;
    double threshold;
    char out[CONFIG_STR_MAX], html[CONFIG_STR_MAX], json[CONFIG_STR_MAX];
};

/* What the table calls it, as well. */
static const char *metric_called(const char *name)
{
    static const char *const alias[][2] = {
        {"success", COMPARE_SUCCESS_NAME}, {"return", COMPARE_RETURN_NAME}, {"length", "len/len"}};
    for (size_t i = 0; i < sizeof alias / sizeof *alias; i++)
        if (strcmp(name, alias[i][0]) == 0)
            return alias[i][1];
    return name;
}

static int compare_on_extra(void *ctx, const char *name, const char *value, struct onic_err *err)
{
    struct compare_args *a = ctx;
    if (strcmp(name, "threshold") == 0)
        return config_flag_real(name, value, -1e300, 1e300, &a->threshold, err);
    if (strcmp(name, "columns") == 0)
        return compare_extra_parse(value, a->extra, &a->extras, err);
    if (strcmp(name, "names") == 0)
        a->names = true;
    else if (strcmp(name, "x") == 0)
        snprintf(a->x, sizeof a->x, "%s", value);
    else if (strcmp(name, "metric") == 0)
        snprintf(a->metric, sizeof a->metric, "%s", metric_called(value));
    else if (strcmp(name, "html") == 0)
        snprintf(a->html, sizeof a->html, "%s", value);
    else if (strcmp(name, "json") == 0)
        snprintf(a->json, sizeof a->json, "%s", value);
    else
        snprintf(a->out, sizeof a->out, "%s", value);
    return ONIC_OK;
}

static int compare_on_positional(void *ctx, const char *arg, struct onic_err *err)
{
    struct compare_args *a = ctx;
    (void)err;
    a->path = xrealloc(a->path, ((size_t)a->paths + 1) * sizeof *a->path);
    a->path[a->paths++] = xstrdup(arg);
    return ONIC_OK;
}

/* --- documents ------------------------------------------------------------------------------- */

typedef void compare_writer(const struct compare_report *r, struct buf *out);

enum { OUT_SVG, OUT_PNG, OUT_HTML, OUT_MD, OUT_UNKNOWN };

static int kind_of_out(const char *path)
{
    static const char *const endings[] = {".svg", ".png", ".html", ".md"};
    size_t n = strlen(path);
    for (int i = 0; i < OUT_UNKNOWN; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && strcasecmp(path + n - m, endings[i]) == 0)
            return i;
    }
    return OUT_UNKNOWN;
}

static int write_document(const struct compare_report *r, const char *path, FILE *f,
                          compare_writer *writer, struct onic_err *err)
{
    struct buf text;
    buf_init(&text, DOCUMENT_MAX);
    writer(r, &text);
    int rc = text.overflow ? err_set(err, ONIC_ELIMIT, "%s would be larger than 256 MiB", path)
                           : ONIC_OK;
    if (!rc)
        fwrite(text.data, 1, text.len, f);
    buf_release(&text);
    return rc;
}

static int write_out(const struct compare_report *r, const struct compare_args *a, FILE *f,
                     struct onic_err *err)
{
    static compare_writer *const writers[OUT_UNKNOWN] = {
        [OUT_SVG] = compare_svg, [OUT_HTML] = compare_html, [OUT_MD] = compare_markdown};
    int kind = kind_of_out(a->out);
    return kind == OUT_PNG ? compare_png(r, fileno(f), err)
                           : write_document(r, a->out, f, writers[kind], err);
}

struct outputs {
    FILE *out, *html, *json;
};

/* Before the work: a path that cannot be written is said at once. */
static int open_outputs(struct outputs *o, const struct compare_args *a, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (a->out[0] && kind_of_out(a->out) == OUT_UNKNOWN)
        return err_set(err, ONIC_ECONFIG,
                       "--out=%.300s: its name ends with .svg, .png, .html or .md", a->out);
    if (a->out[0])
        rc = result_open(&o->out, a->out, err);
    if (!rc && a->html[0])
        rc = result_open(&o->html, a->html, err);
    if (!rc && a->json[0])
        rc = result_open(&o->json, a->json, err);
    return rc;
}

static int write_outputs(const struct compare_report *r, const struct compare_args *a,
                         const struct outputs *o, struct onic_err *err)
{
    int rc = ONIC_OK;
    if (strcmp(a->json, "-") != 0 && strcmp(a->html, "-") != 0) {
        struct buf text;
        buf_init(&text, DOCUMENT_MAX);
        compare_table_text(r, &text);
        shown_write(stdout, text.data, text.len);
        buf_release(&text);
    }
    if (o->out)
        rc = write_out(r, a, o->out, err);
    if (!rc && o->html)
        rc = write_document(r, a->html, o->html, compare_html, err);
    if (!rc && o->json)
        rc = write_document(r, a->json, o->json, compare_json, err);
    return rc;
}

static int close_outputs(const struct outputs *o, const struct compare_args *a,
                         struct onic_err *err)
{
    int rc = result_close(o->out, a->out, err);
    int more = result_close(o->html, a->html, rc ? NULL : err);
    rc = rc ? rc : more;
    more = result_close(o->json, a->json, rc ? NULL : err);
    return rc ? rc : more;
}

/* --- the command ----------------------------------------------------------------------------- */

static int read_compared(struct compare_set *s, const struct compare_args *a, int *left_out,
                         struct onic_err *err)
{
    const char *metrics[3 + COMPARE_EXTRAS_MAX] = {COMPARE_SUCCESS_NAME, COMPARE_RETURN_NAME,
                                                   a->metric};
    int rc = ONIC_OK, n = a->metric[0] ? 3 : 2;
    for (int i = 0; i < a->extras; i++)
        metrics[n++] = a->extra[i].metric;
    memcpy(s->extra, a->extra, sizeof s->extra);
    s->extras = a->extras;
    s->by_name = a->names;
    log_set_level(LOG_ERROR); /* what is odd about a run is said once, in a note */
    for (int i = 0; i < a->paths && !rc; i++)
        rc = compare_open(s, a->path[i], metrics, n, left_out, err);
    return rc ? rc : compare_open_end(s, err);
}

static void say_notes(const struct compare_set *s)
{
    for (const char *at = s->notes.data; *at; at += strcspn(at, "\n") + 1)
        shown_printf(stderr, "onic compare: %.*s\n", (int)strcspn(at, "\n"), at);
}

static int run_compare(const struct compare_args *a, int *left_out, struct onic_err *err)
{
    struct compare_set set;
    struct compare_report report = {.panels = 0};
    struct outputs outputs = {NULL, NULL, NULL};
    const struct compare_wish wish = {.x = a->x[0] == 's' ? COMPARE_SECONDS : COMPARE_FRAMES,
                                      .metric = a->metric[0] ? a->metric : NULL,
                                      .threshold = a->threshold};
    compare_set_init(&set);
    int rc = read_compared(&set, a, left_out, err);
    if (!rc) {
        compare_set_group(&set);
        rc = compare_report_make(&report, &wish, &set, err);
    }
    if (!rc)
        compare_note_unfinished(&set);
    say_notes(&set);
    if (!rc)
        rc = open_outputs(&outputs, a, err);
    if (!rc)
        rc = write_outputs(&report, a, &outputs, err);
    int closed = close_outputs(&outputs, a, rc ? NULL : err);
    compare_report_free(&report);
    compare_set_free(&set);
    return rc ? rc : closed;
}

static int check_compare_args(const struct compare_args *a, struct onic_err *err)
{
    if (!a->paths)
        return err_set(err, ONIC_ECONFIG,
                       "name run directories or the folder of a sweep, for example `onic compare "
                       "runs/keycorridor-s1 runs/keycorridor-none-s1`");
    if (strcmp(a->x, "frames") != 0 && strcmp(a->x, "seconds") != 0)
        return err_set(err, ONIC_ECONFIG, "--x=%.15s: there are frames and seconds", a->x);
    return ONIC_OK;
}

int cmd_compare(int argc, char **argv)
{
    static struct config given;
    struct onic_err err = {0};
    struct compare_args a = {.x = "frames", .threshold = (double)NAN};
    int left_out = 0;
    const struct config_cli cli = {
        .who = 'F',
        .program = "onic compare",
        .rows = "",
        .usage =
            "usage: onic compare RUN|SWEEP... [--x=frames|seconds] [--metric=NAME] "
            "[--threshold=0.95]\n"
            "                    [--columns=NAME,...] [--names] [--out=FILE] [--html=FILE] "
            "[--json=FILE|-]\n"
            "Compares runs: those of an environment with the same options are a group, named by "
            "the\n"
            "options that differ. Prints the interquartile mean of success (or return, or a metric "
            "of\n"
            "metrics.jsonl) at the end, with its 95% interval, and when it came to the threshold.\n"
            "Success is that of `onic eval` where each run has an eval.json, as a sweep makes it.\n"
            "--columns adds others: the newest value of a metric, its largest or mean (NAME:max, "
            "NAME:mean),\n"
            "a statistic of `onic eval` (eval/score). --names calls groups by their runs instead "
            "of "
            "options.\n"
            "--out draws the curves: FILE.svg, FILE.png (by gnuplot) or FILE.html, or writes the "
            "table, with\n"
            "the numbers of each run, into a file that ends with .md; --html is a report.\n"
            "SWEEP is a folder of runs. NAME of --metric: success, return, length, or any of "
            "metrics.jsonl.\n",
        .extra = (const char *const[]){"--x=", "--metric=", "--threshold=", "--columns=", "--names",
                                       "--out=", "--html=", "--json=", NULL},
        .on_extra = compare_on_extra,
        .on_positional = compare_on_positional,
        .ctx = &a,
    };
    int rc = config_load(&given, argc, argv, &cli, &err);
    if (!rc)
        rc = check_compare_args(&a, &err);
    if (!rc)
        rc = run_compare(&a, &left_out, &err);
    for (int i = 0; i < a.paths; i++)
        free(a.path[i]);
    free(a.path);
    return rc || !left_out ? command_result("compare", rc, &err) : 74;
}
