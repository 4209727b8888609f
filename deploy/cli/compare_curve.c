/* SPDX-License-Identifier: MIT */
/* compare_curve.c - see compare_curve.h. Lines are looked through for the few keys that are wanted:
 * parsing each line whole would take longer than all the rest of a comparison. In a flat object of
 * JSON the text "key": stands nowhere but before the value, since quotes inside of texts are
 * escaped. */
#include "deploy/cli/compare_curve.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file_kind.h"
#include "common/base/plain_file.h"
#include "common/base/xmalloc.h"
#include "common/config/options.h"

enum { CURVE_LINE_MAX = 1 << 17, CURVE_KEY_MAX = 128, CURVE_ROWS_MAX = 50000000 };

bool compare_scan_number(const char *line, const char *key, double *out)
{
    char mark[CURVE_KEY_MAX + 4], *end;
    snprintf(mark, sizeof mark, "\"%.*s\":", CURVE_KEY_MAX, key);
    const char *at = strstr(line, mark);
    if (!at)
        return false;
    at += strlen(mark);
    double v = strtod(at, &end);
    if (end == at || !strchr(",} \t", *end) || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* One whole line without its end; false at the end of the file. A line that is no whole one is "",
 * and counted, but for the last one of a run that is being written. */
static bool curve_line(FILE *f, char line[CURVE_LINE_MAX], int *skipped)
{
    size_t n = 0, bytes = 0; /* kept, and of the line: a zero byte ends no line */
    int c = getc_unlocked(f);
    if (c == EOF)
        return false;
    for (; c != '\n' && c != EOF; c = getc_unlocked(f), bytes++)
        if (n < CURVE_LINE_MAX - 1)
            line[n++] = (char)c;
    bool whole = c == '\n' && n == bytes && !memchr(line, '\0', n);
    while (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    if (whole && n >= 2 && line[0] == '{' && line[n - 1] == '}')
        return true;
    *skipped += !feof(f);
    line[0] = '\0';
    return true;
}

static void curve_add(struct compare_curve *c, const double *row, int *room)
{
    while (c->n > 0 && compare_at(c, c->n - 1, COMPARE_FRAMES) > row[COMPARE_FRAMES])
        c->n--; /* rolled back */
    if (c->n == *room) {
        *room = *room ? 2 * *room : 256;
        c->row = xrealloc(c->row, (size_t)*room * (size_t)c->columns * sizeof *c->row);
    }
    memcpy(c->row + (size_t)c->n * (size_t)c->columns, row, (size_t)c->columns * sizeof *row);
    c->n++;
}

/* The first episodes to end are the short ones, in which the task was solved by chance: what is
 * said of few episodes is no beginning of a curve. Of a run that never had so many, all stays. */
static bool is_of_episodes(const char *metric)
{
    static const char *const groups[] = {"policy_stats/", "reward/", "len/"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strncmp(metric, groups[i], strlen(groups[i])) == 0)
            return true;
    return false;
}

static void drop_first_episodes(struct compare_curve *c, const char *const *names, int rows)
{
    for (int i = 0; i < rows && i < c->n; i++)
        for (int k = COMPARE_METRICS; k < c->columns; k++)
            if (is_of_episodes(names[k - COMPARE_METRICS]))
                c->row[(size_t)i * (size_t)c->columns + (size_t)k] = (double)NAN;
}

static void curve_read_lines(struct compare_curve *c, FILE *f, const char *const *names)
{
    char *line = xmalloc(CURVE_LINE_MAX);
    double row[COMPARE_COLUMNS_MAX];
    int room = 0, before = -1; /* rows of fewer than COMPARE_EPISODES */
    double episodes;
    while (c->n < CURVE_ROWS_MAX && curve_line(f, line, &c->skipped)) {
        if (!compare_scan_number(line, "env_steps", &row[COMPARE_FRAMES]) ||
            !compare_scan_number(line, "wall_s", &row[COMPARE_SECONDS]))
            continue;
        for (int i = COMPARE_METRICS; i < c->columns; i++)
            if (!compare_scan_number(line, names[i - COMPARE_METRICS], &row[i]))
                row[i] = (double)NAN;
        curve_add(c, row, &room);
        if (before < 0 && (!compare_scan_number(line, "train/episodes_total", &episodes) ||
                           episodes >= COMPARE_EPISODES))
            before = c->n - 1;
    }
    drop_first_episodes(c, names, before);
    free(line);
}

int compare_curve_read(struct compare_curve *out, const char *run_dir, const char *const *names,
                       int metrics, struct onic_err *err)
{
    char path[4096];
    *out = (struct compare_curve){.columns = COMPARE_METRICS + metrics};
    ONIC_ASSERT(out->columns <= COMPARE_COLUMNS_MAX);
    snprintf(path, sizeof path, "%.4000s/metrics.jsonl", run_dir);
    FILE *f = plain_file_read(path, false);
    if (!f)
        return file_unreadable(path, errno, err);
    curve_read_lines(out, f, names);
    int rc = ferror(f) ? file_unreadable(path, errno, err) : ONIC_OK;
    fclose(f);
    return rc;
}

void compare_curve_free(struct compare_curve *c)
{
    free(c->row);
    *c = (struct compare_curve){.n = 0};
}

bool compare_curve_range(const struct compare_curve *c, int x, int y, double *first, double *last)
{
    bool any = false;
    for (int i = 0; i < c->n; i++)
        if (!isnan(compare_at(c, i, y))) {
            *last = compare_at(c, i, x);
            *first = any ? *first : *last;
            any = true;
        }
    return any;
}

double compare_curve_value(const struct compare_curve *c, int x, int y, double at)
{
    double before_x = (double)NAN, before = (double)NAN;
    for (int i = 0; i < c->n; i++) {
        double here_x = compare_at(c, i, x), here = compare_at(c, i, y);
        if (isnan(here))
            continue;
        if (here_x >= at)
            return isnan(before) || here_x <= before_x
                       ? here
                       : before + (here - before) * (at - before_x) / (here_x - before_x);
        before_x = here_x;
        before = here;
    }
    return before;
}

double compare_curve_last(const struct compare_curve *c, int y)
{
    for (int i = c->n - 1; i >= 0; i--)
        if (!isnan(compare_at(c, i, y)))
            return compare_at(c, i, y);
    return (double)NAN;
}

double compare_curve_reaches(const struct compare_curve *c, int x, int y, double least)
{
    double since = (double)NAN;
    int held = 0;
    for (int i = 0; i < c->n && held < COMPARE_HOLDS; i++) {
        double v = compare_at(c, i, y);
        if (isnan(v))
            continue;
        if (v >= least && held == 0)
            since = compare_at(c, i, x);
        held = v >= least ? held + 1 : 0;
    }
    return held ? since : (double)NAN;
}

/* The keys of a line, with spaces between; only the one that ends with "/name", where there is. */
static void curve_keys(const char *line, const char *name, struct buf *out)
{
    for (const char *at = strchr(line, '"'); at; at = strchr(at, '"')) {
        const char *key = at + 1, *end = strchr(key, '"'), *last = end;
        if (!end)
            return;
        while (last > key && last[-1] != '/')
            last--;
        bool is_end = last > key && (size_t)(end - last) == strlen(name) &&
                      strncmp(last, name, strlen(name)) == 0;
        if (is_end && end[1] == ':')
            buf_reset(out);
        if (end[1] == ':')
            buf_printf(out, "%.*s ", (int)(end - key), key);
        if (is_end && end[1] == ':')
            return;
        at = end + 1;
    }
}

void compare_curve_nearest(const char *run_dir, const char *name, char out[64])
{
    char path[4400], *line = xmalloc(CURVE_LINE_MAX), *newest = xmalloc(CURVE_LINE_MAX);
    struct buf keys;
    int skipped = 0;
    newest[0] = out[0] = '\0';
    buf_init(&keys, CURVE_LINE_MAX);
    snprintf(path, sizeof path, "%.4200s/metrics.jsonl", run_dir);
    FILE *f = plain_file_read(path, false);
    while (f && curve_line(f, line, &skipped))
        if (line[0])
            memcpy(newest, line, strlen(line) + 1);
    if (f)
        fclose(f);
    curve_keys(newest, name, &keys);
    const char *space = strchr(keys.len ? keys.data : "", ' ');
    if (space && !space[1]) { /* the one */
        snprintf(out, 64, "%.*s", (int)(space - keys.data), keys.data);
    } else if (keys.len) {
        buf_puts(&keys, "success return length"); /* as --metric takes them */
        option_nearest_of(name, keys.data, out);
    }
    buf_release(&keys);
    free(line);
    free(newest);
}
