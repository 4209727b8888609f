/* SPDX-License-Identifier: MIT */
/* log_line.c - see log_line.h. */
#include "common/base/log_line.h"

#include <string.h>

/* {"time":"2026-11-23T19:30:00.123Z","level":"warn",... of log_json.h; last words are no line of
 * the log in the other format either. */
static char level_of_object(const char *line, size_t n)
{
    static const char head[] = "{\"time\":\"", level[] = "\",\"level\":\"",
                      end[] = ",\"event\":\"end\"";
    const size_t at = strlen(head) + LOG_LINE_STAMP;
    if (n < at + strlen(level) + 1 || strncmp(line, head, strlen(head)) != 0 ||
        strncmp(line + at, level, strlen(level)) != 0)
        return '?';
    char c = line[at + strlen(level)];
    for (size_t i = at; i + strlen(end) <= n && c == 'e'; i++)
        if (strncmp(line + i, end, strlen(end)) == 0)
            return '?';
    return strchr("ewid", c) ? c : '?';
}

char log_line_level(const char *line, size_t n)
{
    if (n && line[0] == '{')
        return level_of_object(line, n);
    static const char *const levels[] = {" error ", " warn ", " info ", " debug "};
    if (n < 32 || line[4] != '-' || line[10] != 'T' || line[23] != 'Z')
        return '?';
    for (int i = 0; i < 4; i++)
        if (strncmp(line + LOG_LINE_STAMP, levels[i], strlen(levels[i])) == 0)
            return "ewid"[i];
    return '?';
}
