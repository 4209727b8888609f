/* SPDX-License-Identifier: MIT */
/* prometheus.c - see prometheus.h. The format wants the samples of a family in one piece, so the
 * table is walked and not the registry: a hundred names against a hundred lines are compared in
 * less time than the answer takes to be sent. */
#include "common/metrics/prometheus.h"

#include <math.h>
#include <string.h>

#include "common/base/shown.h"

enum prometheus_type { COUNTER, GAUGE, NOT_SHOWN };

struct prometheus_row {
    const char *ours, *theirs;
    enum prometheus_type type;
    double factor;
    const char *label; /* NULL: one number; else `ours` is a prefix */
    const char *help;
};

static const struct prometheus_row prometheus_rows[] = {
#define PROM(ours, theirs, type, factor, help) {ours, theirs, type, factor, NULL, help},
#define PROM_EACH(prefix, theirs, type, factor, label, help)                                       \
    {prefix, theirs, type, factor, label, help},
#define PROM_NONE(ours) {ours, NULL, NOT_SHOWN, 0, NULL, NULL},
#include "common/metrics/prometheus.def"
#undef PROM
#undef PROM_EACH
#undef PROM_NONE
};
enum { PROMETHEUS_ROWS = sizeof prometheus_rows / sizeof prometheus_rows[0] };

static const char *prometheus_type_name(enum prometheus_type type)
{
    return type == COUNTER ? "counter" : "gauge";
}

static void prometheus_put_head(struct buf *out, const char *name, const char *help,
                                const char *type)
{
    buf_printf(out, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value is UTF-8, of which three characters are escaped. Whoever asks with curl has a
 * terminal. */
static void prometheus_put_label(struct buf *out, const char *name, const char *value,
                                 const char *between)
{
    size_t len = strlen(value), n;
    buf_printf(out, "%s%s=\"", between, name);
    for (size_t at = 0; at < len; at += n) {
        bool plain = shown_as_is(value + at, len - at, &n);
        if (value[at] == '\n')
            buf_puts(out, "\\n");
        else if (value[at] == '"' || value[at] == '\\')
            buf_printf(out, "\\%c", value[at]);
        else if (plain)
            buf_append(out, value + at, n);
        else
            buf_puts(out, "?");
    }
    buf_puts(out, "\"");
}

static void prometheus_put_value(struct buf *out, double v)
{
    if (v == floor(v) && fabs(v) < 1e15)
        buf_printf(out, " %.0f\n", v);
    else
        buf_printf(out, " %.12g\n", v);
}

/* Which line of the table speaks of a name: its own, else the longest prefix. */
static bool speaks_of(const struct prometheus_row *row, const char *name)
{
    if (!row->label)
        return strcmp(row->ours, name) == 0;
    size_t n = strlen(row->ours);
    if (strncmp(row->ours, name, n) != 0)
        return false;
    for (int i = 0; i < PROMETHEUS_ROWS; i++) {
        const struct prometheus_row *other = &prometheus_rows[i];
        if (!other->label
                ? strcmp(other->ours, name) == 0
                : strlen(other->ours) > n && strncmp(other->ours, name, strlen(other->ours)) == 0)
            return false;
    }
    return true;
}

/* What a counter has counted in this life of its process. One that fell was set anew. */
static double counted(const struct metrics_number *m)
{
    return m->value >= m->start ? m->value - m->start : m->value;
}

/* Returns how many series were left out. */
static int put_family(struct buf *out, const struct prometheus_row *row,
                      const struct metrics_number *numbers, int n)
{
    int series = 0, left_out = 0;
    for (int i = 0; i < n; i++) {
        double v = row->type == COUNTER ? counted(&numbers[i]) : numbers[i].value;
        if (!isfinite(v) || !speaks_of(row, numbers[i].name))
            continue;
        if (series == PROMETHEUS_SERIES_MAX) {
            left_out++;
            continue;
        }
        if (!series++)
            prometheus_put_head(out, row->theirs, row->help, prometheus_type_name(row->type));
        buf_puts(out, row->theirs);
        if (row->label) {
            prometheus_put_label(out, row->label, numbers[i].name + strlen(row->ours), "{");
            buf_puts(out, "}");
        }
        prometheus_put_value(out, v * row->factor);
    }
    return left_out;
}

void prometheus_numbers(struct buf *out, const struct metrics_number *numbers, int n)
{
    int left_out = 0;
    for (int i = 0; i < PROMETHEUS_ROWS; i++)
        if (prometheus_rows[i].type != NOT_SHOWN)
            left_out += put_family(out, &prometheus_rows[i], numbers, n);
    prometheus_put_head(out, "onic_series_left_out", "Series that a family had no room for",
                        "gauge");
    buf_printf(out, "onic_series_left_out %d\n", left_out);
}

void prometheus_info(struct buf *out, const char *name, const char *help,
                     const struct prometheus_label *labels)
{
    prometheus_put_head(out, name, help, "gauge");
    buf_puts(out, name);
    for (int i = 0; labels[i].name; i++)
        prometheus_put_label(out, labels[i].name, labels[i].value, i ? "," : "{");
    buf_puts(out, labels[0].name ? "} 1\n" : " 1\n");
}

/* What the metrics.jsonl of a run calls it; the reward server's are nobody's there. */
static void put_reference_row(struct buf *out, const struct prometheus_row *row)
{
    bool in_file = strncmp(row->ours, "server/", 7) != 0 && row->ours[0];
    buf_printf(out, "| `%s%s%s%s` | %s | %s%s%s%s | %s |\n", row->theirs, row->label ? "{" : "",
               row->label ? row->label : "", row->label ? "}" : "", prometheus_type_name(row->type),
               in_file ? "`" : "", in_file ? row->ours : "", in_file && row->label ? "*" : "",
               in_file ? "`" : "", row->help);
}

void prometheus_reference(struct buf *out)
{
    buf_puts(
        out,
        "# Metrics\n\n"
        "What `/metrics` of a learner and of a reward server says, made by `onic config "
        "--metrics` of common/metrics/prometheus.def. A counter begins\n"
        "at 0 with each life of its process, as `rate()` expects; a gauge is the run's. What a "
        "run does not have, or what is no finite number, is left\n"
        "out. A family has at most 64 series, whatever a peer reports (`onic_series_left_out` "
        "counts the rest). Also there: `onic_build_info`, of a\n"
        "learner `onic_run_info{env,reward_model,labels,run_id}` (labels: wanted or none), and "
        "`process_*` as every client "
        "library has them.\n\n"
        "| name | type | in metrics.jsonl | what |\n|---|---|---|---|\n");
    for (int i = 0; i < PROMETHEUS_ROWS; i++)
        if (prometheus_rows[i].type != NOT_SHOWN)
            put_reference_row(out, &prometheus_rows[i]);
}
