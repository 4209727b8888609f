/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_ZAP_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_ZAP_H

/* sock_zap.h - decides which keys may connect to a listening socket (ZAP, ZeroMQ's RFC 27): a
 * thread for each context that libzmq asks at every handshake. CURVE alone lets in whoever has a
 * key at all. Private to common/wire. */

#include "common/wire/keys/keys.h"

enum { SOCK_ZAP_DOMAIN_MAX = 24 };

/* The domain of a socket that serves these roles: what libzmq hands on with each question. */
void sock_zap_domain(unsigned roles, char out[SOCK_ZAP_DOMAIN_MAX]);

/* Before the socket is bound; keys outlive it. The first of a context starts the thread, whose keys
 * are those of all. */
void sock_zap_start(void *context, void *socket, struct wire_keys *keys);
/* Before the socket is closed, which is a name for another one from then on; what comes back is
 * given to sock_zap_stop afterwards: questions of its connections are answered until then. */
struct zap *sock_zap_leave(void *socket);
void sock_zap_stop(struct zap *z); /* NULL, of a socket that was not started, is allowed */

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_ZAP_H */
