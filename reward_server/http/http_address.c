/* SPDX-License-Identifier: MIT */
/* http_address.c - see http_address.h. */
#include "reward_server/http/http_address.h"

#include <stdio.h>
#include <string.h>

static void cut_end(char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    if (n >= m && strcmp(text + n - m, end) == 0)
        text[n - m] = '\0';
}

void http_address_read(struct http_address *a, const char *url, size_t len,
                       const char *const *paths)
{
    snprintf(a->base, sizeof a->base, "%.*s", (int)len, url);
    a->base[strcspn(a->base, "#")] = '\0';
    size_t at = strcspn(a->base, "?");
    snprintf(a->query, sizeof a->query, "%s", a->base[at] && a->base[at + 1] ? a->base + at : "");
    a->base[at] = '\0';
    for (size_t n = strlen(a->base); n > 0 && a->base[n - 1] == '/'; n--)
        a->base[n - 1] = '\0';
    for (; *paths; paths++)
        cut_end(a->base, *paths);
    const char *authority = strstr(a->base, "://");
    if (authority && !strchr(authority + 3, '/'))
        strncat(a->base, "/v1", 4);
}

void http_address_join(const struct http_address *a, const char *base, const char *path, char *out,
                       size_t size)
{
    snprintf(out, size, "%s%s%s", base, path, a->query);
}
