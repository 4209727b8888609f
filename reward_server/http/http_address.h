/* SPDX-License-Identifier: MIT */
#ifndef ONIC_REWARD_SERVER_HTTP_HTTP_ADDRESS_H
#define ONIC_REWARD_SERVER_HTTP_HTTP_ADDRESS_H

/* http_address.h - the address of an API as people write it: "http://host:8000", ".../v1/" and
 * ".../v1/chat/completions" all mean ".../v1". What follows a "?" (Azure's ?api-version=...) is the
 * query of every request; it may hold a secret and is never shown. No I/O. */

#include <stddef.h>

enum { HTTP_ADDRESS_MAX = 512 };

struct http_address {
    char base[HTTP_ADDRESS_MAX];  /* up to the folder that the paths of the API lie in */
    char query[HTTP_ADDRESS_MAX]; /* "?..." or "" */
};

/* Reads len bytes of url, which are fewer than HTTP_ADDRESS_MAX - 8; paths, NULL at the end, are
 * cut from the end of it, in this order. An address without a path gets /v1. */
void http_address_read(struct http_address *a, const char *url, size_t len,
                       const char *const *paths);
/* base, path and query as the URL of a request. base: of an address or of a folder above it. */
void http_address_join(const struct http_address *a, const char *base, const char *path, char *out,
                       size_t size);

#endif /* ONIC_REWARD_SERVER_HTTP_HTTP_ADDRESS_H */
