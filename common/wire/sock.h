/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_SOCK_H
#define ONIC_COMMON_WIRE_SOCK_H

/* sock.h - ZeroMQ sockets with the options of reliability.md 3.1, and messages of exactly one
 * frame.
 *
 * The only file that calls zmq_setsockopt. ROUTER sides bind, DEALER sides connect. Nothing here
 * ever waits. A socket belongs to one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>
#include <zmq.h>

#include "common/base/err.h"
#include "common/wire/frame.h"

enum { SOCK_ADDRESS_MAX = 256, SOCK_ROUTE_MAX = 255 };

/* What libzmq calls a connection of a ROUTER. */
struct sock_route {
    uint8_t len; /* 0 = none (DEALER) */
    uint8_t bytes[SOCK_ROUTE_MAX];
};
bool sock_route_equal(const struct sock_route *a, const struct sock_route *b);

struct sock_options {
    int hwm; /* messages per peer and direction: a backstop that credit keeps from being reached */
    int64_t max_msg_bytes; /* a larger message cuts its connection */
    bool allow_insecure;   /* bind beyond loopback without keys */
    const char *option;    /* what to change, in sentences: "--listen" */
};

/* ROUTER. bound: the address with the port filled in. ONIC_ECONFIG (address not usable, or beyond
 * loopback without allow_insecure) or ONIC_ECANTCREATE (in use). */
int sock_bind(void **out, void *context, const char *address, const struct sock_options *o,
              char bound[SOCK_ADDRESS_MAX], struct onic_err *err);
/* DEALER. The peer need not exist yet. ONIC_ECONFIG when the address cannot be parsed. */
int sock_connect(void **out, void *context, const char *address, const struct sock_options *o,
                 struct onic_err *err);
/* Messages not yet written are given up after linger_ms. NULL is allowed. */
void sock_close(void *socket, int linger_ms);

bool sock_is_exposed(const char *address); /* tcp beyond loopback */
/* An address next to `address` for a second socket: a free port of the same host, or path + suffix.
 */
void sock_sibling(const char *address, const char *suffix, char out[SOCK_ADDRESS_MAX]);
/* Where to connect to a socket that its owner announced as bound to every interface
 * (tcp://0.0.0.0:P): the host by which the owner itself was reached (via), and port P. Any other
 * address is copied. */
void sock_reachable(const char *announced, const char *via, char out[SOCK_ADDRESS_MAX]);

enum sock_got { SOCK_NOTHING, SOCK_FRAME, SOCK_MULTIPART /* read to its end and thrown away */ };
/* route NULL for a DEALER. On SOCK_FRAME msg is initialised and owned by the caller. */
enum sock_got sock_recv(void *socket, struct sock_route *route, zmq_msg_t *msg);

enum sock_sent { SOCK_SENT, SOCK_FULL, SOCK_GONE };
/* Takes msg on SOCK_SENT, else closes it. SOCK_FULL: high-water mark or not connected; SOCK_GONE:
 * no such route. */
enum sock_sent sock_send(void *socket, const struct sock_route *route, zmq_msg_t *msg);

/* A new message: header, meta (may be NULL), two pieces of bulk (may be NULL). Lengths in h are
 * filled in here. */
struct sock_bulk {
    const void *data;
    size_t len;
};
void sock_build(zmq_msg_t *msg, const struct frame_head *h, const ProtobufCMessage *meta,
                struct sock_bulk a, struct sock_bulk b);

#endif /* ONIC_COMMON_WIRE_SOCK_H */
