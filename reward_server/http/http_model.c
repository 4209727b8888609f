/* SPDX-License-Identifier: MIT */
/* http_model.c - whether two names are those of one model; see http_text.h.
 *
 * A name is folders, a name proper, an ending of a file, and at last dates or versions: servers add
 * or leave out all but the name proper. Sizes, variants and numbers of generations belong to it:
 * "gpt-4" is not "gpt-4.1", "llama3:8b" not "llama3:70b", "m-mini" not "m". */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "reward_server/http/http_text.h"

/* A longer name is none of a model: looking for dates in it, one before the other, would take a
 * time that grows with its square, and it may be as long as an answer. */
enum { NAME_MAX_BYTES = 512 };

static const char *file_name(const char *name)
{
    const char *slash = strrchr(name, '/'), *back = strrchr(name, '\\');
    const char *last = !slash || (back && back > slash) ? back : slash;
    return last ? last + 1 : name;
}

static bool http_model_ends_with(const char *name, size_t len, const char *end)
{
    size_t n = strlen(end);
    return len > n && strncasecmp(name + len - n, end, n) == 0;
}

static size_t without_ending(const char *name, size_t len)
{
    static const char *const ending[] = {".gguf", ".safetensors", ".bin"};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (http_model_ends_with(name, len, ending[i]))
            return len - strlen(ending[i]);
    return len;
}

static bool is_file(const char *name)
{
    size_t n = strlen(name);
    return *name == '/' || *name == '.' || strchr(name, '\\') || without_ending(name, n) != n;
}

static int http_model_number(const char *digits, int n)
{
    int x = 0;
    for (int i = 0; i < n; i++)
        x = 10 * x + digits[i] - '0';
    return x;
}

static bool is_day(int month, int day)
{
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* 20240718, 240718, 0718, 2407 or 001 */
static bool is_date_or_count(const char *d, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)d[i]))
            return false;
    if (n == 8)
        return http_model_number(d, 4) >= 2000 &&
               is_day(http_model_number(d + 4, 2), http_model_number(d + 6, 2));
    if (n == 6)
        return http_model_number(d, 2) >= 20 &&
               is_day(http_model_number(d + 2, 2), http_model_number(d + 4, 2));
    if (n == 4)
        return is_day(http_model_number(d, 2), http_model_number(d + 2, 2)) ||
               (http_model_number(d, 2) >= 20 && is_day(http_model_number(d + 2, 2), 1));
    return n == 3 && *d == '0';
}

/* v1, v0.3, v1:0 */
static bool is_version(const char *text, size_t n)
{
    if (n < 2 || tolower((unsigned char)text[0]) != 'v')
        return false;
    for (size_t i = 1; i < n; i++)
        if (!isdigit((unsigned char)text[i]) && text[i] != '.' && text[i] != ':')
            return false;
    return isdigit((unsigned char)text[1]) && isdigit((unsigned char)text[n - 1]);
}

/* 2024-07-18 or 05-06 */
static bool is_dashed_date(const char *text, size_t n)
{
    static const char shape[] = "dddd-dd-dd";
    const char *want = n == 5 ? shape + 5 : shape;
    if (n != 5 && n != sizeof shape - 1)
        return false;
    for (size_t i = 0; i < n; i++)
        if (want[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != '-')
            return false;
    return is_day(http_model_number(text + n - 5, 2), http_model_number(text + n - 2, 2));
}

static bool is_latest(const char *text, size_t n)
{
    return n == 6 && strncasecmp(text, "latest", n) == 0;
}

/* Bytes of a name before the dates and versions at its end. */
static size_t proper_length(const char *name, size_t len)
{
    for (size_t at = 1; at + 1 < len; at++) {
        const char *text = name + at + 1;
        size_t n = len - at - 1;
        if (strchr("-@:_", name[at]) && (is_date_or_count(text, n) || is_dashed_date(text, n) ||
                                         is_version(text, n) || is_latest(text, n))) {
            len = at;
            at = 0; /* there may be another one before it */
        }
    }
    return len;
}

/* The same date or version, however it is punctuated. */
static bool same_suffix(const char *a, size_t na, const char *b, size_t nb)
{
    size_t i = 0, j = 0;
    while (i < na || j < nb) {
        if (i < na && strchr("-@:_", a[i]))
            i++;
        else if (j < nb && strchr("-@:_", b[j]))
            j++;
        else if (i == na || j == nb ||
                 tolower((unsigned char)a[i++]) != tolower((unsigned char)b[j++]))
            return false;
    }
    return true;
}

/* One is the other with folders or an organisation before it. */
static bool same_name(const char *a, size_t na, const char *b, size_t nb)
{
    if (na > nb)
        return same_name(b, nb, a, na);
    return strncasecmp(a, b + nb - na, na) == 0 && (na == nb || b[nb - na - 1] == '/');
}

bool http_same_model(const char *wanted, const char *served)
{
    const char *a = wanted, *b = served;
    if (!*b)
        return true;
    if (strlen(a) > NAME_MAX_BYTES || strlen(b) > NAME_MAX_BYTES)
        return strcmp(a, b) == 0;
    if (is_file(a) || is_file(b)) {
        a = file_name(a);
        b = file_name(b);
    }
    size_t na = without_ending(a, strlen(a)), nb = without_ending(b, strlen(b));
    size_t pa = proper_length(a, na), pb = proper_length(b, nb);
    bool open = pa == na || pb == nb || is_latest(a + pa + 1, na - pa - 1) ||
                is_latest(b + pb + 1, nb - pb - 1);
    return same_name(a, pa, b, pb) && (open || same_suffix(a + pa, na - pa, b + pb, nb - pb));
}
