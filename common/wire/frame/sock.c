/* SPDX-License-Identifier: MIT */
/* sock.c - see sock.h.
 *
 * Why these options, each from an experiment with libzmq 4.3.4: LINGER explicit, because the
 * default of -1 makes the end of a process hang on an absent peer; IMMEDIATE, so that nothing is
 * queued for a peer that is not there; ROUTER_MANDATORY, because a ROUTER otherwise drops silently
 * (1,950 of 2,000 messages to a slow peer); no ROUTING_ID, because two peers with one id lose
 * messages either way; no ZMTP heartbeats, because a connecting socket that is slow to read can
 * abort on them (libzmq issues 3937, 4229, 4767) and they lose data when a peer is merely slow; a
 * short handshake limit, against half-open connections; a reconnect interval that differs between
 * processes, so that a thousand actors do not come back in one instant. */
#include "common/wire/frame/sock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/sock_calls.h"
#include "common/wire/frame/sock_folder.h"
#include "common/wire/frame/sock_guard.h"
#include "common/wire/frame/sock_trouble.h"
#include "common/wire/frame/sock_zap.h"

enum { STRANGER_MS = 10000, STRANGER_BYTES = 128 << 10, FOLDER_MS = 5000 };

bool sock_route_equal(const struct sock_route *a, const struct sock_route *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void sock_set_int(void *s, int option, int value)
{
    ONIC_ASSERT(zmq_setsockopt(s, option, &value, sizeof value) == 0);
}

static void set_common(void *s, const struct sock_options *o)
{
    sock_set_int(s, ZMQ_LINGER, 0); /* sock_close sets the real one */
    sock_set_int(s, ZMQ_SNDHWM, o->hwm);
    sock_set_int(s, ZMQ_RCVHWM, o->hwm);
    sock_set_int(s, ZMQ_HANDSHAKE_IVL, 5000);
    sock_set_int(s, ZMQ_HEARTBEAT_IVL, 0);
    sock_set_int(s, ZMQ_BACKLOG, 4096);
    sock_set_int(s, ZMQ_TCP_KEEPALIVE, 1);
    sock_set_int(s, ZMQ_TCP_KEEPALIVE_IDLE, 60);
    sock_set_int(s, ZMQ_TCP_KEEPALIVE_INTVL, 15);
    sock_set_int(s, ZMQ_TCP_KEEPALIVE_CNT, 4);
    int64_t limit = o->max_msg_bytes;
    ONIC_ASSERT(zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &limit, sizeof limit) == 0);
}

static int bind_error(const char *address, const struct sock_options *o, struct onic_err *err)
{
    switch (zmq_errno()) {
    case EADDRINUSE:
        return err_set(err, ONIC_ECANTCREATE,
                       "%s=%s: the address is in use, so another process listens there; stop it or "
                       "choose another",
                       o->option, address);
    case ENAMETOOLONG:
        return err_set(
            err, ONIC_ECONFIG,
            "%s=%s: the path of an ipc socket may have at most 107 characters; use a shorter one",
            o->option, address);
    default:
        return err_set(err, ONIC_ECONFIG, "%s=%s: cannot bind: %s", o->option, address,
                       zmq_strerror(zmq_errno()));
    }
}

static int refuse_exposed(const struct sock_endpoints *e, const char *address,
                          const struct sock_options *o, struct onic_err *err)
{
    for (int i = 0; i < e->count; i++)
        if (!e->at[i].loopback && !o->allow_insecure && !o->keys)
            return err_set(err, ONIC_ECONFIG,
                           "refusing to listen at %s: it can be reached from other machines and "
                           "nothing is encrypted or authenticated; give --security.keys=DIR "
                           "(`onic keygen DIR` makes keys), bind 127.0.0.1 or ipc://, or say "
                           "--security.allow_insecure=true on a private network",
                           address);
    return ONIC_OK;
}

/* --- keys -------------------------------------------------------------------------------- */

bool sock_is_keyed(const char *address, const struct wire_keys *keys)
{
    return keys && strncmp(address, "tcp://", 6) == 0;
}

static void sock_set_text(void *s, int option, const char *text)
{
    ONIC_ASSERT(zmq_setsockopt(s, option, text, strlen(text)) == 0);
}

/* libzmq has it, its header counts it among the drafts: without somebody who decides, nobody gets
 * through. Where it is missing such a connection has no key, and nothing that it sends is heard. */
enum { ZAP_ENFORCE_DOMAIN = 93, KEEP_BOUND_EVERY_MS = 1000 };

