/* SPDX-License-Identifier: MIT */
/* scalar.c - see scalar.h. The form is checked before libc reads it: strtod also takes blanks,
 * hexadecimal fractions and words such as "infinity". */
#include "common/config/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* text is word, Word or WORD (word in small letters). */
static bool is_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    if (strlen(text) != n)
        return false;
    bool rest_small = true, rest_large = true;
    for (size_t i = 0; i < n; i++) {
        if (tolower((unsigned char)text[i]) != word[i])
            return false;
        if (i > 0 && isupper((unsigned char)text[i]))
            rest_small = false;
        else if (i > 0)
            rest_large = false;
    }
    return rest_small || (rest_large && isupper((unsigned char)text[0]));
}

bool scalar_is_null(const char *text)
{
    return !text[0] || strcmp(text, "~") == 0 || is_word(text, "null");
}

bool scalar_bool(const char *text, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
        if (is_word(text, words[i])) {
            *out = i & 1;
            return true;
        }
    return false;
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )? */
static bool has_real_form(const char *p)
{
    static const char digits[] = "0123456789";
    p += *p == '-' || *p == '+';
    size_t whole = strspn(p, digits), fraction = 0;
    p += whole;
    if (*p == '.') {
        p++;
        fraction = strspn(p, digits);
        p += fraction;
    }
    if (!whole && !fraction)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        p += *p == '-' || *p == '+';
        size_t exponent = strspn(p, digits);
        if (!exponent)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

/* Base of a whole number, 0 = it is none; *digits where they begin. The schema has no signs with
 * 0o and 0x. */
static int base_of(const char *text, const char **digits)
{
    static const struct {
        const char *prefix, *digits;
        int base;
    } forms[] = {{"0o", "01234567", 8}, {"0x", "0123456789abcdefABCDEF", 16}};
    for (int i = 0; i < 2; i++)
        if (strncmp(text, forms[i].prefix, 2) == 0) {
            *digits = text + 2;
            size_t n = strspn(*digits, forms[i].digits);
            return n && !(*digits)[n] ? forms[i].base : 0;
        }
    *digits = text;
    const char *p = text + (*text == '-' || *text == '+');
    size_t n = strspn(p, "0123456789");
    return n && !p[n] ? 10 : 0;
}

bool scalar_int(const char *text, int64_t *out)
{
    const char *digits;
    int base = base_of(text, &digits);
    if (base) {
        errno = 0;
        long long v = strtoll(digits, NULL, base);
        *out = v;
        return errno == 0;
    }
    if (!has_real_form(text))
        return false;
    double d = strtod(text, NULL);
    if (!(fabs(d) <= 0x1p53) || d != floor(d)) /* beyond it a double skips whole numbers */
        return false;
    *out = (int64_t)d;
    return true;
}

bool scalar_real(const char *text, double *out)
{
    const char *digits, *word = text + (*text == '-' || *text == '+');
    int base = base_of(text, &digits);
    if (base == 8 || base == 16) {
        errno = 0;
        *out = (double)strtoull(digits, NULL, base);
        return errno == 0;
    }
    if (word[0] == '.' && is_word(word + 1, "inf")) {
        *out = *text == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (strcmp(text, ".nan") == 0 || strcmp(text, ".NaN") == 0 || strcmp(text, ".NAN") == 0) {
        *out = (double)NAN;
        return true;
    }
    if (!has_real_form(text))
        return false;
    *out = strtod(text, NULL);
    return true;
}
