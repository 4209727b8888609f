/* SPDX-License-Identifier: MIT */
/* secret_text.c - passwords and keys in the text of an option; see option_holds_secret.
 *
 * Every value is written into config.yaml, and many into logs and the identities of labels. So
 * what must be secret is no value: it stands in a file of its own, whose name the value is. */
#include <string.h>
#include <strings.h>

#include "common/config/options.h"

/* The first n bytes are user:password@host. */
static bool has_password(const char *authority, size_t n)
{
    const char *at = memchr(authority, '@', n);
    return at && memchr(authority, ':', (size_t)(at - authority)) != NULL;
}

static bool is_secret_name(const char *name, size_t n)
{
    static const char *const names[] = {"key",      "api_key",      "api-key", "apikey",
                                        "token",    "access_token", "sig",     "signature",
                                        "password", "secret"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncasecmp(names[i], name, n) == 0)
            return true;
    return false;
}

/* Of a query, "a=1&key=..." up to its end. */
static bool has_secret_parameter(const char *query, size_t n)
{
    for (const char *p = query, *end = query + n; p < end;) {
        size_t len = strcspn(p, "&#, ");
        len = p + len > end ? (size_t)(end - p) : len;
        const char *equals = memchr(p, '=', len);
        if (equals && equals + 1 < p + len && is_secret_name(p, (size_t)(equals - p)))
            return true;
        p += len + 1;
    }
    return false;
}

static bool url_holds_secret(const char *after_scheme)
{
    size_t authority = strcspn(after_scheme, "/?#, "), whole = strcspn(after_scheme, ", ");
    const char *query = memchr(after_scheme, '?', whole);
    return has_password(after_scheme, authority) ||
           (query && has_secret_parameter(query + 1, (size_t)(after_scheme + whole - query - 1)));
}

bool option_holds_secret(int index, const char *value)
{
    for (const char *p = value; (p = strstr(p, "://")) != NULL;) {
        p += 3;
        if (url_holds_secret(p))
            return true;
    }
    /* a proxy may be written without a scheme */
    return strcmp(option_rows[index].name, "proxy") == 0 && strchr(value, '@') != NULL;
}
