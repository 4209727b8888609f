/* SPDX-License-Identifier: MIT */
/* server.c - the reward server's socket; see labels.h.
 *
 * Knows connections and nothing of labels: it hands questions out one by one and sends what it is
 * given. Whoever asks without having said HELLO to this process (it was restarted) is told to do
 * so, which makes the client repeat its open questions. A client that asks more than ANNOT_RATE_MAX
 * questions within a second gets BUSY and keeps them.
 *
 * There is room for so many clients. A learner's place is its own; where there is no other, a
 * learner that comes gets the one of an observer (without keys: of whoever has asked nothing yet),
 * or of somebody from the same machine with the same key who is silent, for that is what it was
 * before it was started again. Whoever lost a place so says HELLO again when it has something to
 * say.
 *
 * A client that was not heard for 10 s is forgotten, after 3 s if its connection has ended; who is
 * gone when its HELLO is read gets no place. An answer for it is refused, so that the caller counts
 * it as not delivered; the client asks again and gets it from the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "annotation.pb-c.h"
#include "common/base/audit.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/meta.h"
#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_manners.h"
#include "common/wire/labels/labels.h"
#include "common/wire/labels/plane.h"

enum {
    CLIENT_SILENT_MS = 10000,
    STALE_MS = 3000, /* silent for so long: it may be gone, or who comes from there is the same */
    LOOK_EVERY_MS = 500,
    WARN_EVERY_MS = 60000
};

static const unsigned roles_here = 1u << KEY_LEARNER | 1u << KEY_OBSERVER;

struct client {
    uint64_t handle; /* 0 = free slot */
    struct sock_route route;
    int64_t heard_ms, second_ms, looked_ms;
    int in_second;
    bool asked; /* a question */
};

struct wire_labels_server {
    void *context, *socket;
    struct wire_keys *keys; /* NULL = none, or not over this address */
    bool own_context, exposed;
    char address[SOCK_ADDRESS_MAX];
    struct wire_labels_identity self;
    uint32_t life;
    struct meta_arena *arena;
    struct client clients[ANNOT_CLIENTS_MAX];
    uint64_t handles;
    struct wire_labels_server_numbers numbers;
    uint64_t store, last_id;
    struct sock_manners manners;
    int64_t warned_ms, log_ms;
    int64_t kept_bound_ms;
    /* the ASK that is being handed out */
    zmq_msg_t ask;
    bool has_ask;
    const Onic__Wire__AnnotAsk *ask_meta;
    const char *ask_text;
    size_t ask_left, ask_next;
    bool waits; /* messages may be there that nobody has looked at */
    uint64_t ask_client;
};

/* --- life -------------------------------------------------------------------------------- */

int wire_labels_server_create(struct wire_labels_server **out, const char *listen,
                              void *zmq_context, bool allow_insecure, struct wire_keys *keys,
                              const struct wire_labels_identity *self, struct onic_err *err)
{
    *out = NULL;
    if (!listen || !listen[0])
        return err_set(err, ONIC_ECONFIG,
                       "no address to listen at: give --listen=tcp://127.0.0.1:5557");
    struct wire_labels_server *s = xcalloc(1, sizeof *s);
    s->own_context = zmq_context == NULL;
    s->context = s->own_context ? zmq_ctx_new() : zmq_context;
    ONIC_ASSERT(s->context != NULL);
    struct sock_options o = {.hwm = ANNOT_HWM,
                             .max_msg_bytes = ANNOT_MESSAGE_BYTES,
                             .allow_insecure = allow_insecure,
                             .keys = keys,
                             .roles = roles_here,
                             .option = "--listen",
                             .strangers_max = ANNOT_STRANGERS_MAX};
    int rc = sock_bind(&s->socket, s->context, listen, &o, s->address, err);
    if (rc) {
        wire_labels_server_free(s);
        return rc;
    }
    s->self = *self;
    s->exposed = !keys && sock_is_exposed(s->address);
    s->keys = sock_is_keyed(s->address, keys) ? keys : NULL;
    s->life = (uint32_t)(uint64_t)(clock_wall_s() * 1000.0) ^ (uint32_t)getpid() << 16;
    s->arena = meta_arena_create();
    *out = s;
    return ONIC_OK;
}

