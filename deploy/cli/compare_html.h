/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_HTML_H
#define ONIC_DEPLOY_CLI_COMPARE_HTML_H

/* compare_html.h - a comparison as one page that needs nothing else: no script, no address. */

#include "deploy/cli/compare_table.h"

void compare_html(const struct compare_report *r, struct buf *out);

#endif /* ONIC_DEPLOY_CLI_COMPARE_HTML_H */