static void serve_keys(void *context, void *s, const struct sock_options *o)
{
    char domain[SOCK_ZAP_DOMAIN_MAX];
    sock_zap_domain(o->roles, domain);
    sock_zap_start(context, s, o->keys);
    sock_set_int(s, ZMQ_CURVE_SERVER, 1);
    sock_set_text(s, ZMQ_CURVE_SECRETKEY, wire_keys_secret(o->keys));
    sock_set_text(s, ZMQ_ZAP_DOMAIN, domain);
    zmq_setsockopt(s, ZAP_ENFORCE_DOMAIN, &(int){1}, sizeof(int));
}

static int show_keys(void *s, const char *address, const struct sock_options *o,
                     struct onic_err *err)
{
    char server[KEY_TEXT], place[KEY_PLACE_MAX];
    unsigned attempt = sock_is_name(address) ? o->attempt / 2 : o->attempt;
    if (!wire_keys_peer(o->keys, o->peer, attempt, server)) {
        wire_keys_place(o->keys, o->peer, place);
        return err_set(err, ONIC_ECONFIG,
                       "%s=%.200s: no key of a %s is known, so nobody there could prove to be one; "
                       "put its public key into %s",
                       o->option, address, key_role_words(o->peer), place);
    }
    sock_set_text(s, ZMQ_CURVE_SERVERKEY, server);
    sock_set_text(s, ZMQ_CURVE_PUBLICKEY, wire_keys_public(o->keys));
    sock_set_text(s, ZMQ_CURVE_SECRETKEY, wire_keys_secret(o->keys));
    return ONIC_OK;
}

/* --- binding and connecting -------------------------------------------------------------- */

void sock_context_end(void *context)
{
    int rc;
    do
        rc = zmq_ctx_term(context);
    while (sock_call_interrupted(rc));
}

/* The first may choose the port, the others take the same. */
static int bind_all(void *s, const struct sock_endpoints *e, char bound[SOCK_ADDRESS_MAX])
{
    for (int i = 0; i < e->count; i++) {
        char at[SOCK_ADDRESS_MAX];
        size_t n = SOCK_ADDRESS_MAX;
        memcpy(at, e->at[i].text, sizeof at);
        if (i)
            sock_with_port(e->at[i].text, bound, at);
        sock_set_int(s, ZMQ_IPV6, e->at[i].ipv6);
        if (sock_call_bind(s, at) != 0)
            return -1;
        if (i == 0 && (sock_call_getsockopt(s, ZMQ_LAST_ENDPOINT, bound, &n) != 0 || n <= 1))
            snprintf(bound, SOCK_ADDRESS_MAX, "%s", at);
    }
    return 0;
}

/* A folder of sockets that somebody removed is made again by who made it: a process that is slow to
 * start, with a model to load, may bind in between. */
static int bind_patiently(void *s, const struct sock_endpoints *e, const char *address,
                          char bound[SOCK_ADDRESS_MAX])
{
    int64_t end = clock_ms() + FOLDER_MS;
    int rc = bind_all(s, e, bound);
    while (rc && zmq_errno() == ENOENT && sock_folder_holds(address) && clock_ms() < end) {
        poll(NULL, 0, 20);
        rc = bind_all(s, e, bound);
    }
    return rc;
}

int sock_bind(void **out, void *context, const char *address, const struct sock_options *o,
              char bound[SOCK_ADDRESS_MAX], struct onic_err *err)
{
    struct sock_endpoints e;
    char first[SOCK_ADDRESS_MAX];
    *out = NULL;
    int rc = sock_endpoints(&e, address, o->option, err);
    if (!rc)
        rc = refuse_exposed(&e, address, o, err);
    if (rc)
        return rc;
    void *s = zmq_socket(context, ZMQ_ROUTER);
    ONIC_ASSERT(s != NULL);
    set_common(s, o);
    sock_set_int(s, ZMQ_ROUTER_MANDATORY, 1);
    sock_set_int(s, ZMQ_ROUTER_HANDOVER, 0);
    bool keyed = sock_is_keyed(address, o->keys);
    if (keyed)
        serve_keys(context, s, o);
    int strangers = o->strangers_max ? o->strangers_max : INT_MAX;
    struct sock_crowd_rules crowd = {
        .strangers_max = strangers,
        .strangers_each = o->strangers_each ? o->strangers_each : strangers / 2,
        .all_max = o->all_max,
        .stranger_ms = o->stranger_ms ? o->stranger_ms : STRANGER_MS,
        .stranger_bytes = o->stranger_bytes ? o->stranger_bytes : STRANGER_BYTES};
    if (strncmp(address, "inproc:", 7) != 0) /* else there are no descriptors to look at */
        sock_guard_start(context, s, keyed, &crowd);
    if (bind_patiently(s, &e, address, first) != 0) {
        rc = bind_error(address, o, err);
        sock_close(s, 0);
        return rc;
    }
    sock_with_port(address, first, bound);
    *out = s;
    return ONIC_OK;
}

