/* SPDX-License-Identifier: MIT */
/* http_host.c - see http_host.h. */
#include "common/http/http_host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/err.h"

enum { HOST_NAME_MAX_BYTES = 256 };

/* ":" and digits, or nothing. */
static bool is_port(const char *text)
{
    return !*text || (*text == ':' && !text[1 + strspn(text + 1, "0123456789")]);
}

void http_host_name(const char *host, char *out, int size)
{
    const char *start = host, *end = host + strlen(host);
    const char *bracket = *host == '[' ? strchr(host, ']') : NULL, *colon = strrchr(host, ':');
    if (bracket && is_port(bracket + 1)) {
        start++;
        end = bracket;
    } else if (colon && is_port(colon)) {
        end = colon;
    }
    if (end > start && end[-1] == '.')
        end--;
    snprintf(out, (size_t)size, "%.*s", (int)(end - start), start);
}

/* Whether a list NAME,... holds the name. */
static bool list_holds(const char *names, const char *name)
{
    size_t n = strlen(name);
    while (*names) {
        names += strspn(names, ", ");
        size_t len = strcspn(names, ", ");
        if (len == n && n > 0 && strncasecmp(names, name, n) == 0)
            return true;
        names += len;
    }
    return false;
}

bool http_host_known(const char *host, const char *names)
{
    char name[HOST_NAME_MAX_BYTES];
    struct in_addr v4;
    struct in6_addr v6;
    if (!host || strlen(host) >= sizeof name)
        return false;
    http_host_name(host, name, sizeof name);
    if (*host == '[')
        return inet_pton(AF_INET6, name, &v6) == 1;
    return inet_pton(AF_INET, name, &v4) == 1 || strcasecmp(name, "localhost") == 0 ||
           list_holds(names, name);
}

int http_host_check(const char *names, struct onic_err *err)
{
    size_t plain =
        strspn(names, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_, ");
    if (names[plain])
        return err_set(err, ONIC_ECONFIG,
                       "dashboard.hosts is \"%.100s\": give names as a browser is given them, "
                       "without ports, with commas between them: run.example.org,gpu7",
                       names);
    return ONIC_OK;
}