void wire_labels_server_free(struct wire_labels_server *s)
{
    if (!s)
        return;
    if (s->has_ask)
        zmq_msg_close(&s->ask);
    sock_close(s->socket, 500);
    if (s->own_context)
        sock_context_end(s->context);
    meta_arena_free(s->arena);
    free(s);
}

const char *wire_labels_server_address(const struct wire_labels_server *s)
{
    return s->address;
}

int wire_labels_server_fd(const struct wire_labels_server *s)
{
    int fd = -1;
    size_t n = sizeof fd;
    ONIC_ASSERT(zmq_getsockopt(s->socket, ZMQ_FD, &fd, &n) == 0);
    return fd;
}

/* --- clients ----------------------------------------------------------------------------- */

static struct client *by_route(struct wire_labels_server *s, const struct sock_route *r)
{
    for (int i = 0; i < ANNOT_CLIENTS_MAX; i++)
        if (s->clients[i].handle && sock_route_equal(&s->clients[i].route, r))
            return &s->clients[i];
    return NULL;
}

static struct client *by_handle(struct wire_labels_server *s, uint64_t handle)
{
    for (int i = 0; i < ANNOT_CLIENTS_MAX; i++)
        if (s->clients[i].handle == handle)
            return &s->clients[i];
    return NULL;
}

static enum sock_sent labels_server_send_frame(struct wire_labels_server *s,
                                               const struct sock_route *to, enum frame_type type,
                                               uint64_t seq, const ProtobufCMessage *meta,
                                               struct sock_bulk bulk)
{
    struct frame_head h = {.type = (uint16_t)type, .seq = seq, .epoch = s->life};
    zmq_msg_t msg;
    sock_build(&msg, &h, meta, bulk, (struct sock_bulk){0});
    return sock_send(s->socket, to, &msg);
}

static enum sock_sent send_numbers(struct wire_labels_server *s, const struct sock_route *to)
{
    Onic__Wire__AnnotNumbers m = ONIC__WIRE__ANNOT_NUMBERS__INIT;
    m.labels_total = s->numbers.labels_total;
    m.abstained_total = s->numbers.abstained_total;
    m.backlog = s->numbers.backlog;
    m.in_flight = s->numbers.in_flight;
    m.asked_twice = s->numbers.asked_twice;
    m.maybe_paid_twice = s->numbers.maybe_paid_twice;
    m.evicted = s->numbers.evicted;
    m.labels_per_s = s->numbers.labels_per_s;
    m.status = meta_bytes(s->numbers.status);
    Onic__Wire__AnnotNumber own[WIRE_LABELS_NUMBERS_MAX], *list[WIRE_LABELS_NUMBERS_MAX];
    for (int i = 0; i < s->numbers.nown; i++) {
        onic__wire__annot_number__init(&own[i]);
        own[i].name = meta_bytes(s->numbers.own[i].name);
        own[i].value = s->numbers.own[i].value;
        list[i] = &own[i];
    }
    m.n_own = (size_t)s->numbers.nown;
    m.own = list;
    m.store = s->store;
    m.last_id = s->last_id;
    return labels_server_send_frame(s, to, FRAME_ANNOT_HEARTBEAT, 0, &m.base,
                                    (struct sock_bulk){0});
}

/* What it may be by its key: without keys nobody knows which of the two it is. */
static void labels_server_audit(struct wire_labels_server *s, enum audit_event event,
                                const struct sock_route *of, const char *reason)
{
    bool asks = s->keys && wire_keys_allow(s->keys, 1u << KEY_LEARNER, of->key);
    struct audit_who who = {.role = asks      ? "learner"
                                    : s->keys ? "observer"
                                              : "client",
                            .address = of->peer,
                            .key = of->key,
                            .actor = -1};
    audit_write(event, &who, reason);
}

/* Takes its place. */
static void labels_server_leave(struct wire_labels_server *s, struct client *c, const char *why)
{
    sock_forget(s->socket, &c->route);
    labels_server_audit(s, AUDIT_LOST, &c->route, why);
    c->handle = 0;
}

static bool is_stale_one_of(const struct client *c, const struct sock_route *from, int64_t now)
{
    return now - c->heard_ms > STALE_MS && strcmp(c->route.peer, from->peer) == 0 &&
           strcmp(c->route.key, from->key) == 0;
}

