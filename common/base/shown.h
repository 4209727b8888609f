/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_SHOWN_H
#define ONIC_COMMON_BASE_SHOWN_H

/* shown.h - text of games, peers and files on its way to a terminal.
 *
 * Nothing in it may act: control characters (C0, DEL, C1, also as UTF-8: U+0080 to U+009F), what
 * turns the direction of writing (bidi controls), separators of lines and paragraphs and what
 * nobody sees (zero-width characters, tags) become blanks, bytes that are no UTF-8 become '?'.
 * Everything that a person is shown goes through here: sentences (err.h), lines of the log, the
 * panel, the pictures of `onic play` and `replay` (deploy/cli/screen.h, which lets colours pass)
 * and what commands print. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the character at text (len >= 1 bytes) may be shown as it is; *bytes: how many it has,
 * of what is no UTF-8 one. */
bool shown_as_is(const char *text, size_t len, size_t *bytes);
/* Whether it may not even be kept: it acts, or is no UTF-8. What is only unseen may be in a name
 * (an emoji of several parts, Persian). */
bool shown_acts(const char *text, size_t len, size_t *bytes);

/* In place, of the same length: one line, several lines (tabs and newlines stay). */
void shown_clean_line(char *text, size_t len);
void shown_clean_lines(char *text, size_t len);

/* The text of len bytes as lines, cleaned; false: it was not written whole. */
bool shown_write(FILE *to, const char *text, size_t len);
/* The same of a formatted text of at most 1 MiB. */
void shown_printf(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* ONIC_COMMON_BASE_SHOWN_H */
