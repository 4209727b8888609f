/* SPDX-License-Identifier: MIT */
/* sock_zap.c - see sock_zap.h.
 *
 * Every question gets an answer, also one that makes no sense: a REP socket that is left without
 * one never hears the next, and a connection without one hangs until its handshake times out.
 * Status 400 is final for the client, which says so (sock_trouble.h); 300 would leave it waiting.
 * Refusals are said once a minute for each key, and once a second at most: they are a stranger's to
 * make. */
#define _GNU_SOURCE
#include "common/wire/frame/sock_zap.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/sock_calls.h"

enum {
    FRAMES = 7,
    FRAME_MAX = 256,
    REMEMBERED = 16,
    SAY_AGAIN_MS = 60000,
    SAY_MS = 1000,
    LOOK_EVERY_MS = 200 /* two looks half a second apart, and shut out within a second */
};

/* version, request, domain, address, identity, mechanism, credential */
struct question {
    int frames; /* more are counted, not kept */
    struct {
        size_t len; /* cut to FRAME_MAX */
        char text[FRAME_MAX + 1];
    } frame[FRAMES];
};

struct zap {
    void *context, *replies, *stop; /* stop: our end; the thread has the other */
    void *stopped;
    struct wire_keys *keys;
    pthread_t thread;
    int users;
    int64_t said_ms;
    struct {
        char key[KEY_TEXT];
        int64_t said_ms;
    } refused[REMEMBERED];
    uint64_t unsaid;
    struct zap *next;
};

struct zap_user {
    void *socket;
    struct zap *zap;
    struct zap_user *next;
};

static struct zap *zaps;
static struct zap_user *zap_users;
static pthread_mutex_t zaps_lock = PTHREAD_MUTEX_INITIALIZER;

void sock_zap_domain(unsigned roles, char out[SOCK_ZAP_DOMAIN_MAX])
{
    snprintf(out, SOCK_ZAP_DOMAIN_MAX, "onic-%x", roles);
}

/* --- one question ------------------------------------------------------------------------ */

/* False: the context ends. */
static bool zap_read(void *replies, struct question *q)
{
    zmq_msg_t m;
    bool more = true;
    *q = (struct question){0};
    while (more) {
        zmq_msg_init(&m);
        if (sock_call_msg_recv(&m, replies, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&m);
            return false;
        }
        if (q->frames < FRAMES) {
            size_t n = zmq_msg_size(&m) < FRAME_MAX ? zmq_msg_size(&m) : FRAME_MAX;
            memcpy(q->frame[q->frames].text, zmq_msg_data(&m), n);
            q->frame[q->frames].len = n;
        }
        q->frames++;
        more = zmq_msg_more(&m);
        zmq_msg_close(&m);
    }
    return true;
}

static void zap_say(struct zap *z, const char *key, const struct question *q, unsigned roles)
{
    int64_t now = clock_ms();
    int oldest = 0;
    char place[KEY_PLACE_MAX];
    for (int i = 0; i < REMEMBERED; i++) {
        if (strcmp(z->refused[i].key, key) == 0 && now - z->refused[i].said_ms < SAY_AGAIN_MS) {
            z->unsaid++;
            return;
        }
        if (z->refused[i].said_ms < z->refused[oldest].said_ms)
            oldest = i;
    }
    if (!log_every_ms(&z->said_ms, SAY_MS)) {
        z->unsaid++;
        return;
    }
    memcpy(z->refused[oldest].key, key, KEY_TEXT);
    z->refused[oldest].said_ms = now;
    enum key_role first = KEY_ACTOR;
    while (first < KEY_OBSERVER && !(roles & 1u << first))
        first++;
    wire_keys_place(z->keys, first, place);
    log_warn("a connection was refused: its key is in no list of those who may come here",
             kv("key", key), kv("from", (const char *)q->frame[3].text),
             kv("list", (const char *)place), kv("refused_unsaid", z->unsaid));
    z->unsaid = 0;
}

/* The status; user: its key, where it is let in. */
static const char *zap_decide(struct zap *z, const struct question *q, char user[KEY_TEXT])
{
    char key[KEY_TEXT];
    unsigned roles = 0;
    user[0] = '\0';
    if (q->frames != FRAMES || strcmp(q->frame[0].text, "1.0") != 0 ||
        strcmp(q->frame[5].text, "CURVE") != 0 || q->frame[6].len != 32 ||
        sscanf(q->frame[2].text, "onic-%x", &roles) != 1)
        return "400";
    zmq_z85_encode(key, (const uint8_t *)q->frame[6].text, 32);
    wire_keys_refresh(z->keys);
    if (!wire_keys_allow(z->keys, roles, key)) {
        struct audit_who who = {.address = q->frame[3].text, .key = key, .actor = -1};
        audit_write(AUDIT_KEY, &who, "its key is in no list of those who may come here");
        zap_say(z, key, q, roles);
        return "400";
    }
    memcpy(user, key, KEY_TEXT);
    return "200";
}