/* The listener without a file stays: its end would be that of the connections it took in. */
void sock_keep_bound(void *socket, const char *bound, int64_t *state)
{
    static const char ipc[] = "ipc://";
    const char *path = bound + sizeof ipc - 1;
    if (strncmp(bound, ipc, sizeof ipc - 1) != 0 || *path == '@' ||
        !log_every_ms(state, KEEP_BOUND_EVERY_MS) || access(path, F_OK) == 0 || errno != ENOENT)
        return;
    if (sock_call_bind(socket, bound) == 0)
        log_warn("the file of a socket was removed, and is made again", kv("address", bound));
}

int sock_try_bind(const char *address, const struct sock_options *o, struct onic_err *err)
{
    char bound[SOCK_ADDRESS_MAX];
    void *context = zmq_ctx_new(), *s;
    ONIC_ASSERT(context != NULL);
    int rc = sock_bind(&s, context, address, o, bound, err);
    if (!rc)
        sock_close(s, 0);
    sock_context_end(context); /* waits until the address is free again */
    return rc;
}

int sock_connect(void **out, void *context, const char *address, const struct sock_options *o,
                 struct onic_err *err)
{
    char text[SOCK_ADDRESS_MAX];
    *out = NULL;
    int rc = sock_check_peer(address, o->option, err);
    if (rc)
        return rc;
    void *s = zmq_socket(context, ZMQ_DEALER);
    ONIC_ASSERT(s != NULL);
    set_common(s, o);
    sock_set_int(s, ZMQ_IMMEDIATE, 1);
    sock_peer_text(address, text);
    sock_set_int(s, ZMQ_IPV6, sock_is_name(address) ? o->attempt % 2 : strchr(text, '[') != NULL);
    struct rng jitter = rng_stream((uint64_t)clock_ns(), "reconnect", (uint64_t)getpid(), 0, 0);
    sock_set_int(s, ZMQ_RECONNECT_IVL, 100 + (int)rng_below(&jitter, 201));
    sock_set_int(s, ZMQ_RECONNECT_IVL_MAX, 5000);
    if (sock_is_keyed(address, o->keys))
        rc = show_keys(s, address, o, err);
    if (!rc && strncmp(address, "tcp://", 6) == 0)
        sock_trouble_watch(context, s, address, o->peer, o->keys);
    if (!rc && sock_call_connect(s, text) != 0)
        rc = err_set(err, ONIC_ECONFIG, "%s=%s: cannot connect: %s", o->option, address,
                     zmq_strerror(zmq_errno()));
    if (rc) {
        sock_close(s, 0);
        return rc;
    }
    *out = s;
    return ONIC_OK;
}

void sock_close(void *socket, int linger_ms)
{
    if (!socket)
        return;
    sock_guard_stop(socket);
    sock_trouble_end(socket);
    struct zap *zap = sock_zap_leave(socket);
    sock_set_int(socket, ZMQ_LINGER, linger_ms);
    zmq_close(socket);
    sock_zap_stop(zap);
}

/* --- connections ------------------------------------------------------------------------- */

static struct sock_crowd_name name_of(const struct sock_route *r)
{
    return (struct sock_crowd_name){.fd = r->len ? r->fd : -1,
                                    .route = sock_crowd_route(r->bytes, r->len)};
}

void sock_know(void *socket, const struct sock_route *route, size_t bytes)
{
    sock_guard_know(socket, name_of(route), bytes);
}

void sock_forget(void *socket, const struct sock_route *route)
{
    sock_guard_forget(socket, name_of(route));
}

void sock_cut(void *socket, const struct sock_route *route)
{
    sock_guard_cut(socket, name_of(route));
}

bool sock_flow(void *socket, const struct sock_route *route, struct sock_crowd_flow *out)
{
    return sock_guard_flow(socket, name_of(route), out);
}

uint64_t sock_cuts(void *socket)
{
    return sock_guard_cuts(socket);
}

/* --- receiving --------------------------------------------------------------------------- */

/* Reads the rest of a message that has more parts than it may have; how many bytes they are. */
static size_t discard_rest(void *socket)
{
    zmq_msg_t part;
    bool more = true;
    size_t bytes = 0;
    while (more) {
        zmq_msg_init(&part);
        if (sock_call_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0)
            more = false;
        else
            more = zmq_msg_more(&part);
        bytes += zmq_msg_size(&part);
        zmq_msg_close(&part);
    }
    return bytes;
}

