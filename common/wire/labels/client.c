/* SPDX-License-Identifier: MIT */
/* client.c - the learner's side of the annotation plane; see labels.h.
 *
 * At most 4096 questions are open. An annotator slower than the stream of new ones would fill them
 * with old ones for ever; so when newer questions wait, the oldest open one is PARKED: its answer
 * is still welcome, and it is asked again when it is put again. Nothing here waits: without a
 * server questions pile up to a bound and the oldest are dropped and counted (they, too, can be
 * asked again when they are put again). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "annotation.pb-c.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/meta.h"
#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_trouble.h"
#include "common/wire/labels/labels.h"
#include "common/wire/labels/pending.h"
#include "common/wire/labels/plane.h"

enum {
    RESEND_MS = 15000,
    PARK_AFTER_MS = 5000,
    BUSY_PAUSE_MS = 1000,
    GATHER_MS = 100, /* between messages with questions, unless one is as full as it may be */
    HEARTBEAT_MS = 2000,
    HELLO_MS = 1000,
    SILENT_MS = 8000, /* users are promised 10 s */
    RECREATE_MS = 30000,
    TROUBLE_AGAIN_MS = 60000,
    WELCOME_LOG_MS = 1000, /* of those that come again and again */
    RING = 256             /* messages with labels that nobody has fetched yet */
};

struct wire_labels_client {
    char address[SOCK_ADDRESS_MAX];
    char host[64];
    void *context, *socket;
    struct wire_keys *keys;
    bool own_context;
    struct meta_arena *arena, *label_arena;
    bool connected;
    uint32_t server_life; /* header epoch of the server */
    struct wire_labels_identity identity;
    unsigned attempts; /* sockets made */
    int64_t created_ms, heard_ms, hello_ms, heartbeat_ms, recreated_ms, pause_until_ms, sent_ms;
    int credits;
    uint64_t asks, reports; /* reports: heartbeats with numbers */

    struct pending pending;

    zmq_msg_t ring[RING]; /* received label messages */
    unsigned ring_head, ring_count;
    const Onic__Wire__AnnotLabels *labels; /* of ring[head], NULL = not unpacked */
    const char *label_text;
    size_t label_text_left, next_label;
    struct wire_labels_client_status status;
    bool first_numbers;        /* of this connection are to come */
    enum sock_trouble trouble; /* the last, since it was connected */
    int64_t trouble_log_ms, nonsense_log_ms, identity_log_ms, there_log_ms;
    bool no_room; /* the server answers, but serves as many learners as it can */
};

bool wire_labels_client_ask(struct wire_labels_client *c, const char *question, size_t len)
{
    if (len == 0)
        return false;
    if (len > ANNOT_QUESTION_MAX)
        len = ANNOT_QUESTION_MAX;
    struct pending *b = &c->pending;
    int i = pending_find(b, question, len);
    if (i < 0) {
        pending_wait_newest(b, pending_add(b, question, len));
        return true;
    }
    const struct pending_entry *e = &b->entry[i];
    if (e->state == PENDING_FORGOTTEN ||
        (e->state == PENDING_PARKED && clock_ms() - e->asked_ms > RESEND_MS))
        pending_wait_newest(b, i);
    return false;
}

void wire_labels_client_forget(struct wire_labels_client *c, const char *question, size_t len)
{
    int i = pending_find(&c->pending, question, len);
    if (i >= 0 && c->pending.entry[i].state == PENDING_ANSWERED)
        pending_set(&c->pending, i, PENDING_FORGOTTEN);
}

void wire_labels_client_wait_for_all(struct wire_labels_client *c, bool all)
{
    c->pending.keep_all = all;
}

/* --- life -------------------------------------------------------------------------------- */

