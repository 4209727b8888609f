/* SPDX-License-Identifier: MIT */
/* compare_svg.c - see compare_svg.h. Colours are those of Okabe and Ito, which colour-blind readers
 * tell apart; beyond eight groups the lines are dashed as well. */
#include "deploy/cli/compare_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/shown.h"
#include "common/base/utf8.h"

enum {
    PANEL_W = 460,
    PANEL_H = 340,
    MARGIN_L = 62,
    MARGIN_R = 30,
    MARGIN_T = 40,
    MARGIN_B = 50,
    PANELS_ABREAST = 2,
    LEGEND_LINE = 22,
    COLOURS = 8,
    LEGEND_LEFT = 24,
    LEGEND_CHARS = 56
};

static const char STYLE[] =
    "<style>"
    ".oc{--bg:#ffffff;--ink:#1c1f23;--soft:#5b6470;--grid:#e3e6ea;"
    "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#b8860b;--c5:#4aa3df;--c6:#1c1f23;"
    "--c7:#8a8f98;font:13px system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){.oc{--bg:#15181c;--ink:#e8eaed;--soft:#a4adb8;--grid:#"
    "2b3138;"
    "--c0:#56b4e9;--c1:#ff8a3d;--c2:#2fc79a;--c3:#e7a3c8;--c4:#e9c34a;--c5:#9ad0f5;--c6:#e8eaed;"
    "--c7:#8a8f98}}"
    ".oc .bg{fill:var(--bg)}.oc text{fill:var(--ink)}.oc .soft{fill:var(--soft)}"
    ".oc .grid{stroke:var(--grid);stroke-width:1}.oc .axis{stroke:var(--soft);stroke-width:1}"
    ".oc .line{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".oc .band{stroke:none;fill-opacity:.18}"
    ".oc .least{stroke:var(--soft);stroke-width:1;stroke-dasharray:2 4}"
    "</style>\n";

void compare_escape(struct buf *out, const char *text)
{
    static const char *const named[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};
    for (size_t left = strlen(text), n; left; left -= n, text += n) {
        unsigned char c = (unsigned char)*text;
        if (!shown_as_is(text, left, &n))
            buf_puts(out, "?");
        else if (c < sizeof named / sizeof *named && named[c])
            buf_puts(out, named[c]);
        else
            buf_append(out, text, n);
    }
}

/* --- axes ------------------------------------------------------------------------------------ */

int compare_ticks(double lo, double hi, int most, double out[COMPARE_TICKS_MAX])
{
    double raw = (hi - lo) / most, ten = pow(10, floor(log10(raw)));
    const double steps[] = {1, 2, 5, 10};
    double step = 10 * ten;
    for (int i = 3; i >= 0; i--)
        if (steps[i] * ten >= raw)
            step = steps[i] * ten;
    int n = 0;
    for (double at = ceil(lo / step - 1e-9) * step; at <= hi + step * 1e-9 && n < COMPARE_TICKS_MAX;
         at += step)
        out[n++] = fabs(at) < step * 1e-9 ? 0 : at;
    return n;
}

struct compare_box compare_bounds(const struct compare_panel *p)
{
    struct compare_box b = {0, 0, (double)INFINITY, -(double)INFINITY};
    for (int k = 0; k < p->rows; k++)
        for (int i = 0; i < p->row[k].points; i++) {
            b.x_hi = fmax(b.x_hi, p->row[k].x[i]);
            b.y_lo = fmin(b.y_lo, p->row[k].y[i].lo);
            b.y_hi = fmax(b.y_hi, p->row[k].y[i].hi);
        }
    if (strcmp(p->metric, COMPARE_SUCCESS_NAME) == 0 || !(b.y_lo <= b.y_hi)) {
        b.y_lo = 0;
        b.y_hi = 1;
    }
    if (b.y_lo > 0 && b.y_lo < b.y_hi / 2) /* near enough to be shown */
        b.y_lo = 0;
    double room = b.y_hi > b.y_lo ? (b.y_hi - b.y_lo) * 0.03 : 1;
    b.y_hi += room;
    b.y_lo -= b.y_lo == 0 ? 0 : room;
    b.x_hi = b.x_hi > 0 ? b.x_hi : 1;
    return b;
}

