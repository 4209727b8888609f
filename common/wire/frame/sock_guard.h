/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H

/* sock_guard.h - keeps descriptors for files when peers open ever more connections.
 *
 * libzmq accepts whoever comes, until the process has no descriptor left and can write no
 * checkpoint either. A guarded socket cuts the connections that would take the last ones of the
 * limit, and says so. Private to common/wire. */

#include <stdbool.h>
#include <sys/resource.h>

enum { SOCK_GUARD_RESERVE = 32 }; /* descriptors kept for files; a quarter of a limit below 128 */

/* Descriptors with this number or a higher one are not for connections. */
rlim_t sock_guard_first_kept(rlim_t limit);

/* Of a socket that is bound or about to be, with keys or without: also says which connections end
 * at their beginning for want of the right ones. Without a thread to be had it stays unguarded. */
void sock_guard_start(void *context, void *socket, bool keyed);
void sock_guard_stop(void *socket); /* by the socket's own thread, before it is closed */

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_GUARD_H */
