/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_COLUMNS_H
#define ONIC_COMMON_BASE_COLUMNS_H

/* columns.h - how many columns of a terminal UTF-8 text takes, whatever the locale is: 2 for wide
 * characters (CJK, most emoji), 0 for combining ones. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

/* The character at s, of n >= 1 bytes: how many bytes it has, and its columns; -1 for what is not
 * shown (shown.h): a control character, or what is no UTF-8. */
int columns_of(const char *s, size_t n, size_t *bytes);
/* Appends as much of a line as fits into so many columns; what is cut off becomes "..." where there
 * is room for that. Control characters become blanks and damaged bytes '?'. Returns the columns
 * taken. */
int columns_put(struct buf *out, const char *line, size_t n, int columns);

#endif /* ONIC_COMMON_BASE_COLUMNS_H */