/* Round numbers need no further digits. */
static const char *tick_text(double v, char out[32])
{
    double a = fabs(v);
    double unit = a >= 1e9 ? 1e9 : a >= 1e6 ? 1e6 : a >= 1e4 ? 1e3 : 1;
    snprintf(out, 32, "%.6g%s", v / unit,
             unit > 1e6   ? " G"
             : unit > 1e3 ? " M"
             : unit > 1   ? " k"
                          : "");
    return out;
}

struct frame { /* from numbers to places */
    struct compare_box box;
    double left, top, width, height;
};

static double place_x(const struct frame *f, double x)
{
    return f->left + f->width * (x - f->box.x_lo) / (f->box.x_hi - f->box.x_lo);
}

static double place_y(const struct frame *f, double y)
{
    return f->top + f->height * (1 - (y - f->box.y_lo) / (f->box.y_hi - f->box.y_lo));
}

static void put_axes(const struct compare_report *r, const struct frame *f, struct buf *out)
{
    double tick[COMPARE_TICKS_MAX], bottom = f->top + f->height, right = f->left + f->width;
    char text[32];
    int n = compare_ticks(f->box.y_lo, f->box.y_hi, 6, tick);
    for (int i = 0; i < n; i++) {
        double y = place_y(f, tick[i]);
        buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                   f->left, right, y, y);
        buf_printf(out,
                   "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                   f->left - 8, y + 4, tick_text(tick[i], text));
    }
    n = compare_ticks(f->box.x_lo, f->box.x_hi, 5, tick);
    for (int i = 0; i < n; i++)
        buf_printf(out,
                   "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                   place_x(f, tick[i]), bottom + 18, tick_text(tick[i], text));
    buf_printf(out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
               f->left, right, bottom, bottom);
    buf_printf(out, "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
               f->left + f->width / 2, bottom + 38,
               r->wish.x == COMPARE_FRAMES ? "environment frames" : "seconds of training");
}

/* --- curves ---------------------------------------------------------------------------------- */

static const char *dash_of(int colour)
{
    static const char *const dashes[] = {"", " stroke-dasharray=\"7 4\"",
                                         " stroke-dasharray=\"2 3\""};
    return dashes[colour / COLOURS % 3];
}

static void put_band(const struct compare_row *row, const struct frame *f, struct buf *out)
{
    buf_printf(out, "<path class=\"band\" style=\"fill:var(--c%d)\" d=\"", row->colour % COLOURS);
    for (int i = 0; i < row->points; i++)
        buf_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', place_x(f, row->x[i]),
                   place_y(f, row->y[i].hi));
    for (int i = row->points - 1; i >= 0; i--)
        buf_printf(out, "L%.1f %.1f", place_x(f, row->x[i]), place_y(f, row->y[i].lo));
    buf_puts(out, "Z\"/>\n");
}

static void put_line(const struct compare_row *row, const struct frame *f, struct buf *out)
{
    buf_printf(out, "<path class=\"line\" style=\"stroke:var(--c%d)\"%s d=\"",
               row->colour % COLOURS, dash_of(row->colour));
    for (int i = 0; i < row->points; i++)
        buf_printf(out, "%c%.1f %.1f", i ? 'L' : 'M', place_x(f, row->x[i]),
                   place_y(f, row->y[i].mid));
    buf_puts(out, "\"><title>");
    compare_escape(out, row->label);
    buf_puts(out, "</title></path>\n");
}

