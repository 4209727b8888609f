/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_LOG_JSON_H
#define ONIC_COMMON_BASE_LOG_JSON_H

/* log_json.h - a line of the log as one JSON object, for programs that collect logs.
 *
 *   {"time":"2026-11-23T19:30:00.123Z","level":"warn","role":"learner","msg":"...","lines":3}
 *
 * The first four keys are always there, in this order; then those of the line's kv(). Numbers are
 * numbers (null where not finite), text is UTF-8 of which every control character and every
 * character that turns the direction of writing is escaped, and of other bytes each is the Latin-1
 * character of that number. */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/log.h"

/* An object has at most LOG_LINE_MAX - 1 bytes (log_line.h): what does not fit is left out, and
 * "cut":true says so. last: "event":"end", the last words of a program. out is emptied first and
 * takes 2 * LOG_LINE_MAX bytes. */
void log_json_object(struct buf *out, const char *stamp, const char *level, const char *role,
                     const char *msg, const struct log_kv *kvs, bool last);
/* What "msg" of such an object says, unescaped, NUL-terminated; false: the line is none. */
bool log_json_message(const char *line, char *out, size_t size);

#endif /* ONIC_COMMON_BASE_LOG_JSON_H */