static int labels_client_open_socket(struct wire_labels_client *c, struct onic_err *err)
{
    struct sock_options o = {.hwm = ANNOT_HWM,
                             .max_msg_bytes = ANNOT_MESSAGE_BYTES,
                             .keys = c->keys,
                             .peer = KEY_REWARD_SERVER,
                             .option = "--reward.server",
                             .attempt = c->attempts++};
    sock_close(c->socket, 0);
    c->socket = NULL;
    c->recreated_ms = clock_ms();
    return sock_connect(&c->socket, c->context, c->address, &o, err);
}

int wire_labels_client_create(struct wire_labels_client **out, const char *address,
                              void *zmq_context, struct wire_keys *keys, struct onic_err *err)
{
    *out = NULL;
    if (!address || !address[0] || strlen(address) >= SOCK_ADDRESS_MAX)
        return err_set(err, ONIC_ECONFIG, "--reward.server: the address is missing or too long");
    struct wire_labels_client *c = xcalloc(1, sizeof *c);
    snprintf(c->address, sizeof c->address, "%s", address);
    if (gethostname(c->host, sizeof c->host - 1) != 0)
        snprintf(c->host, sizeof c->host, "unknown");
    c->keys = keys;
    c->own_context = zmq_context == NULL;
    c->context = c->own_context ? zmq_ctx_new() : zmq_context;
    ONIC_ASSERT(c->context != NULL);
    c->arena = meta_arena_create();
    c->label_arena = meta_arena_create();
    pending_init(&c->pending);
    c->created_ms = clock_ms();
    char why[128];
    int rc = labels_client_open_socket(c, err);
    if (rc) {
        wire_labels_client_free(c);
        return rc;
    }
    if (!sock_resolves(c->address, why)) /* asked once: a name server that is gone makes us wait */
        log_warn("the reward server cannot be reached yet, trying on", kv("address", address),
                 kv("why", (const char *)why));
    *out = c;
    return ONIC_OK;
}

void wire_labels_client_free(struct wire_labels_client *c)
{
    if (!c)
        return;
    sock_close(c->socket, 0);
    for (; c->ring_count; c->ring_count--)
        zmq_msg_close(&c->ring[c->ring_head++ % RING]);
    if (c->own_context)
        sock_context_end(c->context);
    pending_release(&c->pending);
    meta_arena_free(c->arena);
    meta_arena_free(c->label_arena);
    free(c);
}

/* --- sending ----------------------------------------------------------------------------- */

static bool labels_client_send_frame(struct wire_labels_client *c, enum frame_type type,
                                     uint64_t seq, const ProtobufCMessage *meta,
                                     struct sock_bulk bulk)
{
    struct frame_head h = {.type = (uint16_t)type, .seq = seq, .epoch = c->server_life};
    zmq_msg_t msg;
    sock_build(&msg, &h, meta, bulk, (struct sock_bulk){0});
    return sock_send(c->socket, NULL, &msg) == SOCK_SENT;
}

static void labels_client_send_hello(struct wire_labels_client *c)
{
    Onic__Wire__AnnotHello m = ONIC__WIRE__ANNOT_HELLO__INIT;
    m.role = WIRE_ROLE_LEARNER;
    m.host = meta_bytes(c->host);
    m.pid = (uint32_t)getpid();
    if (labels_client_send_frame(c, FRAME_ANNOT_HELLO, 0, &m.base, (struct sock_bulk){0}))
        c->hello_ms = clock_ms();
}

