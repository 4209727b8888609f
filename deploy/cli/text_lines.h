/* SPDX-License-Identifier: MIT */
#ifndef ONIC_DEPLOY_CLI_TEXT_LINES_H
#define ONIC_DEPLOY_CLI_TEXT_LINES_H

/* text_lines.h - a file that somebody wrote, line by line. What is no line of text is refused by
 * its number, and nothing is cut: not what is longer than asked for, not what stands behind a zero
 * byte, which would end a string of C. */

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"

struct text_lines {
    FILE *from;       /* of the caller */
    const char *name; /* for sentences */
    size_t max;       /* bytes of a line, without its end */
    int number;       /* of the line, from 1; 0: before the first */
    char *text;       /* the line, without its end */
};

/* *more: there was another line. ONIC_ECONFIG: it holds a zero byte or is too long; or the file
 * cannot be read. */
int text_lines_next(struct text_lines *l, bool *more, struct onic_err *err);
void text_lines_free(struct text_lines *l);

#endif /* ONIC_DEPLOY_CLI_TEXT_LINES_H */
