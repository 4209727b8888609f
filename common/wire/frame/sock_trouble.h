/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_TROUBLE_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_TROUBLE_H

/* sock_trouble.h - why a socket that connects does not get through: libzmq itself says nothing and
 * tries for ever, or, once refused, not any more. */

#include "common/wire/keys/keys.h"

enum sock_trouble {
    SOCK_FINE,   /* through, or nobody there yet */
    SOCK_SHUT,   /* each connection ends at its beginning: another key, no key, another protocol */
    SOCK_REFUSED /* for good: not authorised, or keys are wanted and there are none */
};
enum { SOCK_TROUBLE_TEXT = 900 };

/* Private to sock.c: for a socket that is about to connect to a tcp address, at which `peer` is
 * expected. keys NULL: has none. */
void sock_trouble_watch(void *context, void *socket, const char *address, enum key_role peer,
                        struct wire_keys *keys);
void sock_trouble_end(void *socket); /* by the socket's own thread, before it is closed */

/* How it is now; text: a sentence, or "". By the socket's own thread; never waits. */
enum sock_trouble sock_trouble(void *socket, char text[SOCK_TROUBLE_TEXT]);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_TROUBLE_H */