/* One message of the newest waiting questions; false when the socket takes no more. */
static bool send_ask(struct wire_labels_client *c, int64_t now)
{
    uint32_t lens[ANNOT_BATCH];
    int who[ANNOT_BATCH];
    char text[ANNOT_BATCH * ANNOT_QUESTION_MAX];
    size_t n = 0, bytes = 0;
    struct pending *b = &c->pending;
    for (int i = b->waiting.first;
         i >= 0 && n < ANNOT_BATCH && b->asked.count + (int)n < c->credits; i = b->entry[i].next) {
        const struct pending_entry *e = &b->entry[i];
        memcpy(text + bytes, b->texts + e->at, e->len);
        bytes += e->len;
        lens[n] = e->len;
        who[n++] = i;
    }
    Onic__Wire__AnnotAsk m = ONIC__WIRE__ANNOT_ASK__INIT;
    m.n_caption_bytes = n;
    m.caption_bytes = lens;
    if (!labels_client_send_frame(c, FRAME_ANNOT_ASK, c->asks + 1, &m.base,
                                  (struct sock_bulk){text, bytes}))
        return false;
    c->asks++;
    for (size_t k = 0; k < n; k++) {
        const struct pending_entry *e = &b->entry[who[k]];
        trace(QUESTION, .seq = trace_hash(b->texts + e->at, e->len));
        if (e->ask)
            c->status.resent_total++;
        else
            c->status.asked_total++;
        pending_set_asked(b, who[k], c->asks, now);
    }
    return true;
}

/* Every message wakes both I/O threads and the server, and every group of answers is a commit: the
 * questions of several updates share them. */
static void send_asks(struct wire_labels_client *c, int64_t now)
{
    const struct pending *b = &c->pending;
    int room = c->credits - b->asked.count, full = room < ANNOT_BATCH ? room : ANNOT_BATCH;
    bool gathered = b->waiting.count >= full || now - c->sent_ms >= GATHER_MS || b->keep_all;
    if (!gathered || now < c->pause_until_ms)
        return;
    while (b->waiting.count > 0 && b->asked.count < c->credits && send_ask(c, now))
        c->sent_ms = now;
}

static void repeat_and_park(struct wire_labels_client *c, int64_t now)
{
    struct pending *b = &c->pending;
    while (b->asked.first >= 0) {
        int i = b->asked.first;
        int64_t age = now - b->entry[i].asked_ms;
        if (b->asked.count >= c->credits && b->waiting.count > 0 && age > PARK_AFTER_MS &&
            !b->keep_all)
            pending_set(b, i, PENDING_PARKED);
        else if (age > RESEND_MS)
            pending_wait_oldest(b, i);
        else
            break;
    }
}

/* --- receiving --------------------------------------------------------------------------- */

static void drop_message(struct wire_labels_client *c)
{
    zmq_msg_close(&c->ring[c->ring_head % RING]);
    c->ring_head = (c->ring_head + 1) % RING;
    c->ring_count--;
    c->labels = NULL;
}

/* Labels that were not fetched yet go, too: they are of the identity that was. */
static void forget_all(struct wire_labels_client *c)
{
    while (c->ring_count)
        drop_message(c);
    pending_forget_all(&c->pending);
}

static void labels_client_welcome(struct wire_labels_client *c, const struct frame *f)
{
    const Onic__Wire__AnnotWelcome *m =
        meta_unpack(c->arena, &onic__wire__annot_welcome__descriptor, f->meta, f->head.meta_len);
    if (!m)
        return;
    c->no_room = false;
    struct wire_labels_identity id;
    meta_text(id.identity, sizeof id.identity, &m->identity);
    meta_text(id.annotator, sizeof id.annotator, &m->annotator);
    meta_text(id.model, sizeof id.model, &m->model);
    meta_text(id.goal, sizeof id.goal, &m->goal);
    meta_text(id.goal_version, sizeof id.goal_version, &m->goal_version);
    id.kinds = m->kinds ? m->kinds : 1u << QUESTION_CLASS;
    if (c->identity.identity[0] && strcmp(id.identity, c->identity.identity) != 0) {
        if (log_every_ms(&c->identity_log_ms, WELCOME_LOG_MS))
            log_warn("the reward server gives labels of another identity now",
                     kv("was", c->identity.identity), kv("is", id.identity));
        forget_all(c);
    }
    c->identity = id;
    if (f->head.epoch !=
        c->server_life) /* a new process: what it was asked before is not in its queue */
        pending_ask_again(&c->pending);
    c->server_life = f->head.epoch;
    c->credits = m->credits < ANNOT_CREDITS ? (int)m->credits : ANNOT_CREDITS;
    c->trouble = SOCK_FINE;
    if (!c->connected && log_every_ms(&c->there_log_ms, WELCOME_LOG_MS))
        log_info("the reward server is there", kv("address", c->address),
                 kv("annotator", id.annotator), kv("goal", id.goal));
    c->connected = c->first_numbers = true;
}

