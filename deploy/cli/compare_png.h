/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_COMPARE_PNG_H
#define ONIC_DEPLOY_CLI_COMPARE_PNG_H

/* compare_png.h - curves of a comparison as a PNG, drawn by gnuplot where it is installed. */

#include "deploy/cli/compare_table.h"

/* Writes the picture to fd. ONIC_ENOTFOUND: there is no gnuplot; ONIC_EIO: it failed. */
int compare_png(const struct compare_report *r, int fd, struct onic_err *err);

#endif /* ONIC_DEPLOY_CLI_COMPARE_PNG_H */
