/* SPDX-License-Identifier: MIT */
/* options.c - the table of all options and the search for the name a person meant; see options.h.
 */
#include "common/config/options.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option option_rows[CONFIG_COUNT] = {
#define ROW(section_, name_, who_, help_)                                                          \
    .section = #section_, .name = #name_, .who = who_, .help = help_,                              \
    .offset = offsetof(struct config, section_##_##name_)
#define OPT_INT(section_, name_, def, lo, hi, who_, help_)                                         \
    {ROW(section_, name_, who_, help_), .type = OPTION_INT, .int_def = (def), .int_min = (lo),     \
     .int_max = (hi)},
#define OPT_REAL(section_, name_, def, lo, hi, who_, help_)                                        \
    {ROW(section_, name_, who_, help_), .type = OPTION_REAL, .real_def = (def), .real_min = (lo),  \
     .real_max = (hi)},
#define OPT_BOOL(section_, name_, def, who_, help_)                                                \
    {ROW(section_, name_, who_, help_), .type = OPTION_BOOL, .bool_def = (def)},
#define OPT_STR(section_, name_, def, who_, help_)                                                 \
    {ROW(section_, name_, who_, help_), .type = OPTION_STR, .str_def = (def)},
#define OPT_CHOICE(section_, name_, def, words_, who_, help_)                                      \
    {ROW(section_, name_, who_, help_), .type = OPTION_CHOICE,                                     \
     .choice_def = CONFIG_##section_##_##name_##_##def,                                            \
     .choices = &(CHOICE_TEXT(CHOICE_WORDS words_))[1]},
#include "generated/options.def"
#undef OPT_INT
#undef OPT_REAL
#undef OPT_BOOL
#undef OPT_STR
#undef OPT_CHOICE
#undef ROW
};

void option_key(int index, char out[64])
{
    snprintf(out, 64, "%s.%s", option_rows[index].section, option_rows[index].name);
}

void option_env(int index, char out[64])
{
    snprintf(out, 64, "ONIC_%s_%s", option_rows[index].section, option_rows[index].name);
    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
}

static bool is_neighbour(int i, int k)
{
    return strcmp(option_rows[i].section, option_rows[k].section) == 0;
}

/* The first row of the section of row i. */
static int section_begin(int i)
{
    int k = 0;
    while (!is_neighbour(i, k))
        k++;
    return k;
}

static int find_next(int i)
{
    for (int k = i + 1; k < CONFIG_COUNT; k++)
        if (is_neighbour(i, k))
            return k;
    int k = section_begin(i) + 1;
    while (k < CONFIG_COUNT && section_begin(k) != k)
        k++;
    return k;
}

/* Rows never change: they are compared once, not at each going through them. */
static int row_after[CONFIG_COUNT];
static pthread_once_t rows_ordered = PTHREAD_ONCE_INIT;

static void order_rows(void)
{
    for (int i = 0; i < CONFIG_COUNT; i++)
        row_after[i] = find_next(i);
}

int option_next(int i)
{
    pthread_once(&rows_ordered, order_rows);
    return i < 0 ? 0 : row_after[i];
}

int option_find(const char *key)
{
    const char *dot = strchr(key, '.');
    if (!dot)
        return -1;
    size_t n = (size_t)(dot - key);
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (strlen(option_rows[i].section) == n && strncmp(option_rows[i].section, key, n) == 0 &&
            strcmp(option_rows[i].name, dot + 1) == 0)
            return i;
    return -1;
}

bool option_is_section(const char *name)
{
    if (strcmp(name, "plugin") == 0)
        return true;
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (strcmp(option_rows[i].section, name) == 0)
            return true;
    return false;
}

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int option_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n >= MAX || m >= MAX)
        return n > m ? n : m;
    int d[MAX][MAX]; /* d[i][j]: first i bytes of a to first j bytes of b */
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            int differ = a[i - 1] != b[j - 1];
            d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + differ);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < d[i][j])
                d[i][j] = d[i - 2][j - 2] + 1;
        }
    return d[n][m];
}

void option_fold(const char *name, char *out, size_t size)
{
    const char *version = strrchr(name, '-');
    size_t n = 0, len = strlen(name);
    if (version && version[1] == 'v' && version[2] &&
        !version[2 + strspn(version + 2, "0123456789")])
        len = (size_t)(version - name);
    for (size_t i = 0; i < len && n + 1 < size; i++)
        if (isalnum((unsigned char)name[i]))
            out[n++] = (char)tolower((unsigned char)name[i]);
    out[n] = '\0';
}

void option_nearest_of(const char *word, const char *list, char out[64])
{
    int best = (int)strlen(word) / 3 + 2; /* as far as this is another word, not a slip */
    out[0] = '\0';
    for (list += strspn(list, ", "); *list; list += strspn(list, ", ")) {
        char known[64];
        size_t len = strcspn(list, ", ");
        snprintf(known, sizeof known, "%.*s", (int)(len < 63 ? len : 63), list);
        int d = option_distance(word, known);
        if (d < best) {
            best = d;
            snprintf(out, 64, "%s", known);
        }
        list += len;
    }
}

void option_nearest(const char *key, char out[64])
{
    const char *dot = strchr(key, '.');
    const char *last = dot ? dot + 1 : key;
    int len = (int)strlen(key), best = len / 3 + 1; /* farther is another word, not a slip */
    out[0] = '\0';
    for (int i = 0; i < CONFIG_COUNT; i++) {
        char known[64];
        option_key(i, known);
        bool same_name = strcmp(last, option_rows[i].name) == 0 && strlen(last) > 1;
        if (!same_name && abs((int)strlen(known) - len) > best) /* so many edits at least */
            continue;
        int d = option_distance(key, known);
        /* The right name in a wrong section, or without one, is nearer than any edit of the whole.
         */
        if (same_name && d > 1)
            d = dot ? 1 : 0;
        if (d < best || (d == best && !out[0])) {
            best = d;
            snprintf(out, 64, "%s", known);
        }
    }
}