/* What may stand in the name of a metric. */
static bool number_name(const char *name)
{
    return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static void numbers(struct wire_labels_client *c, const struct frame *f)
{
    const Onic__Wire__AnnotNumbers *m =
        meta_unpack(c->arena, &onic__wire__annot_numbers__descriptor, f->meta, f->head.meta_len);
    if (!m)
        return;
    c->reports++;
    c->status.server_backlog = m->backlog + m->in_flight;
    c->status.server_labels_per_s = isfinite(m->labels_per_s) ? m->labels_per_s : 0;
    c->status.server_labels_total = m->labels_total;
    c->status.server_asked_twice = m->asked_twice;
    c->status.server_maybe_paid_twice = m->maybe_paid_twice;
    meta_text(c->status.annotator, sizeof c->status.annotator, &m->status);
    if (c->first_numbers && m->store) {
        c->first_numbers = false;
        c->status.store = m->store;
        c->status.store_last_id = m->last_id;
        c->status.told++;
    }
    c->status.nown = 0;
    for (size_t i = 0; i < m->n_own && i < WIRE_LABELS_NUMBERS_MAX; i++) {
        struct wire_labels_number *own = &c->status.own[c->status.nown];
        meta_text(own->name, sizeof own->name, &m->own[i]->name);
        own->value = m->own[i]->value;
        c->status.nown += isfinite(own->value) && number_name(own->name);
    }
}

static void busy(struct wire_labels_client *c, uint64_t ask, int64_t now)
{
    c->pause_until_ms = now + BUSY_PAUSE_MS;
    struct pending *b = &c->pending;
    for (int i = b->asked.first; i >= 0;) {
        int next = b->entry[i].next;
        if (b->entry[i].ask == ask)
            pending_wait_oldest(b, i);
        i = next;
    }
}

/* Takes msg over when it returns true. */
static bool labels_client_handle(struct wire_labels_client *c, const struct frame *f,
                                 zmq_msg_t *msg)
{
    int64_t now = clock_ms();
    c->heard_ms = now;
    switch (f->head.type) {
    case FRAME_ANNOT_WELCOME:
        labels_client_welcome(c, f);
        return false;
    case FRAME_ANNOT_HEARTBEAT:
        numbers(c, f);
        return false;
    case FRAME_ANNOT_BUSY:
        c->no_room = !c->connected;
        if (c->connected)
            busy(c, f->head.seq, now);
        return false;
    case FRAME_HELLO_REQUIRED: /* what it answers was thrown away */
        pending_ask_again(&c->pending);
        c->connected = false;
        if (now - c->hello_ms > HELLO_MS / 2)
            labels_client_send_hello(c);
        return false;
    case FRAME_ANNOT_LABELS: {
        zmq_msg_t *slot = &c->ring[(c->ring_head + c->ring_count) % RING];
        zmq_msg_init(slot);
        zmq_msg_move(slot, msg);
        c->ring_count++;
        return true;
    }
    default:
        return false;
    }
}

static void labels_client_receive(struct wire_labels_client *c)
{
    zmq_msg_t msg;
    enum sock_got got;
    for (int i = 0; i < SOCK_MESSAGES_PER_TURN && c->ring_count < RING &&
                    (got = sock_recv(c->socket, NULL, &msg)) != SOCK_NOTHING;
         i++) {
        struct frame f;
        if (got != SOCK_FRAME)
            continue;
        bool kept = frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg)) == FRAME_FINE &&
                    labels_client_handle(c, &f, &msg);
        if (!kept)
            zmq_msg_close(&msg);
    }
}