/* The place of another one, for somebody who comes when all are taken; NULL: there is none. */
static struct client *labels_server_make_room(struct wire_labels_server *s,
                                              const struct sock_route *from)
{
    int64_t now = clock_ms();
    struct client *of = NULL;
    if (s->keys && !wire_keys_allow(s->keys, 1u << KEY_LEARNER, from->key))
        return NULL;
    for (int i = 0; i < ANNOT_CLIENTS_MAX; i++) {
        struct client *c = &s->clients[i];
        bool learns =
            s->keys ? wire_keys_allow(s->keys, 1u << KEY_LEARNER, c->route.key) : c->asked;
        if (is_stale_one_of(c, from, now))
            return c;
        if (!learns && (!of || c->handle < of->handle)) /* who is here for longest */
            of = c;
    }
    return of;
}

static enum sock_sent labels_server_welcome(struct wire_labels_server *s,
                                            const struct sock_route *to)
{
    Onic__Wire__AnnotWelcome m = ONIC__WIRE__ANNOT_WELCOME__INIT;
    m.identity = meta_bytes(s->self.identity);
    m.annotator = meta_bytes(s->self.annotator);
    m.model = meta_bytes(s->self.model);
    m.goal = meta_bytes(s->self.goal);
    m.goal_version = meta_bytes(s->self.goal_version);
    m.credits = ANNOT_CREDITS;
    m.kinds = s->self.kinds;
    return labels_server_send_frame(s, to, FRAME_ANNOT_WELCOME, 0, &m.base, (struct sock_bulk){0});
}

static void labels_server_take_place(struct wire_labels_server *s, struct client *c,
                                     const struct sock_route *from)
{
    if (c->handle)
        labels_server_leave(s, c, "a learner has its place now");
    *c = (struct client){.handle = ++s->handles, .route = *from};
    labels_server_audit(s, AUDIT_JOINED, from, "it said hello");
}

/* NULL, or why this says nothing. */
static const char *hello(struct wire_labels_server *s, const struct sock_route *from,
                         const struct frame *f)
{
    const Onic__Wire__AnnotHello *h =
        meta_unpack(s->arena, &onic__wire__annot_hello__descriptor, f->meta, f->head.meta_len);
    if (!h)
        return "a HELLO that cannot be read";
    struct client *c = by_route(s, from);
    bool comes = !c;
    if (comes)
        c = by_handle(s, 0);
    if (!c)
        c = labels_server_make_room(s, from);
    if (!c) {
        labels_server_send_frame(s, from, FRAME_ANNOT_BUSY, 0, NULL, (struct sock_bulk){0});
        labels_server_audit(s, AUDIT_REFUSED, from, "there is no room for one more");
        return NULL;
    }
    if (labels_server_welcome(s, from) == SOCK_GONE)
        return NULL; /* others wait for this place */
    if (comes)
        labels_server_take_place(s, c, from);
    c->heard_ms = clock_ms();
    sock_know(s->socket, from, ANNOT_UNDER_WAY);
    send_numbers(s, from);
    return NULL;
}

/* --- receiving --------------------------------------------------------------------------- */

static bool over_rate(struct client *c, size_t n)
{
    int64_t now = clock_ms();
    if (now - c->second_ms >= 1000) {
        c->second_ms = now;
        c->in_second = 0;
    }
    c->in_second += (int)n;
    return c->in_second > ANNOT_RATE_MAX;
}

static bool lengths_fill(const Onic__Wire__AnnotAsk *m, size_t bulk)
{
    size_t sum = 0;
    for (size_t i = 0; i < m->n_caption_bytes; i++) {
        if (m->caption_bytes[i] < 1 || m->caption_bytes[i] > ANNOT_QUESTION_MAX)
            return false;
        sum += m->caption_bytes[i];
    }
    return sum == bulk;
}

/* Makes an ASK the current one; takes msg over when it returns true. *why: it says nothing. */
static bool open_ask(struct wire_labels_server *s, struct client *c, const struct frame *f,
                     zmq_msg_t *msg, const char **why)
{
    const Onic__Wire__AnnotAsk *m =
        meta_unpack(s->arena, &onic__wire__annot_ask__descriptor, f->meta, f->head.meta_len);
    if (!m || m->n_caption_bytes > ANNOT_BATCH || !lengths_fill(m, f->head.bulk_len)) {
        *why = "a damaged question";
        return false;
    }
    c->asked |= m->n_caption_bytes > 0;
    if (over_rate(c, m->n_caption_bytes)) {
        labels_server_send_frame(s, &c->route, FRAME_ANNOT_BUSY, f->head.seq, NULL,
                                 (struct sock_bulk){0});
        return false;
    }
    size_t before = (size_t)((const char *)f->bulk - (const char *)zmq_msg_data(msg));
    zmq_msg_init(&s->ask);
    zmq_msg_move(&s->ask, msg);
    s->has_ask = true;
    s->ask_meta = m;
    s->ask_text = (const char *)zmq_msg_data(&s->ask) + before;
    s->ask_next = 0;
    s->ask_client = c->handle;
    return true;
}

