/* SPDX-License-Identifier: MIT */
/* sock_guard.c - see sock_guard.h.
 *
 * The kernel gives out the lowest free number, so a new connection's number tells how many
 * descriptors are in use. libzmq reports it (a monitor, read by a thread of its own) after it has
 * taken the connection over; shutdown() then ends it as if the peer had left. A number that was
 * closed and given out anew in between belongs to a file, of which shutdown() wants nothing, or to
 * another connection beyond the limit. */
#define _GNU_SOURCE
#include "common/wire/frame/sock_guard.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "common/base/log.h"
#include "common/base/xmalloc.h"

enum { SAY_EVERY_MS = 60000, ADDRESS_LEN = 64 };

struct sock_guard {
    void *socket, *events; /* events: a PAIR, of the thread once it runs */
    bool keyed;
    rlim_t limit;
    pthread_t thread;
    struct sock_guard *next;
};

static struct sock_guard *guards;
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;

rlim_t sock_guard_first_kept(rlim_t limit)
{
    return limit - (limit / 4 < SOCK_GUARD_RESERVE ? limit / 4 : SOCK_GUARD_RESERVE);
}

/* An event: 16 bits of what, 32 bits of a value, unaligned; then a part with the address. 0: the
 * context ends. */
static uint16_t next_event(void *events, int32_t *value)
{
    uint8_t head[6] = {0};
    uint16_t what = 0;
    char address[256];
    if (zmq_recv(events, head, sizeof head, 0) != (int)sizeof head ||
        zmq_recv(events, address, sizeof address, 0) < 0)
        return 0;
    memcpy(&what, head, sizeof what);
    memcpy(value, head + sizeof what, sizeof *value);
    return what;
}

static void say_refused(const struct sock_guard *g)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t said_ms;
    pthread_mutex_lock(&lock);
    bool due = log_every_ms(&said_ms, SAY_EVERY_MS);
    pthread_mutex_unlock(&lock);
    if (due)
        log_warn("connections are refused: the last open files of the limit are kept for "
                 "checkpoints and logs; raise it (ulimit -n)",
                 kv("limit", (int64_t)g->limit),
                 kv("kept", (int64_t)(g->limit - sock_guard_first_kept(g->limit))));
}

/* What cannot be told by a key: who has none, or looks for another server's. Those whose key is
 * not allowed are said by sock_zap.c. */
static void say_failed_handshake(const struct sock_guard *g, int32_t value)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t said_ms[2];
    bool other = value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC,
         mismatch = value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
    if (!other && !mismatch)
        return;
    pthread_mutex_lock(&lock);
    bool due = log_every_ms(&said_ms[other], SAY_EVERY_MS);
    pthread_mutex_unlock(&lock);
    if (due && other)
        log_warn("a connection was refused: it expects another key here; the public key of this "
                 "program must be in the list of whoever connects (security.keys)");
    else if (due && g->keyed)
        log_warn("a connection was refused: it has no keys, and here they are wanted; give that "
                 "program --security.keys=DIR");
    else if (due)
        log_warn("a connection was refused: it has keys, and here are none; start this program "
                 "with --security.keys=DIR, or that one without");
}

static void *guard_main(void *arg)
{
    struct sock_guard *g = arg;
    int32_t fd = -1;
    for (uint16_t what; (what = next_event(g->events, &fd)) && what != ZMQ_EVENT_MONITOR_STOPPED;)
        if (what == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            say_failed_handshake(g, fd);
        else if (what == ZMQ_EVENT_ACCEPTED && fd >= 0 &&
                 (rlim_t)fd >= sock_guard_first_kept(g->limit) && shutdown(fd, SHUT_RDWR) == 0)
            say_refused(g);
    zmq_close(g->events);
    return NULL;
}

static bool start_thread(struct sock_guard *g)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are for the threads that wait for them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = pthread_create(&g->thread, NULL, guard_main, g) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

void sock_guard_start(void *context, void *socket, bool keyed)
{
    static atomic_uint number;
    struct rlimit r;
    char address[ADDRESS_LEN];
    snprintf(address, sizeof address, "inproc://sock-guard-%u", atomic_fetch_add(&number, 1));
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY ||
        zmq_socket_monitor(socket, address,
                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_MONITOR_STOPPED) != 0)
        return;
    struct sock_guard *g = xcalloc(1, sizeof *g);
    *g = (struct sock_guard){.socket = socket, .keyed = keyed, .limit = r.rlim_cur};
    g->events = zmq_socket(context, ZMQ_PAIR);
    if (!g->events || zmq_connect(g->events, address) != 0 || !start_thread(g)) {
        log_warn("connections are not limited: no thread can be started");
        zmq_socket_monitor(socket, NULL, 0);
        if (g->events)
            zmq_close(g->events);
        free(g);
        return;
    }
    pthread_mutex_lock(&guards_lock);
    g->next = guards;
    guards = g;
    pthread_mutex_unlock(&guards_lock);
}

void sock_guard_stop(void *socket)
{
    struct sock_guard *g = NULL;
    pthread_mutex_lock(&guards_lock);
    for (struct sock_guard **p = &guards; *p; p = &(*p)->next)
        if ((*p)->socket == socket) {
            g = *p;
            *p = g->next;
            break;
        }
    pthread_mutex_unlock(&guards_lock);
    if (!g)
        return;
    zmq_socket_monitor(socket, NULL, 0); /* sends the last event */
    pthread_join(g->thread, NULL);
    free(g);
}
