/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_ADDRESS_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_ADDRESS_H

/* sock_address.h - addresses as people write them, and what libzmq is told.
 *
 * tcp://HOST:PORT, ipc://PATH, inproc://NAME. HOST is an IPv4 address, an IPv6 address in brackets,
 * or a name. To listen it may also be that of a network interface, and `*` or nothing: every
 * address of the machine; PORT may be `*`: a free one. libzmq itself binds to no name but that of
 * an interface, and connects to one family only. Resolving may wait for a name server. */

#include <stdbool.h>

#include "common/base/err.h"

enum { SOCK_ADDRESS_MAX = 256, SOCK_ENDPOINTS_MAX = 8 };

/* Numeric addresses that a listening socket binds, all of them. */
struct sock_endpoints {
    int count;
    struct {
        char text[SOCK_ADDRESS_MAX]; /* as libzmq takes it */
        bool ipv6, loopback;
    } at[SOCK_ENDPOINTS_MAX];
};

/* option: what to change, in sentences ("--listen"). ONIC_ECONFIG: not an address, or a name that
 * does not resolve. */
int sock_endpoints(struct sock_endpoints *out, const char *address, const char *option,
                   struct onic_err *err);

/* Is it one to connect to? Names need not resolve yet. ONIC_ECONFIG. */
int sock_check_peer(const char *address, const char *option, struct onic_err *err);

/* Asks the name server, where the host is a name. False: why tells the reason, for a sentence. */
bool sock_resolves(const char *address, char why[128]);
bool sock_is_name(const char *address); /* tcp, and the host is no number */
/* As libzmq takes it: an IPv6 address in brackets. */
void sock_peer_text(const char *address, char out[SOCK_ADDRESS_MAX]);

/* True when a peer on another machine can reach it. A name that does not resolve counts as exposed.
 */
bool sock_is_exposed(const char *address);

/* `address` with its port, as bound: `bound` ends with it. ipc and others: `bound` itself. */
void sock_with_port(const char *address, const char *bound, char out[SOCK_ADDRESS_MAX]);
/* An address next to `address` for a second socket: the next port of the same host (a free one
 * where `address` asks for a free one), or path + suffix. ONIC_ECONFIG: there is none, in a
 * sentence that names the option by which the second one is given. */
int sock_sibling(const char *address, const char *suffix, const char *option,
                 char out[SOCK_ADDRESS_MAX], struct onic_err *err);
/* What peers are told of a second socket, bound as `bound` when `address` was asked for: host and
 * port, or every interface (below) where only the host by which they came means something to them:
 * that of the first socket, `first`, or the name of an interface. */
void sock_announce(const char *address, const char *first, const char *bound,
                   char out[SOCK_ADDRESS_MAX]);
/* Where to connect to a socket that its owner announced as bound to every interface
 * (tcp://0.0.0.0:P): the host by which the owner itself was reached (via), and port P. Any other
 * address is copied. */
void sock_reachable(const char *announced, const char *via, char out[SOCK_ADDRESS_MAX]);
/* Whether a peer that was reached by `via` may name `announced` for another of its sockets: a path
 * is one of this machine, which a peer elsewhere cannot mean. */
bool sock_may_name(const char *announced, const char *via);
/* How a process of this machine reaches a socket that listens at `address`: a numeric address,
 * loopback for every interface. A port `*` becomes one that is free now; it is not held. */
int sock_local(const char *address, const char *option, char listen[SOCK_ADDRESS_MAX],
               char connect[SOCK_ADDRESS_MAX], struct onic_err *err);

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_ADDRESS_H */
