/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_TEXT_H
#define ONIC_DEPLOY_CLI_COMPARE_TEXT_H

/* compare_text.h - a comparison as a table of a terminal, in Markdown, and as JSON. */

#include "deploy/cli/compare_table.h"

void compare_table_text(const struct compare_report *r, struct buf *out);
/* A table for each environment, with the numbers of each run in the order of their seeds. */
void compare_markdown(const struct compare_report *r, struct buf *out);
/* deploy/interface.md section 7 */
void compare_json(const struct compare_report *r, struct buf *out);

enum { COMPARE_CELLS = 7 + COMPARE_EXTRAS_MAX, COMPARE_CELL_MAX = 160 };
/* The columns of a panel's table: how many there are. The first is the label's, and empty here. */
int compare_head(const struct compare_report *r, const struct compare_panel *p,
                 char cell[COMPARE_CELLS][COMPARE_CELL_MAX]);
int compare_cells(const struct compare_report *r, const struct compare_panel *p,
                  const struct compare_row *row, char cell[COMPARE_CELLS][COMPARE_CELL_MAX]);

#endif /* ONIC_DEPLOY_CLI_COMPARE_TEXT_H */
