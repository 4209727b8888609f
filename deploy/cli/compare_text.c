/* SPDX-License-Identifier: MIT */
/* compare_text.c - see compare_text.h. */
#include "deploy/cli/compare_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/columns.h"
#include "common/base/shown.h"

/* --- cells ----------------------------------------------------------------------------------- */

int compare_head(const struct compare_report *r, const struct compare_panel *p,
                 char cell[COMPARE_CELLS][COMPARE_CELL_MAX])
{
    int n = 0;
    char text[32];
    cell[n++][0] = '\0';
    snprintf(cell[n++], COMPARE_CELL_MAX, "runs");
    snprintf(cell[n++], COMPARE_CELL_MAX, "%.100s", p->what);
    if (strcmp(p->metric, COMPARE_RETURN_NAME) != 0)
        snprintf(cell[n++], COMPARE_CELL_MAX, "return");
    if (!isnan(p->threshold))
        snprintf(cell[n++], COMPARE_CELL_MAX, "%s to %s",
                 r->wish.x == COMPARE_FRAMES ? "frames" : "seconds",
                 compare_number_text(p->threshold, text));
    snprintf(cell[n++], COMPARE_CELL_MAX, "frames");
    snprintf(cell[n++], COMPARE_CELL_MAX, "seconds");
    for (int i = 0; i < r->set->extras; i++)
        snprintf(cell[n++], COMPARE_CELL_MAX, "%s", r->set->extra[i].name);
    return n;
}

int compare_cells(const struct compare_report *r, const struct compare_panel *p,
                  const struct compare_row *row, char cell[COMPARE_CELLS][COMPARE_CELL_MAX])
{
    int n = 0;
    char text[128];
    cell[n++][0] = '\0';
    snprintf(cell[n++], COMPARE_CELL_MAX, "%d", row->runs);
    snprintf(cell[n++], COMPARE_CELL_MAX, "%s", compare_interval_text(&row->last, row->runs, text));
    if (strcmp(p->metric, COMPARE_RETURN_NAME) != 0)
        snprintf(cell[n++], COMPARE_CELL_MAX, "%s",
                 compare_interval_text(&row->score, row->runs, text));
    if (!isnan(p->threshold))
        snprintf(cell[n++], COMPARE_CELL_MAX, "%s", compare_reach_text(row, text));
    snprintf(cell[n++], COMPARE_CELL_MAX, "%s", compare_number_text(row->frames.mid, text));
    snprintf(cell[n++], COMPARE_CELL_MAX, "%s", compare_number_text(row->seconds.mid, text));
    for (int i = 0; i < r->set->extras; i++)
        snprintf(cell[n++], COMPARE_CELL_MAX, "%s",
                 compare_interval_text(&row->extra[i], row->runs, text));
    return n;
}

/* --- the terminal ---------------------------------------------------------------------------- */

static int text_columns(const char *s)
{
    int columns = 0;
    for (size_t left = strlen(s), n; left; left -= n, s += n) {
        int c = columns_of(s, left, &n);
        columns += c > 0 ? c : c < 0;
    }
    return columns;
}

static void put_cell(struct buf *out, const char *text, int width, bool last)
{
    buf_puts(out, text);
    if (!last)
        buf_printf(out, "%*s", width - text_columns(text) + 2, "");
}

