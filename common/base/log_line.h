/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_BASE_LOG_LINE_H
#define ONIC_COMMON_BASE_LOG_LINE_H

/* log_line.h - reading lines that log.h wrote. */

#include <stddef.h>

/* bytes: "2026-11-23T", all of the time; a line */
enum { LOG_LINE_DATE = 11, LOG_LINE_STAMP = 24, LOG_LINE_MAX = 4096 };

/* 'e', 'w', 'i', 'd' for the level, '?' when it is no such line (a crash, last words). Of both
 * formats. */
char log_line_level(const char *line, size_t n);

#endif /* ONIC_COMMON_BASE_LOG_LINE_H */
