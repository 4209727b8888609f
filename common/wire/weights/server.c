/* SPDX-License-Identifier: MIT */
/* server.c - see server.h.
 *
 * A snapshot is stored as the frames that will be sent: each chunk has its header and meta part in
 * front, so publishing costs one copy and two checksum passes, and answering a thousand actors
 * costs no copy at all (zmq_msg_init_data with a reference count). Frames carry no actor number for
 * that reason.
 *
 * Kept are the current and the previous version, and up to PINS versions that a slow actor has
 * pinned for 30 s. A snapshot leaves the table at once when it is evicted; its memory is used again
 * when the last message that points into it is gone. An actor that has stopped reading (SIGSTOP, a
 * cut cable) keeps it for as long as its connection lives; so when HELD_MAX evicted ones are kept
 * like this, chunks are sent as copies, and publishing always finds memory. Who asks for an evicted
 * version gets the current manifest with `gone`, and starts over. */
#include "common/wire/weights/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "common/base/audit.h"
#include "common/base/bounds.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/frame/meta.h"
#include "common/wire/frame/sock.h"
#include "common/wire/frame/sock_manners.h"
#include "common/wire/weights/loans.h"
#include "common/wire/weights/pace.h"
#include "weights.pb-c.h"

enum {
    PINS = 2,
    SNAPSHOTS = 16,
    HELD_MAX = 3,
    CHUNK_ROOM = 128, /* header and meta part of a chunk */
    FETCH_MS = 30000, /* of a chunk; then its connection goes */
    CROWDED_MS = 1000,
    STRANGER_MS = 130000, /* until the first question; actors of 0.1.0 built their worlds before */
    GET_BYTES = 4096,
    POLL_MS = 100,
    READERS_MAX = 1024 /* with questions that wait, without connections_max */
};

struct snapshot {
    atomic_int refs; /* messages of libzmq */
    bool listed;     /* in the table: may be asked for */
    uint64_t version, order;
    int64_t pinned_until_ms, published_ms;
    atomic_llong sent_ms; /* the last of its chunks that was written; 0 = none */
    uint8_t *mem;         /* [chunks, CHUNK_ROOM + WEIGHTS_CHUNK_BYTES] */
    uint32_t *crc;        /* [chunks] of the bare data */
    uint32_t *start;      /* [chunks] where the frame begins within its room */
    uint8_t hash[16];
};

static const unsigned weights_roles = 1u << KEY_ACTOR | 1u << KEY_OBSERVER;

struct wire_weights_server {
    struct wire_weights_server_params p;
    char address[SOCK_ADDRESS_MAX];
    void *socket;
    bool keyed;
    bool copy; /* inproc: the receiver would otherwise hold our memory */
    size_t total;
    uint32_t chunks;
    struct meta_arena *arena;
    pthread_t thread;
    atomic_bool stop;
    bool running;
    pthread_mutex_t lock; /* the table and what snapshots say of themselves */
    struct snapshot *table[SNAPSHOTS];
    struct snapshot *current;
    uint64_t published;
    struct loans *loans;         /* weights thread */
    struct pace *pace;           /* weights thread; NULL: whatever is asked for is sent at once */
    struct sock_manners manners; /* weights thread */
    int64_t kept_bound_ms;       /* weights thread */
};

static size_t chunk_len(const struct wire_weights_server *s, uint32_t i)
{
    size_t at = (size_t)i * WEIGHTS_CHUNK_BYTES;
    return s->total - at < WEIGHTS_CHUNK_BYTES ? s->total - at : WEIGHTS_CHUNK_BYTES;
}

static uint8_t *chunk_room(const struct snapshot *n, uint32_t i)
{
    return n->mem + (size_t)i * (CHUNK_ROOM + WEIGHTS_CHUNK_BYTES);
}

static struct frame_head weights_server_head_of(const struct wire_weights_server *s,
                                                enum frame_type type)
{
    struct frame_head h = {
        .type = (uint16_t)type, .actor_id = (uint32_t)FRAME_ID_NONE, .epoch = s->p.epoch};
    memcpy(h.run_id, s->p.run_id, sizeof h.run_id);
    return h;
}

