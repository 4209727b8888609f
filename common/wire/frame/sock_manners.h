/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_MANNERS_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_MANNERS_H

/* sock_manners.h - connections that send nonsense: each is counted, and cut after ten within a
 * minute (R7). For sockets whose peers have no account to remember it. Private to common/wire, one
 * thread; the sum may be read by any. */

#include <stdatomic.h>

#include "common/wire/frame/sock.h"

enum { SOCK_MANNERS_MAX = 256, SOCK_MANNERS_PER_MINUTE = 10 };

struct sock_manners {
    struct sock_manners_of {
        uint64_t route; /* sock_crowd_route; 0 = free */
        int64_t minute_ms;
        int bad;
    } of[SOCK_MANNERS_MAX]; /* the newest that were bad */
    atomic_ullong bad;      /* of all, ever */
    int64_t log_ms;
};

/* One more message that says nothing. why: for the log, which says it once a second. True: it was
 * the tenth within a minute, and the connection is cut. */
bool sock_manners_bad(struct sock_manners *m, void *socket, const struct sock_route *from,
                      const char *why);
/* What still comes of a connection that was cut is not looked at; it is counted. */
bool sock_manners_shut_out(struct sock_manners *m, const struct sock_route *from);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_MANNERS_H */
