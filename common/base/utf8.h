/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_UTF8_H
#define ONIC_COMMON_BASE_UTF8_H

/* utf8.h - text of files that people edit is UTF-8; another encoding is named, not half understood.
 * What is cut to fit is cut between characters. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Bytes of the UTF-8 character that begins at text, at most 4; 0: none does in the first len bytes
 * (len >= 1). */
size_t utf8_character(const char *text, size_t len);

/* Which character that is, of n bytes. */
uint32_t utf8_code(const char *text, size_t n);

/* How many of the first len bytes stay when a text is cut there: len, less the beginning of a
 * character that would lose its end. Bytes that are not UTF-8 at all stay as they are. */
size_t utf8_whole(const char *text, size_t len);

/* "UTF-16" or "UTF-32", with a byte order mark or without; NULL: neither. Four bytes are enough. */
const char *utf8_wide_name(const char *text, size_t len);

/* ONIC_ECONFIG, one sentence with the file's name, and the line where there is one: UTF-16, UTF-32,
 * or bytes that are not UTF-8. */
int utf8_check(const char *text, size_t len, const char *name, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_UTF8_H */
