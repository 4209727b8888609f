/* SPDX-License-Identifier: MIT */
/* sock_guard.c - see sock_guard.h.
 *
 * The kernel gives out the lowest free number, so a new connection's number tells how many
 * descriptors are in use. libzmq reports it (a monitor, read by a thread of its own) after it has
 * taken the connection over; shutdown() then ends it as if the peer had left. A number that was
 * closed and given out anew in between belongs to a file, of which shutdown() wants nothing, or to
 * another connection, which comes again.
 *
 * libzmq counts messages, never the parts of one that does not end, and tells nothing of them. The
 * system does: what it received for a connection, less what still lies with it and what became
 * messages, is what libzmq stores. So all connections are looked at many times a second; the more
 * there are the less often, because a look costs two system calls. One thread of libzmq reads for
 * all of them, so that between two looks only so much can come. */
#define _GNU_SOURCE
#include "common/wire/frame/sock_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <zmq.h>

#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_calls.h"

enum {
    SAY_EVERY_MS = 60000,
    ADDRESS_LEN = 64,
    LOOK_MS = 20, /* between two looks at every connection; and 1 more for each so many: */
    LOOKS_PER_MS = 8
};

struct sock_guard {
    void *socket, *events; /* events: a PAIR, of the thread once it runs */
    bool keyed;
    rlim_t limit;
    pthread_t thread;
    pthread_mutex_t lock; /* of the crowd */
    struct sock_crowd *crowd;
    atomic_ullong cuts;
    int64_t looked_ms, said_ms[CROWD_WHYS];
    struct sock_guard *next;
};

static struct sock_guard *guards;
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;

rlim_t sock_guard_first_kept(rlim_t limit)
{
    return limit - (limit / 4 < SOCK_GUARD_RESERVE ? limit / 4 : SOCK_GUARD_RESERVE);
}

/* An event: 16 bits of what, 32 bits of a value, unaligned; then a part with the address. Waits so
 * long, -1: for ever; false: none has come. *what 0: the context ends. */
static bool next_event(void *events, int wait_ms, uint16_t *what, int32_t *value)
{
    uint8_t head[6] = {0};
    char address[256];
    zmq_setsockopt(events, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    int n = sock_call_recv(events, head, sizeof head, 0);
    if (n < 0 && zmq_errno() == EAGAIN)
        return false;
    *what = 0;
    if (n != (int)sizeof head || sock_call_recv(events, address, sizeof address, 0) < 0)
        return true;
    memcpy(what, head, sizeof *what);
    memcpy(value, head + sizeof *what, sizeof *value);
    return true;
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
    audit_write(AUDIT_KEY, &(struct audit_who){.actor = -1},
                other      ? "it expects another key here"
                : g->keyed ? "it has no keys, and here they are wanted"
                           : "it has keys, and here are none");
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

/* --- looking and cutting: the guard's thread ----------------------------------------------- */

/* Machines behind one prefix of IPv6 are one. */
static uint64_t machine_of(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    uint64_t out = 0;
    if (getpeername(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    if (a.ss_family == AF_INET)
        memcpy(&out, &((struct sockaddr_in *)&a)->sin_addr, 4);
    else if (a.ss_family == AF_INET6 &&
             IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)&a)->sin6_addr))
        memcpy(&out, ((struct sockaddr_in6 *)&a)->sin6_addr.s6_addr + 12, 4);
    else if (a.ss_family == AF_INET6)
        memcpy(&out, &((struct sockaddr_in6 *)&a)->sin6_addr, 8);
    return out;
}

/* By the descriptor, before it is shut. */
static void audit_cut(int fd, const char *reason)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    if (getpeername(fd, (struct sockaddr *)&a, &n) == 0 && a.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, text, sizeof text);
    else if (a.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&a)->sin6_addr, text, sizeof text);
    audit_write(AUDIT_CUT, &(struct audit_who){.address = text, .actor = -1}, reason);
}

static bool guard_look(void *ctx, int fd, struct sock_crowd_look *out)
{
    struct tcp_info t = {0};
    socklen_t n = sizeof t;
    int unread = 0, unfetched = 0;
    (void)ctx;
    if (ioctl(fd, SIOCOUTQ, &unfetched) != 0 || ioctl(fd, SIOCINQ, &unread) != 0)
        return false;
    out->unfetched = (uint64_t)unfetched;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &n) == 0 &&
        n >= offsetof(struct tcp_info, tcpi_bytes_received) + sizeof t.tcpi_bytes_received &&
        t.tcpi_bytes_received > (uint64_t)unread)
        out->received = t.tcpi_bytes_received - (uint64_t)unread;
    return true;
}

static void guard_cut(void *ctx, int fd, enum sock_crowd_why why)
{
    static const char *const because[CROWD_WHYS] = {
        [CROWD_SILENT] = "it came and did not join",
        [CROWD_TOO_MANY] = "too many came that did not join; the oldest goes",
        [CROWD_ENDLESS] = "it sent more than it may without a whole message",
        [CROWD_DEAF] = "it does not fetch what is sent to it",
        [CROWD_ASKED] = "it was told to go"};
    struct sock_guard *g = ctx;
    audit_cut(fd, because[why]);
    if (shutdown(fd, SHUT_RDWR) != 0)
        return;
    atomic_fetch_add(&g->cuts, 1);
    if (log_every_ms(&g->said_ms[why], SAY_EVERY_MS))
        log_warn("a connection was cut; others like it go without a word", kv("why", because[why]),
                 kv("cut_so_far", (int64_t)atomic_load(&g->cuts)));
}