/* As the handshake found it (sock_zap.c), and where from. */
static void keep_key(struct sock_route *route, zmq_msg_t *msg)
{
    const char *user = zmq_msg_gets(msg, "User-Id"), *peer = zmq_msg_gets(msg, "Peer-Address");
    if (user && strlen(user) == KEY_TEXT - 1)
        memcpy(route->key, user, KEY_TEXT);
    if (peer)
        snprintf(route->peer, sizeof route->peer, "%.*s", SOCK_PEER_MAX - 1, peer);
}

/* By what it can be answered; false: it named itself. Nobody who is to be here does, and such a
 * name may be of any length, or one that somebody had before. */
static bool keep_route(struct sock_route *route, zmq_msg_t *msg, uint64_t *number)
{
    size_t n = zmq_msg_size(msg);
    *number = sock_crowd_route(zmq_msg_data(msg), n);
    bool counts = sock_crowd_route_counts(*number);
    route->len = counts ? (uint8_t)n : 0;
    memcpy(route->bytes, zmq_msg_data(msg), route->len);
    route->key[0] = route->peer[0] = '\0';
    route->fd = -1;
    return counts;
}

/* The first part, which libzmq puts before a message. What *got becomes is final, unless it is
 * SOCK_FRAME. False: there is no message. */
static bool recv_route(void *socket, struct sock_route *route, zmq_msg_t *msg, uint64_t *number,
                       enum sock_got *got)
{
    *got = SOCK_NOTHING;
    if (sock_call_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0)
        return false;
    *got = keep_route(route, msg, number) ? SOCK_FRAME : SOCK_NAMED;
    if (zmq_msg_more(msg))
        return true;
    *got = SOCK_MULTIPART;
    return false;
}

enum sock_got sock_recv(void *socket, struct sock_route *route, zmq_msg_t *msg)
{
    enum sock_got got = SOCK_FRAME;
    struct sock_crowd_name name;
    zmq_msg_init(msg);
    if (route && !recv_route(socket, route, msg, &name.route, &got)) {
        zmq_msg_close(msg);
        return got;
    }
    if (sock_call_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(msg);
        return SOCK_NOTHING;
    }
    bool many = zmq_msg_more(msg);
    size_t bytes = zmq_msg_size(msg);
    if (route) {
        name.fd = route->fd = zmq_msg_get(msg, ZMQ_SRCFD);
        keep_key(route, msg); /* also of what is thrown away: its sender is told of */
    }
    if (many && got == SOCK_FRAME)
        got = SOCK_MULTIPART;
    if (got != SOCK_FRAME)
        zmq_msg_close(msg);
    if (many)
        bytes += discard_rest(socket);
    if (route)
        sock_guard_hear(socket, name, bytes);
    if (got == SOCK_NAMED)
        sock_guard_cut(socket, name);
    return got;
}

static int send_now(void *socket, const struct sock_route *route, zmq_msg_t *msg)
{
    int rc = 0;
    if (route)
        rc = sock_call_send(socket, route->bytes, route->len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    return rc >= 0 ? sock_call_msg_send(msg, socket, ZMQ_DONTWAIT) : rc;
}

enum sock_sent sock_send(void *socket, const struct sock_route *route, zmq_msg_t *msg)
{
    int events;
    size_t size = sizeof events;
    int rc = send_now(socket, route, msg);
    /* While it is busy libzmq looks once a millisecond at how far the other end has read, and the
     * mark may be reached in less; asked for its events it looks at once. */
    if (rc < 0 && zmq_errno() == EAGAIN &&
        sock_call_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0)
        rc = send_now(socket, route, msg);
    if (rc >= 0)
        return SOCK_SENT;
    int e = zmq_errno();
    zmq_msg_close(msg);
    return e == EHOSTUNREACH ? SOCK_GONE : SOCK_FULL;
}

void sock_build(zmq_msg_t *msg, const struct frame_head *h, const ProtobufCMessage *meta,
                struct sock_bulk a, struct sock_bulk b)
{
    struct frame_head head = *h;
    size_t meta_len = meta ? protobuf_c_message_get_packed_size(meta) : 0;
    ONIC_ASSERT(meta_len <= FRAME_META_MAX && a.len + b.len < UINT32_MAX);
    head.meta_len = (uint32_t)meta_len;
    head.bulk_len = (uint32_t)(a.len + b.len);
    size_t total = FRAME_HEADER + meta_len + a.len + b.len;
    ONIC_ASSERT(zmq_msg_init_size(msg, total) == 0);
    uint8_t *p = zmq_msg_data(msg);
    if (meta)
        protobuf_c_message_pack(meta, p + FRAME_HEADER);
    if (a.len)
        memcpy(p + FRAME_HEADER + meta_len, a.data, a.len);
    if (b.len)
        memcpy(p + FRAME_HEADER + meta_len + a.len, b.data, b.len);
    frame_seal(p, &head, crc32c(0, p + FRAME_HEADER, total - FRAME_HEADER));
}
