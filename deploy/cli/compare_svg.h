/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_SVG_H
#define ONIC_DEPLOY_CLI_COMPARE_SVG_H

/* compare_svg.h - curves of a comparison as one SVG: a panel for each environment, an interquartile
 * mean with its band for each group. Light or dark as its reader prefers; it needs nothing else. */

#include "deploy/cli/compare_table.h"

void compare_svg(const struct compare_report *r, struct buf *out);
/* The same of n panels of it. */
void compare_svg_panels(const struct compare_report *r, const struct compare_panel *p, int n,
                        struct buf *out);
/* Text of a run inside of SVG or HTML: &, <, >, quotes and control characters cannot act. */
void compare_escape(struct buf *out, const char *text);

enum { COMPARE_TICKS_MAX = 12 };
/* Round numbers from lo to hi, at most `most` (2 to COMPARE_TICKS_MAX); how many. */
int compare_ticks(double lo, double hi, int most, double out[COMPARE_TICKS_MAX]);
/* What the axes have to hold of a panel. */
struct compare_box {
    double x_lo, x_hi, y_lo, y_hi;
};
struct compare_box compare_bounds(const struct compare_panel *p);

#endif /* ONIC_DEPLOY_CLI_COMPARE_SVG_H */
