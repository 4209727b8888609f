/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_HTTP_HTTP_GET_H
#define ONIC_COMMON_HTTP_HTTP_GET_H

/* http_get.h - asks a plane of onic (http_plane.h) for one document, and waits for it. */

#include "common/base/buf.h"
#include "common/base/err.h"

/* address: HOST:PORT or http://HOST:PORT[/]. Appends the body to out, up to what it may hold;
 * *status: of HTTP. Gives up after timeout_ms without a byte.
 * ONIC_ECONFIG: no such address; ONIC_ENOTFOUND: nobody answers there; ONIC_ETIMEDOUT; ONIC_EIO:
 * what came is no whole answer. */
int http_get(const char *address, const char *path, int timeout_ms, struct buf *out, int *status,
             struct onic_err *err);

/* Whether its host is a number, and one of this machine's. For an address that a file names, whose
 * word it may be: nobody is asked then whom it chooses, and no name server whom it names. */
bool http_get_stays_here(const char *address);

#endif /* ONIC_COMMON_HTTP_HTTP_GET_H */