/* Makes the next received message current; false when there is none. */
static bool open_message(struct wire_labels_client *c)
{
    while (!c->labels && c->ring_count) {
        struct frame f;
        zmq_msg_t *m = &c->ring[c->ring_head % RING];
        if (frame_parse(&f, zmq_msg_data(m), zmq_msg_size(m)) == FRAME_FINE) {
            c->labels = meta_unpack(c->label_arena, &onic__wire__annot_labels__descriptor, f.meta,
                                    f.head.meta_len);
            c->label_text = (const char *)f.bulk;
            c->label_text_left = f.head.bulk_len;
            c->next_label = 0;
        }
        if (!c->labels)
            drop_message(c);
    }
    return c->labels != NULL;
}

/* True when this is the first answer to its question. */
static bool labels_client_settle(struct wire_labels_client *c, const struct label *l)
{
    struct pending *b = &c->pending;
    int i = pending_find(b, l->question, l->question_len);
    if (i < 0)
        i = pending_add_unasked(b, l->question, l->question_len);
    if (i < 0 || b->entry[i].state == PENDING_ANSWERED)
        return false;
    pending_set(b, i, PENDING_ANSWERED);
    trace(LABEL, .seq = trace_hash(l->question, l->question_len), .version = l->id,
          .n = trace_value(l->value), .reason = (uint16_t)l->state);
    if (l->state == LABEL_ANSWERED)
        c->status.labels_total++;
    else
        c->status.abstained_total++;
    return true;
}

/* Why the next label of the message cannot be taken; NULL: *out is it, without its source. */
static const char *labels_client_read(const struct wire_labels_client *c,
                                      const Onic__Wire__AnnotLabel *l, struct label *out)
{
    if (l->caption_bytes == 0 || l->caption_bytes > ANNOT_QUESTION_MAX ||
        l->caption_bytes > c->label_text_left || l->state > LABEL_ABSTAINED - ANNOT_STATE_FIRST)
        return "it cannot be read";
    *out = (struct label){.id = l->id,
                          .state = (enum label_state)(ANNOT_STATE_FIRST + l->state),
                          .value = (double)l->label,
                          .confidence = (double)l->confidence,
                          .asked_at = l->asked_at,
                          .answered_at = l->answered_at,
                          .question = c->label_text,
                          .question_len = l->caption_bytes};
    return label_fault(out, question_kind_of(out->question, out->question_len));
}

bool wire_labels_client_next(struct wire_labels_client *c, struct label *out)
{
    while (open_message(c)) {
        if (c->next_label == c->labels->n_labels) {
            drop_message(c);
            continue;
        }
        const Onic__Wire__AnnotLabel *l = c->labels->labels[c->next_label++];
        const char *why = labels_client_read(c, l, out);
        if (why) {
            if (log_every_ms(&c->nonsense_log_ms, TROUBLE_AGAIN_MS))
                log_warn("the reward server sent a label that cannot be: it is asked again",
                         kv("why", why), kv("address", c->address));
            drop_message(c); /* the rest of it cannot be trusted either */
            continue;
        }
        meta_text(out->source, sizeof out->source, &l->source);
        c->label_text += l->caption_bytes;
        c->label_text_left -= l->caption_bytes;
        if (labels_client_settle(c, out))
            return true;
    }
    return false;
}

/* --- the loop ---------------------------------------------------------------------------- */

/* True: a new socket may get through, with the next key that is known of the server. One that was
 * refused waits for longer: somebody must let it in first. */
static bool look_for_trouble(struct wire_labels_client *c)
{
    char text[SOCK_TROUBLE_TEXT];
    enum sock_trouble t = sock_trouble(c->socket, text);
    if (t == SOCK_FINE)
        return false;
    c->trouble = t;
    if (log_every_ms(&c->trouble_log_ms, TROUBLE_AGAIN_MS))
        log_warn(text);
    return t == SOCK_SHUT && c->keys;
}