static void put_panel(const struct compare_report *r, const struct compare_panel *p,
                      struct buf *out)
{
    char head[COMPARE_CELLS][COMPARE_CELL_MAX], cell[COMPARE_CELLS][COMPARE_CELL_MAX], what[96];
    int width[COMPARE_CELLS] = {0}, n = compare_head(r, p, head);
    for (int i = 0; i < n; i++)
        width[i] = text_columns(head[i]);
    for (int k = 0; k < p->rows; k++) {
        compare_cells(r, p, &p->row[k], cell);
        width[0] =
            text_columns(p->row[k].label) > width[0] ? text_columns(p->row[k].label) : width[0];
        for (int i = 1; i < n; i++)
            width[i] = text_columns(cell[i]) > width[i] ? text_columns(cell[i]) : width[i];
    }
    buf_printf(out, "%s: %s\n", p->env, compare_what(p, what));
    for (int i = 0; i < n; i++)
        put_cell(out, head[i], width[i], i == n - 1);
    buf_puts(out, "\n");
    for (int k = 0; k < p->rows; k++) {
        compare_cells(r, p, &p->row[k], cell);
        put_cell(out, p->row[k].label, width[0], false);
        for (int i = 1; i < n; i++)
            put_cell(out, cell[i], width[i], i == n - 1);
        buf_puts(out, "\n");
    }
}

void compare_table_text(const struct compare_report *r, struct buf *out)
{
    for (int i = 0; i < r->panels; i++) {
        if (i)
            buf_puts(out, "\n");
        put_panel(r, &r->panel[i], out);
    }
    buf_puts(out, "Interquartile means and 95 % intervals (stratified bootstrap) over runs. A run "
                  "that did not come to the threshold counts with its end there.\n");
}

/* --- Markdown -------------------------------------------------------------------------------- */

