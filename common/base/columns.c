/* SPDX-License-Identifier: MIT */
/* columns.c - see columns.h. The C library knows the widths, but only of a locale that has
 * characters; the program's own may be "C". */
#define _GNU_SOURCE
#include "common/base/columns.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wchar.h>

#include "common/base/shown.h"

static locale_t utf8;
static pthread_once_t utf8_once = PTHREAD_ONCE_INIT;

static void open_utf8(void)
{
    static const char *const names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !utf8; i++)
        utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
}

/* Without such a locale every character is taken to be one column wide. */
static int guess(const char *s, size_t n, size_t *bytes)
{
    unsigned char c = (unsigned char)*s;
    *bytes = 1;
    while (c >= 0xc0 && *bytes < n && *bytes < 4 && ((unsigned char)s[*bytes] & 0xc0) == 0x80)
        ++*bytes;
    return 1;
}

int columns_of(const char *s, size_t n, size_t *bytes)
{
    if (!shown_as_is(s, n, bytes))
        return -1;
    pthread_once(&utf8_once, open_utf8);
    if (!utf8)
        return guess(s, n, bytes);
    wchar_t c = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    locale_t before = uselocale(utf8);
    size_t got = mbrtowc(&c, s, n, &state);
    bool whole = got > 0 && got <= n;
    int columns = whole ? wcwidth(c) : -1;
    uselocale(before);
    *bytes = whole ? got : 1;
    return columns;
}

/* Bytes of a line that fit, and their columns. */
static size_t fit(const char *line, size_t n, int columns, int *taken)
{
    size_t at = 0, bytes;
    *taken = 0;
    while (at < n) {
        int w = columns_of(line + at, n - at, &bytes);
        w = w < 0 ? 1 : w;
        if (*taken + w > columns)
            break;
        *taken += w;
        at += bytes;
    }
    return at;
}

int columns_put(struct buf *out, const char *line, size_t n, int columns)
{
    static const char cut[] = "...";
    const int cut_columns = (int)sizeof cut - 1;
    int taken;
    size_t end = fit(line, n, columns, &taken), bytes;
    bool dots = end < n && columns > 2 * cut_columns;
    if (dots)
        end = fit(line, n, columns - cut_columns, &taken);
    for (size_t at = 0; at < end; at += bytes)
        if (columns_of(line + at, end - at, &bytes) >= 0)
            buf_append(out, line + at, bytes);
        else
            buf_puts(out, (unsigned char)line[at] < 0x80 || bytes > 1 ? " " : "?");
    if (dots)
        buf_puts(out, cut);
    return taken + (dots ? cut_columns : 0);
}
