/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_FRAME_SOCK_H
#define ONIC_COMMON_WIRE_FRAME_SOCK_H

/* sock.h - ZeroMQ sockets with options that lose nothing silently (sock.c says which and why), and
 * messages of exactly one frame.
 *
 * The only file that calls zmq_setsockopt. ROUTER sides bind, DEALER sides connect. Nothing here
 * ever waits. A socket belongs to one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>
#include <zmq.h>

#include "common/base/err.h"
#include "common/wire/frame/frame.h"
#include "common/wire/frame/sock_address.h"
#include "common/wire/frame/sock_crowd.h"
#include "common/wire/keys/keys.h"

enum { SOCK_ROUTE_MAX = 255, SOCK_PEER_MAX = 64 };

/* What libzmq calls a connection of a ROUTER. */
struct sock_route {
    uint8_t len; /* 0 = none (DEALER) */
    uint8_t bytes[SOCK_ROUTE_MAX];
    char key[KEY_TEXT];       /* public key that its message came with, "" = none */
    char peer[SOCK_PEER_MAX]; /* address of its machine; of ipc user, group and process */
    int fd;                   /* its descriptor when its message came; -1 = not known */
};
bool sock_route_equal(const struct sock_route *a, const struct sock_route *b);

struct sock_options {
    int hwm; /* messages per peer and direction: a backstop that credit keeps from being reached */
    int64_t max_msg_bytes; /* a larger message cuts its connection */
    bool allow_insecure;   /* bind beyond loopback without keys */
    /* With them tcp is encrypted and both ends prove who they are; ipc never. NULL = none. */
    struct wire_keys *keys;
    unsigned roles;     /* to bind: who may connect, 1 << enum key_role */
    enum key_role peer; /* to connect: who is expected */
    const char *option; /* what to change, in sentences: "--listen" */
    /* To bind: connections that nobody has said to know (sock_know); 0 = a default. */
    int strangers_max;     /* in all; 0 = any number */
    int strangers_each;    /* of one machine; 0 = half of them */
    int all_max;           /* connections, known ones too; 0 = any number */
    int64_t stranger_ms;   /* until they are cut */
    size_t stranger_bytes; /* that they may send without a whole message */
    unsigned
        attempt; /* to connect to a name: even numbers try IPv4, odd ones IPv6 where it has it */
};

/* Waits until all of its sockets are closed and nothing of them is read any more. */
void sock_context_end(void *context);

/* ROUTER, at every address that a name stands for. bound: the address with the port filled in.
 * ONIC_ECONFIG (address not usable, or beyond loopback without keys or allow_insecure) or
 * ONIC_ECANTCREATE (in use). */
int sock_bind(void **out, void *context, const char *address, const struct sock_options *o,
              char bound[SOCK_ADDRESS_MAX], struct onic_err *err);
/* By the socket's thread, often: the file of an ipc:// socket that somebody removed is made again,
 * once its folder is there; who is connected stays so. Looks once a second; state is 0 at first. */
void sock_keep_bound(void *socket, const char *bound, int64_t *state);
/* Whether sock_bind would work now, in its words; nobody is spoken to. */
int sock_try_bind(const char *address, const struct sock_options *o, struct onic_err *err);
/* DEALER. The peer need not exist yet, nor its name resolve: libzmq asks again at every try, and
 * whoever hears nothing makes a new socket with the next attempt, for which the next key of who is
 * expected is taken, too. sock_trouble.h tells why one does not get through. ONIC_ECONFIG when the
 * address cannot be parsed, or there is no key of who is expected. */
int sock_connect(void **out, void *context, const char *address, const struct sock_options *o,
                 struct onic_err *err);
enum { SOCK_NAME_RETRY_MS = 2000 }; /* after which a name that was never reached is tried anew */
/* Whether a socket at (or of) this address uses the keys. */
bool sock_is_keyed(const char *address, const struct wire_keys *keys);
/* Messages not yet written are given up after linger_ms. NULL is allowed. */
void sock_close(void *socket, int linger_ms);

enum sock_got {
    SOCK_NOTHING,
    SOCK_FRAME,
    SOCK_MULTIPART, /* read to its end and thrown away */
    SOCK_NAMED      /* the same, and cut: its peer gave itself a name; route.len is 0 */
};
/* route NULL for a DEALER. On SOCK_FRAME msg is initialised and owned by the caller. */
enum sock_got sock_recv(void *socket, struct sock_route *route, zmq_msg_t *msg);
/* Messages that are read before everything else that there is to do has its turn: whoever sends
 * faster than they are read keeps nobody waiting for ever. */
enum { SOCK_MESSAGES_PER_TURN = 256 };
/* Why what was thrown away is no frame. */
static inline enum frame_bad sock_got_bad(enum sock_got got)
{
    return got == SOCK_NAMED ? FRAME_BAD_NAMED : FRAME_BAD_MULTIPART;
}

/* Of a socket that is bound. The connection has joined, and may have so many bytes under way. */
void sock_know(void *socket, const struct sock_route *route, size_t bytes);
/* It is a stranger again, whose time begins anew. */
void sock_forget(void *socket, const struct sock_route *route);
/* Ends the connection; the peer may connect again. */
void sock_cut(void *socket, const struct sock_route *route);
/* What the system says of it (sock_crowd.h); false: nothing. */
bool sock_flow(void *socket, const struct sock_route *route, struct sock_crowd_flow *out);
/* Connections that were cut so far, for whatever reason (sock_crowd.h). NULL is allowed: 0. */
uint64_t sock_cuts(void *socket);

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

#endif /* ONIC_COMMON_WIRE_FRAME_SOCK_H */
