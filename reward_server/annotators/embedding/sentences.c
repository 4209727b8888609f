/* SPDX-License-Identifier: MIT */
/* sentences.c - cutting captions; see the header for why. A cut too many costs little (both halves
 * are judged), so abbreviations are not looked for. */
#include "reward_server/annotators/embedding/sentences.h"

#include <stdbool.h>
#include <string.h>

static bool ends_sentence(char c)
{
    return c == '.' || c == '!' || c == '?';
}

static bool starts_sentence(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '$' || c == '"';
}

int sentences_split(char *text, char *part[SENTENCES_MAX])
{
    int n = 0;
    char *p = text + strspn(text, " ");
    if (!*p)
        return 0;
    part[n++] = p;
    for (; *p && n < SENTENCES_MAX; p++) {
        if (!ends_sentence(*p) || p[1] != ' ')
            continue;
        char *next = p + 1 + strspn(p + 1, " ");
        if (starts_sentence(*next)) {
            p[1] = '\0';
            part[n++] = next;
            p = next - 1;
        }
    }
    return n;
}