static void keep_time(struct wire_labels_client *c, int64_t now)
{
    if (c->connected && now - c->heard_ms > SILENT_MS) {
        c->connected = false;
        log_warn("the reward server is silent; training goes on with the labels there are",
                 kv("address", c->address));
    }
    bool shut = !c->connected && look_for_trouble(c);
    bool unreached = shut || (!c->heard_ms && sock_is_name(c->address));
    if (!c->connected && now - c->recreated_ms > (unreached ? SOCK_NAME_RETRY_MS : RECREATE_MS)) {
        struct onic_err err = {0};
        if (labels_client_open_socket(c, &err) != ONIC_OK)
            log_warn(err.msg);
    }
    if (!c->connected && now - c->hello_ms > HELLO_MS)
        labels_client_send_hello(c);
    if (c->connected && now - c->heartbeat_ms > HEARTBEAT_MS) {
        c->heartbeat_ms = now;
        labels_client_send_frame(c, FRAME_ANNOT_HEARTBEAT, 0, NULL, (struct sock_bulk){0});
    }
}

void wire_labels_client_poll(struct wire_labels_client *c, int timeout_ms)
{
    if (timeout_ms > 0 && c->ring_count == 0 && c->socket) {
        zmq_pollitem_t item = {.socket = c->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, c->connected || timeout_ms < 20 ? timeout_ms : 20);
    }
    if (!c->socket)
        return;
    labels_client_receive(c);
    int64_t now = clock_ms();
    keep_time(c, now);
    if (!c->connected)
        return;
    repeat_and_park(c, now);
    send_asks(c, now);
}

void wire_labels_client_refresh(struct wire_labels_client *c, int timeout_ms)
{
    int64_t until = clock_ms() + timeout_ms, left;
    uint64_t before = c->reports;
    if (c->connected)
        labels_client_send_frame(c, FRAME_ANNOT_HEARTBEAT, 0, NULL, (struct sock_bulk){0});
    while (c->connected && c->reports == before && (left = until - clock_ms()) > 0 &&
           c->ring_count < RING)
        wire_labels_client_poll(c, (int)left);
}

const struct wire_labels_identity *wire_labels_client_identity(const struct wire_labels_client *c)
{
    return &c->identity;
}

/* Shorter than sock_trouble's sentence, which is in the log. */
static void say_trouble(const struct wire_labels_client *c, char *out, size_t size)
{
    if (!c->keys)
        snprintf(out, size,
                 "not authorised: the reward server at %.60s wants keys (--security.keys=DIR), or "
                 "it is none",
                 c->address);
    else if (c->trouble == SOCK_REFUSED)
        snprintf(out, size,
                 "not authorised: the key of this program is not in %s.allow of the reward server "
                 "at %.60s",
                 key_role_name(wire_keys_role(c->keys)), c->address);
    else
        snprintf(out, size,
                 "who listens at %.60s has no key of reward-server.allow (security.keys), or is no "
                 "reward server",
                 c->address);
}

void wire_labels_client_status(const struct wire_labels_client *c,
                               struct wire_labels_client_status *out)
{
    *out = c->status;
    out->connected = c->connected;
    out->outstanding = c->pending.asked.count;
    out->waiting = c->pending.waiting.count;
    out->dropped_total = c->pending.dropped;
    out->last_seen_ms = c->heard_ms;
    int64_t now = clock_ms(), silent = now - (c->heard_ms ? c->heard_ms : c->created_ms);
    out->waiting_for[0] = '\0';
    if (!c->connected && c->trouble)
        say_trouble(c, out->waiting_for, sizeof out->waiting_for);
    else if (!c->connected && c->no_room)
        snprintf(out->waiting_for, sizeof out->waiting_for,
                 "the reward server at %.60s serves %d learners already; no new labels, start "
                 "another server",
                 c->address, ANNOT_CLIENTS_MAX);
    else if (!c->connected && silent > SILENT_MS / 2)
        snprintf(out->waiting_for, sizeof out->waiting_for,
                 "no reward server answers at %.80s for %ld s; no new labels", c->address,
                 (long)(silent / 1000));
}
