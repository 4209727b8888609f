/* SPDX-License-Identifier: MIT */
/* compare_html.c - see compare_html.h. What runs say of themselves is text here and nothing else:
 * everything is escaped, and the page's own policy lets no script run and nothing be fetched. */
#include "deploy/cli/compare_html.h"

#include <math.h>
#include <string.h>

#include "deploy/cli/compare_svg.h"
#include "deploy/cli/compare_text.h"

static const char HTML_HEAD[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<title>onic compare</title>\n<style>\n"
    ":root{--bg:#ffffff;--ink:#1c1f23;--soft:#5b6470;--line:#e3e6ea}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#15181c;--ink:#e8eaed;--soft:#a4adb8;"
    "--line:#2b3138}}\n"
    "body{margin:0 auto;max-width:1080px;padding:20px 16px 48px;background:var(--bg);"
    "color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:28px 0 6px}\n"
    "p{margin:6px 0}.soft{color:var(--soft)}.wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:6px 14px 6px 0;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}\nth{font-weight:600;color:var(--soft)}\n"
    "th:first-child,td:first-child{text-align:left;white-space:normal;min-width:150px}\n"
    "svg{display:block;max-width:100%;height:auto;margin:4px 0 8px}\n"
    "code{font:13px ui-monospace,monospace}li{margin:2px 0;overflow-wrap:anywhere}\n"
    "</style></head><body>\n";

static void put_table(const struct compare_report *r, const struct compare_panel *p,
                      struct buf *out)
{
    char cell[COMPARE_CELLS][COMPARE_CELL_MAX], what[96];
    int n = compare_head(r, p, cell);
    buf_puts(out, "<h2>");
    compare_escape(out, p->env);
    buf_puts(out, "</h2>\n<p class=\"soft\">");
    compare_escape(out, compare_what(p, what));
    buf_puts(out, "</p>\n");
    if (p->has_curves)
        compare_svg_panels(r, p, 1, out);
    buf_puts(out, "<div class=\"wide\"><table><tr><th>options that differ</th>");
    for (int i = 1; i < n; i++) {
        buf_puts(out, "<th>");
        compare_escape(out, cell[i]);
        buf_puts(out, "</th>");
    }
    buf_puts(out, "</tr>\n");
    for (int k = 0; k < p->rows; k++) {
        n = compare_cells(r, p, &p->row[k], cell);
        buf_puts(out, "<tr><td>");
        compare_escape(out, p->row[k].label);
        buf_puts(out, "</td>");
        for (int i = 1; i < n; i++) {
            buf_puts(out, "<td>");
            compare_escape(out, cell[i]);
            buf_puts(out, "</td>");
        }
        buf_puts(out, "</tr>\n");
    }
    buf_puts(out, "</table></div>\n");
}

/* ": success 0.98 after 1.02 M frames" */
static void put_end(struct buf *out, const struct compare_run *run, const struct compare_panel *p)
{
    char last[32], frames[32];
    double value = compare_run_last(run, p);
    buf_puts(out, ": ");
    compare_escape(out, p->what);
    buf_printf(
        out, " %s after %s frames", isnan(value) ? "-" : compare_number_text(value, last),
        compare_number_text(compare_at(&run->curve, run->curve.n - 1, COMPARE_FRAMES), frames));
}

static void put_runs(const struct compare_report *r, struct buf *out)
{
    buf_puts(out, "<h2>Runs</h2>\n<ul>\n");
    for (int i = 0; i < r->panels; i++)
        for (int k = 0; k < r->panel[i].rows; k++) {
            const struct compare_group *g = r->panel[i].row[k].group;
            for (int j = 0; g && j < g->n; j++) {
                const struct compare_run *run = &r->set->run[g->run[j]];
                buf_puts(out, "<li><code>");
                compare_escape(out, run->path);
                buf_puts(out, "</code> <span class=\"soft\">");
                compare_escape(out, run->env);
                buf_puts(out, ", seed ");
                compare_escape(out, run->seed);
                buf_puts(out, run->version[0] ? ", onic " : "");
                compare_escape(out, run->version);
                put_end(out, run, &r->panel[i]);
                buf_puts(out, "</span></li>\n");
            }
        }
    buf_puts(out, "</ul>\n");
}

static void put_notes(const struct compare_report *r, struct buf *out)
{
    const char *at = r->set->notes.data;
    for (size_t n; *at; at += n + (at[n] == '\n')) {
        struct buf line;
        n = strcspn(at, "\n");
        buf_init(&line, n + 1);
        buf_append(&line, at, n);
        buf_puts(out, "<p>Note: ");
        compare_escape(out, line.data);
        buf_puts(out, ".</p>\n");
        buf_release(&line);
    }
}

void compare_html(const struct compare_report *r, struct buf *out)
{
    buf_puts(out, HTML_HEAD);
    buf_printf(out, "<h1>%d run%s compared</h1>\n", r->set->runs, r->set->runs == 1 ? "" : "s");
    buf_puts(out,
             "<p class=\"soft\">Interquartile means over the runs of a configuration, with 95 % "
             "intervals of a stratified bootstrap (rliable's definitions).</p>\n");
    put_notes(r, out);
    for (int i = 0; i < r->panels; i++)
        put_table(r, &r->panel[i], out);
    buf_puts(out, "<p class=\"soft\">A run that did not come to the threshold counts with its end "
                  "there. A curve goes as far as all runs of its group; one that has solved its "
                  "task and stopped keeps its value.</p>\n");
    put_runs(r, out);
    buf_puts(out, "</body></html>\n");
}