static void guard_event(struct sock_guard *g, uint16_t what, int32_t fd)
{
    if (what == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
        say_failed_handshake(g, fd); /* here a reason */
        return;
    }
    if (fd < 0)
        return;
    if (what == ZMQ_EVENT_ACCEPTED && (rlim_t)fd >= sock_guard_first_kept(g->limit)) {
        audit_cut(fd, "the limit of open files leaves no room");
        if (shutdown(fd, SHUT_RDWR) == 0) {
            atomic_fetch_add(&g->cuts, 1);
            say_refused(g);
        }
    } else if (what == ZMQ_EVENT_ACCEPTED) {
        sock_crowd_come(g->crowd, fd, machine_of(fd), clock_ms());
    } else if (what == ZMQ_EVENT_DISCONNECTED) {
        sock_crowd_leave(g->crowd, fd);
    }
}

/* How long until all are to be looked at again; -1: there is nobody. Under the lock. */
static int guard_pause_ms(const struct sock_guard *g)
{
    int n = sock_crowd_count(g->crowd);
    int64_t left = g->looked_ms + LOOK_MS + n / LOOKS_PER_MS - clock_ms();
    return n == 0 ? -1 : left > 0 ? (int)left : 0;
}

static void *guard_main(void *arg)
{
    struct sock_guard *g = arg;
    uint16_t what = ZMQ_EVENT_ACCEPTED;
    int32_t fd = -1;
    int pause_ms = -1;
    struct sock_crowd_hands hands = {.look = guard_look, .cut = guard_cut, .ctx = g};
    while (what && what != ZMQ_EVENT_MONITOR_STOPPED) {
        /* one that is to be refused goes before libzmq has greeted it, so that it knows at once */
        bool came = next_event(g->events, pause_ms, &what, &fd);
        pthread_mutex_lock(&g->lock);
        if (came)
            guard_event(g, what, fd);
        pause_ms = guard_pause_ms(g);
        if (pause_ms == 0) {
            sock_crowd_check(g->crowd, clock_ms(), &hands);
            g->looked_ms = clock_ms();
            pause_ms = guard_pause_ms(g);
        }
        pthread_mutex_unlock(&g->lock);
    }
    zmq_close(g->events);
    return NULL;
}

static void guard_free(struct sock_guard *g)
{
    sock_crowd_free(g->crowd);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

void sock_guard_start(void *context, void *socket, bool keyed, const struct sock_crowd_rules *rules)
{
    static atomic_uint number;
    struct rlimit r;
    char address[ADDRESS_LEN];
    snprintf(address, sizeof address, "inproc://sock-guard-%u", atomic_fetch_add(&number, 1));
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 ||
        sock_call_monitor(socket, address,
                          ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED |
                              ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_MONITOR_STOPPED) != 0)
        return;
    struct sock_guard *g = xcalloc(1, sizeof *g);
    *g = (struct sock_guard){
        .socket = socket, .keyed = keyed, .limit = r.rlim_cur, .crowd = sock_crowd_create(rules)};
    pthread_mutex_init(&g->lock, NULL);
    g->events = zmq_socket(context, ZMQ_PAIR);
    if (!g->events || sock_call_connect(g->events, address) != 0 ||
        !limits_try_thread(&g->thread, guard_main, g)) {
        log_warn("connections are not limited: no thread can be started");
        sock_call_monitor(socket, NULL, 0);
        if (g->events)
            zmq_close(g->events);
        guard_free(g);
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
    sock_call_monitor(socket, NULL, 0); /* sends the last event */
    pthread_join(g->thread, NULL);
    guard_free(g);
}

/* --- what the socket's thread learns ------------------------------------------------------- */

/* Locked; NULL: it is not guarded. */
static struct sock_guard *guard_of(void *socket)
{
    struct sock_guard *g;
    pthread_mutex_lock(&guards_lock);
    for (g = guards; g && g->socket != socket;)
        g = g->next;
    if (g)
        pthread_mutex_lock(&g->lock);
    pthread_mutex_unlock(&guards_lock);
    return g;
}

void sock_guard_hear(void *socket, struct sock_crowd_name n, size_t bytes)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return;
    sock_crowd_hear(g->crowd, n, bytes);
    pthread_mutex_unlock(&g->lock);
}

void sock_guard_know(void *socket, struct sock_crowd_name n, size_t bytes)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return;
    sock_crowd_know(g->crowd, n, bytes);
    pthread_mutex_unlock(&g->lock);
}

void sock_guard_forget(void *socket, struct sock_crowd_name n)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return;
    sock_crowd_forget(g->crowd, n, clock_ms());
    pthread_mutex_unlock(&g->lock);
}

void sock_guard_cut(void *socket, struct sock_crowd_name n)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return;
    sock_crowd_cut(g->crowd, n);
    pthread_mutex_unlock(&g->lock);
}

bool sock_guard_flow(void *socket, struct sock_crowd_name n, struct sock_crowd_flow *out)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return false;
    bool is_told = sock_crowd_flow(g->crowd, n, clock_ms(), out);
    pthread_mutex_unlock(&g->lock);
    return is_told;
}

uint64_t sock_guard_cuts(void *socket)
{
    struct sock_guard *g = guard_of(socket);
    if (!g)
        return 0;
    uint64_t n = atomic_load(&g->cuts);
    pthread_mutex_unlock(&g->lock);
    return n;
}
