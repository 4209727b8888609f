/* SPDX-License-Identifier: MIT */
/* sock_trouble.c - see sock_trouble.h.
 *
 * A server that does not know the client's key says so (ZAP's status, 400). One that has another
 * key than the client expects, or none, cannot say anything that the client understands and hangs
 * up; so does one that is ending. Only several of these in a row are trouble. Where one side has
 * keys and the other none, whoever reads the other's greeting first knows it, and its hanging up is
 * all that the other learns; a client that knows it does not try again. */
#include "common/wire/frame/sock_trouble.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_address.h"
#include "common/wire/frame/sock_calls.h"

enum { SHUT_AFTER = 3 };

struct sock_view {
    void *socket, *events;
    char address[SOCK_ADDRESS_MAX];
    enum key_role peer;
    struct wire_keys *keys;
    int failures; /* in a row */
    bool refused; /* by status */
    bool other_mechanism;
    struct sock_view *next;
};

static struct sock_view *views;
static pthread_mutex_t views_lock = PTHREAD_MUTEX_INITIALIZER;

void sock_trouble_watch(void *context, void *socket, const char *address, enum key_role peer,
                        struct wire_keys *keys)
{
    static atomic_uint number;
    char name[64];
    int no = 0;
    snprintf(name, sizeof name, "inproc://sock-trouble-%u", atomic_fetch_add(&number, 1));
    if (sock_call_monitor(socket, name,
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                              ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0)
        return;
    struct sock_view *v = xcalloc(1, sizeof *v);
    v->socket = socket;
    v->peer = peer;
    v->keys = keys;
    snprintf(v->address, sizeof v->address, "%s", address);
    v->events = zmq_socket(context, ZMQ_PAIR);
    /* without a bound: a full one would make libzmq's own thread wait for us */
    if (!v->events || zmq_setsockopt(v->events, ZMQ_RCVHWM, &no, sizeof no) != 0 ||
        zmq_setsockopt(v->events, ZMQ_LINGER, &no, sizeof no) != 0 ||
        sock_call_connect(v->events, name) != 0) {
        sock_call_monitor(socket, NULL, 0);
        if (v->events)
            zmq_close(v->events);
        free(v);
        return;
    }
    pthread_mutex_lock(&views_lock);
    v->next = views;
    views = v;
    pthread_mutex_unlock(&views_lock);
}

void sock_trouble_end(void *socket)
{
    struct sock_view *v = NULL;
    pthread_mutex_lock(&views_lock);
    for (struct sock_view **p = &views; *p && !v; p = &(*p)->next)
        if ((*p)->socket == socket) {
            v = *p;
            *p = v->next;
            break;
        }
    pthread_mutex_unlock(&views_lock);
    if (!v)
        return;
    sock_call_monitor(socket, NULL, 0);
    zmq_close(v->events);
    free(v);
}

static struct sock_view *sock_view_of(void *socket)
{
    pthread_mutex_lock(&views_lock);
    struct sock_view *v = views;
    while (v && v->socket != socket)
        v = v->next;
    pthread_mutex_unlock(&views_lock);
    return v;
}

/* An event: 16 bits of what, 32 bits of a value, unaligned; then a part with the address. */
static void sock_view_read(struct sock_view *v)
{
    uint8_t head[6];
    char address[256];
    while (sock_call_recv(v->events, head, sizeof head, ZMQ_DONTWAIT) == (int)sizeof head) {
        uint16_t what;
        int32_t value;
        memcpy(&what, head, sizeof what);
        memcpy(&value, head + sizeof what, sizeof value);
        if (sock_call_recv(v->events, address, sizeof address, 0) < 0)
            return;
        if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            v->failures = 0;
            v->refused = v->other_mechanism = false;
            continue;
        }
        v->failures++;
        v->refused |= what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        v->other_mechanism |= what == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
                              value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
    }
}

static void say_refused_key(const struct sock_view *v, char text[SOCK_TROUBLE_TEXT])
{
    const char *self = key_role_name(wire_keys_role(v->keys));
    snprintf(text, SOCK_TROUBLE_TEXT,
             "not authorised: the %s at %s does not let in the key of this %s, %s; put it into a "
             "line of %s.allow there (no restart is needed), or take a key that is in it",
             key_role_words(v->peer), v->address, key_role_words(wire_keys_role(v->keys)),
             wire_keys_public(v->keys), self);
}

static void say_shut(const struct sock_view *v, char text[SOCK_TROUBLE_TEXT])
{
    const char *peer = key_role_words(v->peer);
    char place[KEY_PLACE_MAX];
    if (!v->keys) {
        snprintf(text, SOCK_TROUBLE_TEXT,
                 "who listens at %s ends every connection at its beginning: a %s with keys "
                 "(give this one --security.keys=DIR), one without an open file left (it says so), "
                 "or no onic %s",
                 v->address, peer, peer);
        return;
    }
    wire_keys_place(v->keys, v->peer, place);
    snprintf(text, SOCK_TROUBLE_TEXT,
             "who listens at %s ends every connection at its beginning: its key is not in %s here, "
             "or it was started without --security.keys, or it is no onic %s",
             v->address, place, peer);
}

enum sock_trouble sock_trouble(void *socket, char text[SOCK_TROUBLE_TEXT])
{
    struct sock_view *v = socket ? sock_view_of(socket) : NULL;
    text[0] = '\0';
    if (!v)
        return SOCK_FINE;
    sock_view_read(v);
    if (v->refused && v->keys) {
        say_refused_key(v, text);
        return SOCK_REFUSED;
    }
    if (v->other_mechanism && !v->keys) {
        snprintf(text, SOCK_TROUBLE_TEXT,
                 "not authorised: the %s at %s wants keys and none are given here; give "
                 "--security.keys=DIR with a folder that `onic keygen` made",
                 key_role_words(v->peer), v->address);
        return SOCK_REFUSED;
    }
    if (v->failures < SHUT_AFTER && !v->other_mechanism)
        return SOCK_FINE;
    say_shut(v, text);
    return SOCK_SHUT;
}
