/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_HTTP_HTTP_HOST_H
#define ONIC_COMMON_HTTP_HTTP_HOST_H

/* http_host.h - under which names a page may be asked for.
 *
 * A browser runs what other pages tell it to. One whose name its owner makes point at 127.0.0.1
 * after it was loaded may read what is served there, as if it came from itself; but it says the
 * name in Host. Numbers cannot be made to point elsewhere, so they pass, and so does localhost. */

#include <stdbool.h>

#include "common/base/err.h"

/* host: the header, with or without a port; NULL = none was sent. names: NAME,... that pass, too;
 * case does not matter. */
bool http_host_known(const char *host, const char *names);
/* The name without port, brackets and a dot at its end, cut at size. */
void http_host_name(const char *host, char *out, int size);
/* ONIC_OK or ONIC_ECONFIG: names is no list of names. */
int http_host_check(const char *names, struct onic_err *err);

#endif /* ONIC_COMMON_HTTP_HTTP_HOST_H */
