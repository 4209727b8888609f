/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_UTF8_H
#define ONIC_COMMON_BASE_UTF8_H

/* utf8.h - text of files that people edit is UTF-8; another encoding is named, not half understood.
 */

#include <stddef.h>

#include "common/base/err.h"

/* "UTF-16" or "UTF-32", with a byte order mark or without; NULL: neither. Four bytes are enough. */
const char *utf8_wide_name(const char *text, size_t len);

/* ONIC_ECONFIG, one sentence with the file's name, and the line where there is one: UTF-16, UTF-32,
 * or bytes that are not UTF-8. */
int utf8_check(const char *text, size_t len, const char *name, struct onic_err *err);

#endif /* ONIC_COMMON_BASE_UTF8_H */