/* Still: its key may be off the list since it connected. */
static bool may_be(struct wire_labels_server *s, const struct sock_route *from, unsigned roles)
{
    if (!s->keys || wire_keys_allow(s->keys, roles, from->key))
        return true;
    labels_server_audit(s, AUDIT_KEY, from,
                        roles == roles_here ? "its key was taken off the list"
                                            : "it asked a question, which learners may");
    if (log_every_ms(&s->log_ms, 1000))
        log_warn(roles == roles_here ? "a connection is not heard any more: its key was taken off "
                                       "the list"
                                     : "an observer's question was thrown away: learners ask",
                 kv("key", from->key));
    return false;
}

/* Takes msg over when it returns true. *why: it says nothing. */
static bool labels_server_handle(struct wire_labels_server *s, const struct sock_route *from,
                                 const struct frame *f, zmq_msg_t *msg, const char **why)
{
    uint16_t type = f->head.type;
    if (type == FRAME_ANNOT_HELLO) {
        *why = hello(s, from, f);
        return false;
    }
    if (type != FRAME_ANNOT_HEARTBEAT && type != FRAME_ANNOT_ASK) {
        *why = "a message that nobody sends here";
        return false;
    }
    struct client *c = by_route(s, from);
    if (!c || f->head.epoch != s->life) {
        labels_server_send_frame(s, from, FRAME_HELLO_REQUIRED, 0, NULL, (struct sock_bulk){0});
        return false;
    }
    c->heard_ms = clock_ms();
    if (type == FRAME_ANNOT_HEARTBEAT)
        send_numbers(s, from);
    return type == FRAME_ANNOT_ASK && may_be(s, from, 1u << KEY_LEARNER) &&
           open_ask(s, c, f, msg, why);
}

/* Takes msg over when it returns true. */
static bool labels_server_hear(struct wire_labels_server *s, const struct sock_route *from,
                               enum sock_got got, zmq_msg_t *msg)
{
    struct frame f;
    const char *why = NULL;
    bool kept = false;
    if (!may_be(s, from, roles_here) || sock_manners_shut_out(&s->manners, from))
        return false;
    enum frame_bad bad = sock_got_bad(got);
    if (got == SOCK_FRAME)
        bad = frame_parse(&f, zmq_msg_data(msg), zmq_msg_size(msg));
    if (bad == FRAME_FINE)
        kept = labels_server_handle(s, from, &f, msg, &why);
    else
        why = frame_bad_name(bad);
    if (why && sock_manners_bad(&s->manners, s->socket, from, why)) {
        struct client *c = by_route(s, from);
        labels_server_audit(s, AUDIT_REFUSED, from, why);
        if (c)
            labels_server_leave(s, c, "it sent nonsense too often");
    }
    return kept;
}

static bool labels_server_receive_one(struct wire_labels_server *s)
{
    struct sock_route route;
    zmq_msg_t msg;
    enum sock_got got = sock_recv(s->socket, &route, &msg);
    if (got == SOCK_NOTHING)
        return false;
    if (!labels_server_hear(s, &route, got, &msg) && got == SOCK_FRAME)
        zmq_msg_close(&msg);
    return true;
}

bool wire_labels_server_recv(struct wire_labels_server *s, struct wire_labels_ask *out)
{
    for (int messages = 0;; messages++) {
        if (s->has_ask && s->ask_next < s->ask_meta->n_caption_bytes) {
            size_t n = s->ask_meta->caption_bytes[s->ask_next++];
            *out = (struct wire_labels_ask){
                .client = s->ask_client, .question = s->ask_text, .question_len = n};
            s->ask_text += n;
            return true;
        }
        if (s->has_ask)
            zmq_msg_close(&s->ask);
        s->has_ask = false;
        s->waits = messages == SOCK_MESSAGES_PER_TURN;
        if (s->waits || !labels_server_receive_one(s))
            return false;
    }
}