/* --- publishing: training thread --------------------------------------------------------- */

static struct snapshot *unused_snapshot(struct wire_weights_server *s)
{
    for (int i = 0; i < SNAPSHOTS; i++) {
        struct snapshot *n = s->table[i];
        if (!n) {
            n = xcalloc(1, sizeof *n);
            n->mem = xaligned((size_t)s->chunks * (CHUNK_ROOM + WEIGHTS_CHUNK_BYTES));
            n->crc = xcalloc(s->chunks, sizeof *n->crc);
            n->start = xcalloc(s->chunks, sizeof *n->start);
            s->table[i] = n;
            return n;
        }
        if (!n->listed && atomic_load(&n->refs) == 0)
            return n;
    }
    return NULL;
}

static void write_chunk(const struct wire_weights_server *s, struct snapshot *n, uint32_t i,
                        const float *weights)
{
    static uint8_t zeros[16];
    size_t len = chunk_len(s, i);
    uint8_t *data = chunk_room(n, i) + CHUNK_ROOM;
    memcpy(data, (const uint8_t *)weights + (size_t)i * WEIGHTS_CHUNK_BYTES, len);
    n->crc[i] = crc32c(0, data, len);
    Onic__Wire__WeightsChunk m = ONIC__WIRE__WEIGHTS_CHUNK__INIT;
    m.version = n->version;
    m.chunk = i;
    size_t plain = onic__wire__weights_chunk__get_packed_size(&m);
    m.pad.data = zeros;
    m.pad.len = 8 - (plain + 2) % 8;
    struct frame_head h = weights_server_head_of(s, FRAME_WEIGHTS_CHUNK);
    h.meta_len = (uint32_t)onic__wire__weights_chunk__get_packed_size(&m);
    h.bulk_len = (uint32_t)len;
    ONIC_ASSERT(h.meta_len % 8 == 0 && FRAME_HEADER + h.meta_len <= CHUNK_ROOM);
    uint8_t *frame = data - h.meta_len - FRAME_HEADER;
    n->start[i] = (uint32_t)(frame - chunk_room(n, i));
    onic__wire__weights_chunk__pack(&m, frame + FRAME_HEADER);
    frame_seal(frame, &h, crc32c(0, frame + FRAME_HEADER, h.meta_len + len));
}

/* Keeps the newest two and what is pinned. */
static void weights_server_evict(struct wire_weights_server *s)
{
    int64_t now = clock_ms();
    int pinned = 0;
    for (int i = 0; i < SNAPSHOTS; i++) {
        struct snapshot *n = s->table[i];
        if (!n || !n->listed || n->order + 2 > s->published)
            continue;
        if (n->pinned_until_ms > now && pinned < PINS)
            pinned++;
        else
            n->listed = false;
    }
}

void wire_weights_server_publish(struct wire_weights_server *s, const float *weights,
                                 uint64_t version)
{
    struct snapshot *n = NULL;
    while (!n) { /* HELD_MAX leaves room: a moment at most */
        pthread_mutex_lock(&s->lock);
        weights_server_evict(s);
        n = unused_snapshot(s);
        pthread_mutex_unlock(&s->lock);
        if (!n)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    n->version = version;
    n->pinned_until_ms = 0;
    n->published_ms = clock_ms();
    atomic_store(&n->sent_ms, 0);
    for (uint32_t i = 0; i < s->chunks; i++)
        write_chunk(s, n, i, weights);
    XXH128_canonical_t canon;
    XXH128_canonicalFromHash(&canon, XXH3_128bits(weights, s->total));
    memcpy(n->hash, canon.digest, sizeof n->hash);
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SNAPSHOTS;
         i++) /* a version is published once; if not, the newer content wins */
        if (s->table[i] && s->table[i]->listed && s->table[i]->version == version)
            s->table[i]->listed = false;
    n->listed = true;
    n->order = ++s->published;
    s->current = n;
    weights_server_evict(s);
    pthread_mutex_unlock(&s->lock);
}