static void zap_answer(struct zap *z, const struct question *q)
{
    char user[KEY_TEXT];
    const char *status = zap_decide(z, q, user);
    sock_call_send(z->replies, "1.0", 3, ZMQ_SNDMORE);
    sock_call_send(z->replies, q->frame[1].text, q->frame[1].len, ZMQ_SNDMORE);
    sock_call_send(z->replies, status, 3, ZMQ_SNDMORE);
    sock_call_send(z->replies, "", 0, ZMQ_SNDMORE);
    sock_call_send(z->replies, user, strlen(user), ZMQ_SNDMORE);
    sock_call_send(z->replies, "", 0, 0);
}

static void *zap_main(void *arg)
{
    struct zap *z = arg;
    struct question *q = xcalloc(1, sizeof *q);
    for (;;) {
        zmq_pollitem_t items[] = {{.socket = z->replies, .events = ZMQ_POLLIN},
                                  {.socket = z->stopped, .events = ZMQ_POLLIN}};
        if (zmq_poll(items, 2, LOOK_EVERY_MS) < 0 && zmq_errno() == ETERM)
            break;
        if (items[1].revents)
            break;
        if (!items[0].revents)
            wire_keys_refresh(z->keys);
        while (items[0].revents && zap_read(z->replies, q))
            zap_answer(z, q);
    }
    free(q);
    zmq_close(z->replies);
    zmq_close(z->stopped);
    return NULL;
}

/* --- life -------------------------------------------------------------------------------- */

/* The name of a thread that ended just now is free a moment later. */
static void zap_bind(void *replies)
{
    int tries = 0;
    while (sock_call_bind(replies, "inproc://zeromq.zap.01") != 0 && tries++ < 5000)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    ONIC_ASSERT(tries < 5000);
}

static void *zap_pair(struct zap *z, bool binds)
{
    char name[64];
    int no = 0;
    snprintf(name, sizeof name, "inproc://onic-zap-%p", (void *)z);
    void *s = zmq_socket(z->context, ZMQ_PAIR);
    ONIC_ASSERT(s && zmq_setsockopt(s, ZMQ_LINGER, &no, sizeof no) == 0);
    ONIC_ASSERT((binds ? sock_call_bind(s, name) : sock_call_connect(s, name)) == 0);
    return s;
}

static struct zap *zap_create(void *context, struct wire_keys *keys)
{
    struct zap *z = xcalloc(1, sizeof *z);
    int no = 0;
    z->context = context;
    z->keys = keys;
    z->replies = zmq_socket(context, ZMQ_REP);
    ONIC_ASSERT(z->replies && zmq_setsockopt(z->replies, ZMQ_LINGER, &no, sizeof no) == 0);
    zap_bind(z->replies);
    z->stopped = zap_pair(z, true);
    z->stop = zap_pair(z, false);
    limits_create_thread(&z->thread, zap_main, z);
    z->next = zaps;
    zaps = z;
    return z;
}

static void zap_end(struct zap *z)
{
    sock_call_send(z->stop, "", 0, ZMQ_DONTWAIT);
    pthread_join(z->thread, NULL);
    zmq_close(z->stop);
    free(z);
}

void sock_zap_start(void *context, void *socket, struct wire_keys *keys)
{
    pthread_mutex_lock(&zaps_lock);
    struct zap *z = zaps;
    while (z && z->context != context)
        z = z->next;
    if (!z)
        z = zap_create(context, keys);
    z->users++;
    struct zap_user *u = xcalloc(1, sizeof *u);
    *u = (struct zap_user){.socket = socket, .zap = z, .next = zap_users};
    zap_users = u;
    pthread_mutex_unlock(&zaps_lock);
}

struct zap *sock_zap_leave(void *socket)
{
    struct zap *z = NULL;
    pthread_mutex_lock(&zaps_lock);
    for (struct zap_user **p = &zap_users; *p; p = &(*p)->next)
        if ((*p)->socket == socket) {
            struct zap_user *u = *p;
            *p = u->next;
            z = u->zap;
            free(u);
            break;
        }
    pthread_mutex_unlock(&zaps_lock);
    return z;
}

void sock_zap_stop(struct zap *z)
{
    bool last = false;
    if (!z)
        return;
    pthread_mutex_lock(&zaps_lock);
    last = --z->users == 0;
    for (struct zap **p = &zaps; last && *p; p = &(*p)->next)
        if (*p == z) {
            *p = z->next;
            break;
        }
    pthread_mutex_unlock(&zaps_lock);
    if (last)
        zap_end(z);
}
