/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H

/* sock_guard.h - watches over the connections of a socket that listens, and cuts those that have to
 * go (sock_crowd.h); it also keeps descriptors for files.
 *
 * libzmq accepts whoever comes, until the process has no descriptor left and can write no
 * checkpoint either. A guarded socket cuts the connections that would take the last ones of the
 * limit, and says so. Private to common/wire. */

#include <stdbool.h>
#include <sys/resource.h>

#include "common/wire/frame/sock_crowd.h"

enum { SOCK_GUARD_RESERVE = 32 }; /* descriptors kept for files; a quarter of a limit below 128 */

/* Descriptors with this number or a higher one are not for connections. */
rlim_t sock_guard_first_kept(rlim_t limit);

/* Of a socket that is bound or about to be, with keys or without: also says which connections end
 * at their beginning for want of the right ones. Without a thread to be had it stays unguarded. */
void sock_guard_start(void *context, void *socket, bool keyed,
                      const struct sock_crowd_rules *rules);
void sock_guard_stop(void *socket); /* by the socket's own thread, before it is closed */

/* What the socket's own thread learns of a connection; see sock_crowd.h. An unguarded socket knows
 * none. */
void sock_guard_hear(void *socket, struct sock_crowd_name n, size_t bytes);
void sock_guard_know(void *socket, struct sock_crowd_name n, size_t bytes);
void sock_guard_forget(void *socket, struct sock_crowd_name n);
void sock_guard_cut(void *socket, struct sock_crowd_name n);
bool sock_guard_flow(void *socket, struct sock_crowd_name n, struct sock_crowd_flow *out);
/* Connections that were cut so far. */
uint64_t sock_guard_cuts(void *socket);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H */