/* --- serving: weights thread ------------------------------------------------------------- */

static struct snapshot *weights_server_find(struct wire_weights_server *s, uint64_t version_plus_1)
{
    if (version_plus_1 == 0)
        return s->current;
    for (int i = 0; i < SNAPSHOTS; i++)
        if (s->table[i] && s->table[i]->listed && s->table[i]->version == version_plus_1 - 1)
            return s->table[i];
    return NULL;
}

static void send_manifest(struct wire_weights_server *s, const struct sock_route *to,
                          const struct snapshot *n, bool gone)
{
    Onic__Wire__WeightsManifest m = ONIC__WIRE__WEIGHTS_MANIFEST__INIT;
    m.version = n->version;
    m.total_bytes = s->total;
    m.chunk_bytes = WEIGHTS_CHUNK_BYTES;
    m.n_chunk_crc = s->chunks;
    m.chunk_crc = n->crc;
    m.xxh128 = (ProtobufCBinaryData){.len = sizeof n->hash, .data = (uint8_t *)(uintptr_t)n->hash};
    m.gone = gone;
    struct frame_head h = weights_server_head_of(s, FRAME_WEIGHTS_MANIFEST);
    zmq_msg_t msg;
    sock_build(&msg, &h, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
    sock_send(s->socket, to, &msg); /* lost or full: the actor asks again */
}

/* Evicted snapshots that somebody still has not read. */
static int weights_server_held(const struct wire_weights_server *s)
{
    int held = 0;
    for (int i = 0; i < SNAPSHOTS; i++)
        held += s->table[i] && !s->table[i]->listed && atomic_load(&s->table[i]->refs) > 0;
    return held;
}

/* How long a reader has taken nothing at all, chunks apart: over a slow link one takes long. */
static int64_t idle_ms(void *ctx, const struct sock_route *reader)
{
    struct wire_weights_server *s = ctx;
    struct sock_crowd_flow flow;
    return sock_flow(s->socket, reader, &flow) ? flow.fetched_ms : -1;
}

/* It comes again if it is alive; what it did not fetch is free then. crowded: others want its room,
 * and who takes bytes is not the one that keeps it. */
static void cut_slowest(struct wire_weights_server *s, int64_t min_ms, bool crowded)
{
    struct sock_route slow;
    struct loans_idle idle = {.ms = idle_ms, .ctx = s};
    if (loans_slowest(s->loans, min_ms, crowded ? &idle : NULL, &slow))
        sock_cut(s->socket, &slow);
}

/* How many bytes were sent. */
static size_t send_chunk(struct wire_weights_server *s, const struct sock_route *to,
                         struct snapshot *n, uint32_t i)
{
    uint8_t *frame = chunk_room(n, i) + n->start[i];
    size_t len = CHUNK_ROOM - n->start[i] + chunk_len(s, i);
    bool as_copy = weights_server_held(s) >= HELD_MAX;
    zmq_msg_t msg;
    if (s->copy) {
        ONIC_ASSERT(zmq_msg_init_size(&msg, len) == 0);
        memcpy(zmq_msg_data(&msg), frame, len);
    } else if (!loans_may_lend(s->loans, to)) {
        return 0; /* it asks and does not read; who does asks again */
    } else if (as_copy && !loans_may_copy(s->loans, to)) {
        cut_slowest(s, CROWDED_MS, true);
        return 0;
    } else {
        struct loan_end end = {0};
        if (!as_copy) /* which the snapshot need not outlive */
            end = (struct loan_end){&n->refs, &n->sent_ms};
        loans_lend(s->loans, to, &msg, frame, len, end);
    }
    return sock_send(s->socket, to, &msg) == SOCK_SENT ? len : 0;
}

/* At once, or when its turn comes. Who asks again for what waits is told the manifest once more, by
 * which it knows that it is not forgotten (it ignores what is in it). */
static void take_question(struct wire_weights_server *s, const struct sock_route *from,
                          struct snapshot *n, const Onic__Wire__WeightsGet *get)
{
    struct pace_question q = {*from, get->version, get->chunk};
    if (!s->pace)
        send_chunk(s, from, n, get->chunk);
    else if (!pace_ask(s->pace, &q))
        send_manifest(s, from, n, false);
}

static void answer_questions(struct wire_weights_server *s)
{
    struct pace_question q;
    if (!s->pace)
        return;
    pthread_mutex_lock(&s->lock);
    while (pace_next(s->pace, &q)) {
        struct snapshot *n = weights_server_find(s, q.version_plus_1);
        if (n)
            pace_sent(s->pace, send_chunk(s, &q.from, n, q.chunk));
        else
            send_manifest(s, &q.from, s->current, true);
    }
    pthread_mutex_unlock(&s->lock);
}

/* NULL, or why this says nothing. */
static const char *weights_server_answer(struct wire_weights_server *s,
                                         const struct sock_route *from, const struct frame *f)
{
    if (f->head.type != FRAME_WEIGHTS_GET)
        return "a message that nobody sends here";
    const Onic__Wire__WeightsGet *get =
        meta_unpack(s->arena, &onic__wire__weights_get__descriptor, f->meta, f->head.meta_len);
    if (!get)
        return "a question that cannot be read";
    if (!get->manifest && get->chunk >= s->chunks)
        return "a question for a chunk that there is not";
    if (f->head.epoch == s->p.epoch && memcmp(f->head.run_id, s->p.run_id, 16) == 0)
        sock_know(s->socket, from, 16 * GET_BYTES); /* an actor of this run */
    pthread_mutex_lock(&s->lock);
    struct snapshot *n = weights_server_find(s, get->version);
    if (n && get->pin)
        n->pinned_until_ms = clock_ms() + WEIGHTS_PIN_MS;
    if (!s->current) {
        struct frame_head h = weights_server_head_of(s, FRAME_WEIGHTS_NONE);
        zmq_msg_t msg;
        sock_build(&msg, &h, NULL, (struct sock_bulk){0}, (struct sock_bulk){0});
        sock_send(s->socket, from, &msg);
    } else if (!n) {
        send_manifest(s, from, s->current, true);
    } else if (get->manifest) {
        send_manifest(s, from, n, false);
    } else {
        take_question(s, from, n, get);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Still: its key may be off the list since it connected. */
static bool is_let_in(const struct wire_weights_server *s, const struct sock_route *from)
{
    return !s->keyed || wire_keys_allow(s->p.keys, weights_roles, from->key);
}

static void weights_server_hear(struct wire_weights_server *s, const struct sock_route *from,
                                enum sock_got got, zmq_msg_t *msg)
{
    struct frame f;
    const char *why = NULL;
    if (!is_let_in(s, from) || sock_manners_shut_out(&s->manners, from))
        return;
    enum frame_bad bad = sock_got_bad(got);
    if (got == SOCK_FRAME)
        bad = frame_parse(&f, zmq_msg_data(msg), zmq_msg_size(msg));
    why = bad == FRAME_FINE ? weights_server_answer(s, from, &f) : frame_bad_name(bad);
    if (!why || !sock_manners_bad(&s->manners, s->socket, from, why))
        return;
    struct audit_who who = {.address = from->peer, .key = from->key, .actor = -1};
    audit_write(AUDIT_REFUSED, &who, why);
}

void wire_weights_server_turn(struct wire_weights_server *s)
{
    struct sock_route route;
    zmq_msg_t msg;
    enum sock_got got;
    sock_keep_bound(s->socket, s->address, &s->kept_bound_ms);
    cut_slowest(s, FETCH_MS, false);
    for (int i = 0;
         i < SOCK_MESSAGES_PER_TURN && (got = sock_recv(s->socket, &route, &msg)) != SOCK_NOTHING;
         i++) {
        weights_server_hear(s, &route, got, &msg);
        if (got == SOCK_FRAME)
            zmq_msg_close(&msg);
    }
    answer_questions(s);
}

static void *weights_server_serve(void *arg)
{
    struct wire_weights_server *s = arg;
    while (!atomic_load(&s->stop)) {
        zmq_pollitem_t item = {.socket = s->socket, .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, s->pace ? pace_wait_ms(s->pace, POLL_MS) : POLL_MS);
        wire_weights_server_turn(s);
    }
    return NULL;
}

/* --- life -------------------------------------------------------------------------------- */

int wire_weights_server_open(struct wire_weights_server **out,
                             const struct wire_weights_server_params *p, struct onic_err *err)
{
    *out = NULL;
    struct sock_options o = {.hwm = p->hwm,
                             .max_msg_bytes = GET_BYTES,
                             .allow_insecure = p->allow_insecure,
                             .keys = p->keys,
                             .roles = weights_roles,
                             .strangers_max = p->connections_max,
                             .strangers_each = p->connections_max, /* all actors may be of one */
                             .all_max = p->connections_max,
                             .stranger_ms = STRANGER_MS,
                             .stranger_bytes = 16 * GET_BYTES,
                             .option = p->option};
    void *socket;
    char bound[SOCK_ADDRESS_MAX];
    int rc = sock_bind(&socket, p->context, p->address, &o, bound, err);
    if (rc)
        return rc;
    struct wire_weights_server *s = xcalloc(1, sizeof *s);
    s->p = *p;
    s->socket = socket;
    memcpy(s->address, bound, sizeof s->address);
    s->keyed = sock_is_keyed(p->address, p->keys);
    s->copy = strncmp(p->address, "inproc:", 7) == 0;
    s->total = p->floats * sizeof(float);
    s->chunks = (uint32_t)((s->total + WEIGHTS_CHUNK_BYTES - 1) / WEIGHTS_CHUNK_BYTES);
    s->arena = meta_arena_create();
    s->loans = loans_create();
    if (p->bytes_per_s > 0)
        s->pace = pace_create(p->bytes_per_s, s->chunks,
                              p->connections_max ? p->connections_max : READERS_MAX);
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return ONIC_OK;
}

void wire_weights_server_start(struct wire_weights_server *s)
{
    s->running = true;
    limits_create_thread(&s->thread, weights_server_serve, s);
}

void wire_weights_server_stop(struct wire_weights_server *s)
{
    if (!s)
        return;
    if (s->running) {
        atomic_store(&s->stop, true);
        pthread_join(s->thread, NULL);
        s->running = false;
    }
    sock_close(s->socket, 0);
    s->socket = NULL;
}

void wire_weights_server_free(struct wire_weights_server *s)
{
    if (!s)
        return;
    wire_weights_server_stop(s);
    loans_free(s->loans); /* else leaked: better than memory that is still read */
    for (int i = 0; i < SNAPSHOTS; i++) {
        struct snapshot *n = s->table[i];
        if (!n)
            continue;
        for (int tries = 0; tries < 1000 && atomic_load(&n->refs) > 0; tries++)
            nanosleep(&(struct timespec){.tv_nsec = 1000000},
                      NULL); /* libzmq closes sockets in the background */
        if (atomic_load(&n->refs) == 0)
            free(n->mem); /* else leaked: better than memory that is still read */
        free(n->crc);
        free(n->start);
        if (atomic_load(&n->refs) == 0)
            free(n);
    }
    pace_free(s->pace);
    meta_arena_free(s->arena);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

uint64_t wire_weights_server_cuts(const struct wire_weights_server *s)
{
    return s->socket ? sock_cuts(s->socket) : 0;
}

uint64_t wire_weights_server_bad(const struct wire_weights_server *s)
{
    return atomic_load(&s->manners.bad);
}

double wire_weights_server_fanout_s(struct wire_weights_server *s)
{
    const struct snapshot *newest = NULL;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < SNAPSHOTS; i++) {
        const struct snapshot *n = s->table[i];
        if (n && atomic_load(&n->sent_ms) && (!newest || n->order > newest->order))
            newest = n;
    }
    double seconds =
        newest ? (double)(atomic_load(&newest->sent_ms) - newest->published_ms) * 1e-3 : -1.0;
    pthread_mutex_unlock(&s->lock);
    return seconds;
}

const char *wire_weights_server_address(const struct wire_weights_server *s)
{
    return s->address;
}