static void put_panel_svg(const struct compare_report *r, const struct compare_panel *p, int left,
                          int top, struct buf *out)
{
    struct frame f = {.box = compare_bounds(p),
                      .left = left + MARGIN_L,
                      .top = top + MARGIN_T,
                      .width = PANEL_W - MARGIN_L - MARGIN_R,
                      .height = PANEL_H - MARGIN_T - MARGIN_B};
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" font-weight=\"600\">", f.left, f.top - 16);
    compare_escape(out, p->env);
    buf_puts(out, "<tspan class=\"soft\" font-weight=\"400\" dx=\"8\">");
    compare_escape(out, p->what);
    buf_puts(out, " in training</tspan></text>\n");
    put_axes(r, &f, out);
    if (!isnan(p->threshold) && p->threshold >= f.box.y_lo && p->threshold <= f.box.y_hi)
        buf_printf(out, "<line class=\"least\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                   f.left, f.left + f.width, place_y(&f, p->threshold), place_y(&f, p->threshold));
    for (int k = 0; k < p->rows; k++)
        if (p->row[k].points > 1 && p->row[k].runs > 1)
            put_band(&p->row[k], &f, out);
    for (int k = 0; k < p->rows; k++)
        if (p->row[k].points > 1)
            put_line(&p->row[k], &f, out);
}

/* --- the picture ----------------------------------------------------------------------------- */

/* A label in lines, broken at blanks; returns how many. out NULL: counts. */
static int legend_label(const char *label, int x, int y, struct buf *out)
{
    int lines = 0;
    while (*label) {
        size_t n = strlen(label);
        if (n > LEGEND_CHARS) {
            n = LEGEND_CHARS;
            while (n > 1 && label[n] != ' ')
                n--;
            n = n > 1 ? n : utf8_whole(label, LEGEND_CHARS);
        }
        if (out) {
            struct buf line;
            buf_init(&line, n + 1);
            buf_append(&line, label, n);
            buf_printf(out, "<text x=\"%d\" y=\"%d\">", x, y + LEGEND_LINE * lines);
            compare_escape(out, line.data);
            buf_puts(out, "</text>\n");
            buf_release(&line);
        }
        label += n;
        label += *label == ' ';
        lines++;
    }
    return lines;
}

/* The first row of a colour in these panels. */
static const struct compare_row *row_of_colour(const struct compare_panel *p, int n, int colour)
{
    for (int i = 0; i < n; i++)
        for (int k = 0; k < p[i].rows; k++)
            if (p[i].row[k].colour == colour)
                return &p[i].row[k];
    return NULL;
}

/* Returns its lines. */
static int put_legend(const struct compare_report *r, const struct compare_panel *p, int n, int top,
                      struct buf *out)
{
    int lines = 0;
    for (int c = 0; c < r->colours; c++) {
        const struct compare_row *row = row_of_colour(p, n, c);
        if (!row)
            continue;
        int y = top + LEGEND_LINE * lines;
        if (out)
            buf_printf(
                out,
                "<line class=\"line\" style=\"stroke:var(--c%d);stroke-width:3\"%s x1=\"%d\" "
                "x2=\"%d\" y1=\"%d\" y2=\"%d\"/>",
                c % COLOURS, dash_of(c), LEGEND_LEFT, LEGEND_LEFT + 24, y, y);
        lines += legend_label(row->label, LEGEND_LEFT + 32, y + 4, out);
    }
    return lines;
}

void compare_svg_panels(const struct compare_report *r, const struct compare_panel *p, int n,
                        struct buf *out)
{
    int panels = 0;
    for (int i = 0; i < n; i++)
        panels += p[i].has_curves;
    int across = panels > PANELS_ABREAST ? PANELS_ABREAST : panels > 0 ? panels : 1;
    int down = (panels + across - 1) / across;
    int width = across * PANEL_W;
    int height = down * PANEL_H + 16 + LEGEND_LINE * put_legend(r, p, n, 0, NULL);
    buf_printf(out,
               "<svg class=\"oc\" xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"curves of the compared runs\">\n",
               width, height, width, height);
    buf_puts(out, STYLE);
    buf_printf(out, "<rect class=\"bg\" width=\"%d\" height=\"%d\"/>\n", width, height);
    for (int i = 0, at = 0; i < n; i++)
        if (p[i].has_curves) {
            put_panel_svg(r, &p[i], at % across * PANEL_W, at / across * PANEL_H, out);
            at++;
        }
    put_legend(r, p, n, down * PANEL_H + 14, out);
    buf_puts(out, "</svg>\n");
}

void compare_svg(const struct compare_report *r, struct buf *out)
{
    compare_svg_panels(r, r->panel, r->panels, out);
}