/* A cell: what would end it, or be taken for HTML, is written so that it is neither. */
static void markdown_cell(struct buf *out, const char *text)
{
    buf_puts(out, " ");
    for (size_t left = strlen(text), n; left; left -= n, text += n) {
        if (!shown_as_is(text, left, &n))
            buf_puts(out, " ");
        else if (*text == '|' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else if (*text == '<' || *text == '&')
            buf_puts(out, *text == '<' ? "&lt;" : "&amp;");
        else if (*text == ']' && text[1] == '(') /* a link, a picture of somebody's */
            buf_puts(out, "]\\");
        else
            buf_append(out, text, n);
    }
    buf_puts(out, " |");
}

/* Numbers of the runs of a group, separated by commas: of what the panel is of, or (at >= 0) where
 * on this axis they came to the threshold. */
static void markdown_runs(const struct compare_report *r, const struct compare_panel *p,
                          const struct compare_row *row, int at, struct buf *out)
{
    for (int i = 0; row->group && i < row->group->n; i++) {
        const struct compare_run *run = &r->set->run[row->group->run[i]];
        double v = at < 0 ? compare_run_last(run, p) : compare_run_reach(run, p, at);
        char text[32] = "-";
        if (!isnan(v) && at < 0 && fabs(v) < 10)
            snprintf(text, sizeof text, "%.3f", v);
        else if (!isnan(v))
            compare_number_text(v, text);
        buf_printf(out, "%s%s", i ? ", " : " ", text);
    }
    buf_puts(out, " |");
}

static void markdown_panel(const struct compare_report *r, const struct compare_panel *p,
                           struct buf *out)
{
    char cell[COMPARE_CELLS][COMPARE_CELL_MAX], what[96];
    bool reach = !isnan(p->threshold);
    int n = compare_head(r, p, cell);
    compare_what(p, what);
    buf_printf(out, "|");
    markdown_cell(out, p->env);
    for (int i = 1; i < n; i++)
        markdown_cell(out, i == 2 ? what : cell[i]);
    buf_puts(out, reach ? " by run | reached by run |\n|" : " by run |\n|");
    for (int i = 0; i < n + (reach ? 2 : 1); i++)
        buf_puts(out, "---|");
    buf_puts(out, "\n");
    for (int k = 0; k < p->rows; k++) {
        compare_cells(r, p, &p->row[k], cell);
        buf_puts(out, "|");
        markdown_cell(out, p->row[k].label);
        for (int i = 1; i < n; i++)
            markdown_cell(out, cell[i]);
        markdown_runs(r, p, &p->row[k], -1, out);
        if (reach)
            markdown_runs(r, p, &p->row[k], r->wish.x, out);
        buf_puts(out, "\n");
    }
}

void compare_markdown(const struct compare_report *r, struct buf *out)
{
    for (int i = 0; i < r->panels; i++) {
        buf_puts(out, i ? "\n" : "");
        markdown_panel(r, &r->panel[i], out);
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

/* key NULL: it stands there already. */
static void json_interval(struct buf *out, const char *key, const struct compare_interval *v)
{
    if (key)
        buf_printf(out, ",\"%s\"", key);
    buf_puts(out, ":{\"iqm\":");
    buf_json_number(out, v->mid, 9);
    buf_puts(out, ",\"ci95\":[");
    buf_json_number(out, v->lo, 9);
    buf_puts(out, ",");
    buf_json_number(out, v->hi, 9);
    buf_puts(out, "]}");
}

static void json_row(const struct compare_report *r, const struct compare_panel *p,
                     const struct compare_row *row, struct buf *out)
{
    buf_puts(out, "{\"label\":");
    buf_json_utf8(out, row->label);
    buf_printf(out, ",\"runs\":%d", row->runs);
    json_interval(out, "last", &row->last);
    json_interval(out, "return", &row->score);
    json_interval(out, "reach", &row->reach);
    buf_printf(out, ",\"reached\":%d", row->reached);
    json_interval(out, "frames", &row->frames);
    json_interval(out, "seconds", &row->seconds);
    buf_puts(out, ",\"names\":[");
    for (int i = 0; row->group && i < row->group->n; i++) {
        const char *path = r->set->run[row->group->run[i]].path;
        buf_puts(out, i ? "," : "");
        buf_json_utf8(out, path);
    }
    buf_puts(out, "],\"values\":[");
    for (int i = 0; row->group && i < row->group->n; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_number(out, compare_run_last(&r->set->run[row->group->run[i]], p), 9);
    }
    buf_puts(out, "],\"reaches\":[");
    for (int i = 0; row->group && i < row->group->n; i++) {
        const struct compare_run *run = &r->set->run[row->group->run[i]];
        buf_puts(out, i ? "," : "");
        buf_json_number(out, compare_run_reach(run, p, r->wish.x), 9);
    }
    buf_puts(out, "],\"columns\":{");
    for (int i = 0; i < r->set->extras; i++) {
        buf_puts(out, i ? "," : "");
        buf_json_utf8(out, r->set->extra[i].name);
        json_interval(out, NULL, &row->extra[i]);
    }
    buf_puts(out, "},\"curve\":[");
    for (int i = 0; i < row->points; i++) {
        buf_puts(out, i ? ",[" : "[");
        buf_json_number(out, row->x[i], 9);
        for (int k = 0; k < 3; k++) {
            const double v[3] = {row->y[i].mid, row->y[i].lo, row->y[i].hi};
            buf_puts(out, ",");
            buf_json_number(out, v[k], 6);
        }
        buf_puts(out, "]");
    }
    buf_puts(out, "]}");
}

void compare_json(const struct compare_report *r, struct buf *out)
{
    buf_printf(out, "{\"x\":\"%s\",\"environments\":[",
               r->wish.x == COMPARE_FRAMES ? "frames" : "seconds");
    for (int i = 0; i < r->panels; i++) {
        const struct compare_panel *p = &r->panel[i];
        buf_puts(out, i ? ",{\"env\":" : "{\"env\":");
        buf_json_utf8(out, p->env);
        buf_puts(out, ",\"metric\":");
        buf_json_utf8(out, p->metric);
        buf_printf(out, ",\"evaluated\":%s", p->evaluated ? "true" : "false");
        buf_json_key_number(out, "threshold", p->threshold);
        buf_puts(out, ",\"groups\":[");
        for (int k = 0; k < p->rows; k++) {
            buf_puts(out, k ? "," : "");
            json_row(r, p, &p->row[k], out);
        }
        buf_puts(out, "]}");
    }
    buf_puts(out, "]}\n");
}