bool wire_labels_server_waits(const struct wire_labels_server *s)
{
    return s->waits;
}

/* --- sending ----------------------------------------------------------------------------- */

static bool send_batch(struct wire_labels_server *s, const struct sock_route *to,
                       const struct label *labels, int n)
{
    Onic__Wire__AnnotLabel parts[ANNOT_BATCH], *list[ANNOT_BATCH];
    char text[ANNOT_BATCH * ANNOT_QUESTION_MAX];
    size_t bytes = 0;
    for (int i = 0; i < n; i++) {
        const struct label *l = &labels[i];
        size_t len = l->question_len < ANNOT_QUESTION_MAX ? l->question_len : ANNOT_QUESTION_MAX;
        onic__wire__annot_label__init(&parts[i]);
        parts[i].id = l->id;
        parts[i].state = (uint32_t)l->state - ANNOT_STATE_FIRST;
        parts[i].label = (float)l->value;
        parts[i].confidence = (float)l->confidence;
        parts[i].asked_at = l->asked_at;
        parts[i].answered_at = l->answered_at;
        parts[i].caption_bytes = (uint32_t)len;
        parts[i].source = meta_bytes(l->source);
        memcpy(text + bytes, l->question, len);
        bytes += len;
        list[i] = &parts[i];
    }
    Onic__Wire__AnnotLabels m = ONIC__WIRE__ANNOT_LABELS__INIT;
    m.n_labels = (size_t)n;
    m.labels = list;
    return labels_server_send_frame(s, to, FRAME_ANNOT_LABELS, 0, &m.base,
                                    (struct sock_bulk){text, bytes}) == SOCK_SENT;
}

static bool send_all(struct wire_labels_server *s, const struct sock_route *to,
                     const struct label *labels, int n)
{
    for (int i = 0; i < n; i += ANNOT_BATCH)
        if (!send_batch(s, to, labels + i, n - i < ANNOT_BATCH ? n - i : ANNOT_BATCH))
            return false;
    return true;
}

bool wire_labels_server_send(struct wire_labels_server *s, uint64_t client,
                             const struct label *labels, int n)
{
    bool all = true;
    for (int i = 0; i < ANNOT_CLIENTS_MAX; i++) {
        struct client *c = &s->clients[i];
        if (c->handle && client == 0)
            all &= send_all(s, &c->route, labels, n);
    }
    if (client == 0)
        return all;
    struct client *c = by_handle(s, client);
    return c && send_all(s, &c->route, labels, n);
}

void wire_labels_server_numbers(struct wire_labels_server *s,
                                const struct wire_labels_server_numbers *n)
{
    s->numbers = *n;
}

void wire_labels_server_store(struct wire_labels_server *s, uint64_t store, uint64_t last_id)
{
    s->store = store;
    s->last_id = last_id > s->last_id ? last_id : s->last_id;
}

uint64_t wire_labels_server_bad(const struct wire_labels_server *s)
{
    return atomic_load(&s->manners.bad);
}

/* libzmq knows when something is to be sent. */
static bool client_is_cut_off(struct wire_labels_server *s, struct client *c, int64_t now)
{
    return now - c->heard_ms > STALE_MS && log_every_ms(&c->looked_ms, LOOK_EVERY_MS) &&
           send_numbers(s, &c->route) == SOCK_GONE;
}

static void check_client(struct wire_labels_server *s, struct client *c, int64_t now)
{
    if (now - c->heard_ms > CLIENT_SILENT_MS)
        labels_server_leave(s, c, "silent for 10 s");
    else if (client_is_cut_off(s, c, now))
        labels_server_leave(s, c, "its connection has ended");
}

void wire_labels_server_tick(struct wire_labels_server *s)
{
    int64_t now = clock_ms();
    sock_keep_bound(s->socket, s->address, &s->kept_bound_ms);
    for (int i = 0; i < ANNOT_CLIENTS_MAX; i++)
        if (s->clients[i].handle)
            check_client(s, &s->clients[i], now);
    if (s->exposed && now - s->warned_ms > WARN_EVERY_MS) {
        s->warned_ms = now;
        log_warn("listening beyond this machine without encryption or authentication "
                 "(security.allow_insecure)",
                 kv("address", s->address));
    }
}
