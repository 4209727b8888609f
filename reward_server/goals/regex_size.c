/* SPDX-License-Identifier: MIT */
/* regex_size.c - see regex_size.h. */
#include "reward_server/goals/regex_size.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* How often the repetition at p writes out what stands before it; 0: there is none. {2} is as
 * {2,2}, {2,} is twice and once more with a star. */
static size_t regex_times(const char *p)
{
    char *end;
    if (*p == '+')
        return 2;
    if (*p == '*' || *p == '?')
        return 1;
    if (*p != '{' || !(isdigit((unsigned char)p[1]) || p[1] == ','))
        return 0;
    unsigned long low = strtoul(p + 1, &end, 10), high = low;
    if (*end == ',')
        high = isdigit((unsigned char)end[1]) ? strtoul(end + 1, &end, 10) : low + 1;
    size_t most = high > low ? high : low;
    return most > REGEX_SIZE_MAX ? REGEX_SIZE_MAX + 1 : most + 1;
}

/* The last character of the set that begins at p. */
static const char *regex_set_end(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    const char *end = *p ? strchr(p + 1, ']') : NULL; /* the first one may be a ] itself */
    return end ? end : p + strlen(p) - 1;
}

bool regex_is_small(const char *pattern)
{
    size_t sum[REGEX_DEPTH_MAX + 1] = {0}, last = 0; /* of each open group; of what came last */
    int depth = 0;
    for (const char *p = pattern; *p; p++) {
        size_t times = regex_times(p);
        if (times) {
            sum[depth] += last * (times - 1) + 1;
            last = last * times + 1;
        } else if (*p == '(') {
            if (++depth > REGEX_DEPTH_MAX)
                return false;
            sum[depth] = last = 0;
        } else if (*p == ')' && depth) {
            last = sum[depth--] + 1;
            sum[depth] += last;
        } else {
            if (*p == '[')
                p = regex_set_end(p);
            else if (*p == '\\' && p[1])
                p++;
            last = 1;
            sum[depth]++;
        }
        if (sum[depth] > REGEX_SIZE_MAX)
            return false;
    }
    return true;
}
