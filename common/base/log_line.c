/* SPDX-License-Identifier: MIT */
/* log_line.c - see log_line.h. */
#include "common/base/log_line.h"

#include <string.h>

char log_line_level(const char *line, size_t n)
{
    static const char *const levels[] = {" error ", " warn ", " info ", " debug "};
    if (n < 32 || line[4] != '-' || line[10] != 'T' || line[23] != 'Z')
        return '?';
    for (int i = 0; i < 4; i++)
        if (strncmp(line + LOG_LINE_STAMP, levels[i], strlen(levels[i])) == 0)
            return "ewid"[i];
    return '?';
}
