/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_HTTP_HTTP_LISTEN_H
#define ONIC_COMMON_HTTP_HTTP_LISTEN_H

/* http_listen.h - the listening sockets of a plane. */

#include <stdbool.h>

#include "common/wire/frame/sock_address.h"

struct http_listen {
    int fd[SOCK_ENDPOINTS_MAX]; /* [count], close-on-exec and without waiting */
    int count, port;
    bool exposed;                 /* other machines may reach one of them */
    char host[SOCK_ADDRESS_MAX];  /* how a browser of this machine reaches the first */
    char given[SOCK_ADDRESS_MAX]; /* the host as it was given */
};

/* listen: HOST:PORT, the port * is a free one: port_first where that is free (0: any).
 * ONIC_ECONFIG: no address, or exposed and not allowed to be; ONIC_ECANTCREATE: the port is taken.
 */
int http_listen_open(struct http_listen *out, const char *listen, int port_first,
                     bool allow_exposed, const char *option, struct onic_err *err);
void http_listen_close(struct http_listen *l);

#endif /* ONIC_COMMON_HTTP_HTTP_LISTEN_H */
