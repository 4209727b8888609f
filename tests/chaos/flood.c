/* SPDX-License-Identifier: MIT */
/* flood.c - see flood.h. */
#include "tests/chaos/flood.h"

#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "common/base/bounds.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/crc32c.h"
#include "session.pb-c.h"

enum {
    BATCH = 12, /* frames of a connection in a round: more than end a session */
    OUT_MAX = 1 << 20,
    WAIT_MS = 20000,
    NOBODY = BOUND_ACTORS - 1, /* the number of no actor: numbers are given from 0 on */
    STRANGER_MS = 4000,        /* without a place; then it comes anew: it would be cut after 10 s */
    STRANGER_BYTES = 40 << 10  /* at a time: it is cut for 80 KiB that nobody has read yet */
};

enum wrong {
    WRONG_GARBAGE,
    WRONG_CUT,
    WRONG_BIT,
    WRONG_VERSION,
    WRONG_LENGTH,
    WRONG_PARTS,
    WRONG_TYPE,
    WRONG_META,
    WRONG_CLAIM,
    WRONG_FIELDS,
    WRONG_ORDER,
    WRONG_SESSION,
    WRONGS
};

struct intruder {
    void *socket;
    bool joins, asked, joined; /* asked: it said HELLO in this round */
    uint32_t id;
    uint64_t incarnation, seq;
    uint64_t since_ns; /* without a place */
    size_t said;       /* bytes in this batch */
};

struct flood {
    struct storm *storm;
    const struct flood_frames *frames;
    struct frame_head head; /* run and epoch of the learner */
    struct rng rng;
    void *context;
    struct intruder *intruders;
    int n;
    struct flood_sums sums;
    uint8_t *out;
};

/* --- a real actor's frames ------------------------------------------------------------------ */

static void *flood_socket(void *context, int type, const char *address, bool bind)
{
    int linger = 0, wait_ms = WAIT_MS, hwm = 1000;
    void *s = zmq_socket(context, type);
    zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(s, ZMQ_SNDHWM, &hwm, sizeof hwm);
    zmq_setsockopt(s, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if ((bind ? zmq_bind(s, address) : zmq_connect(s, address)) == 0)
        return s;
    zmq_close(s);
    return NULL;
}

static void keep_frame(zmq_msg_t *msg, enum frame_type type, uint8_t **out, size_t *len)
{
    struct frame f;
    if (*out || frame_parse(&f, zmq_msg_data(msg), zmq_msg_size(msg)) != FRAME_FINE ||
        f.head.type != type)
        return;
    *len = zmq_msg_size(msg);
    *out = xmalloc(*len);
    memcpy(*out, zmq_msg_data(msg), *len);
}

/* front: a ROUTER whose one peer's name is kept. False: nothing came. */
static bool relay_to_learner(void *front, void *back, zmq_msg_t *name, struct flood_frames *out)
{
    zmq_msg_t from, msg;
    zmq_msg_init(&from);
    zmq_msg_init(&msg);
    bool came = zmq_msg_recv(&from, front, ZMQ_DONTWAIT) >= 0 && zmq_msg_recv(&msg, front, 0) >= 0;
    if (came) {
        zmq_msg_move(name, &from);
        keep_frame(&msg, FRAME_READY, &out->ready, &out->ready_len);
        keep_frame(&msg, FRAME_TRAJECTORY, &out->trajectory, &out->trajectory_len);
        zmq_msg_send(&msg, back, 0);
    }
    zmq_msg_close(&from);
    zmq_msg_close(&msg);
    return came;
}

static bool relay_to_actor(void *front, void *back, zmq_msg_t *name)
{
    zmq_msg_t to, msg;
    zmq_msg_init(&to);
    zmq_msg_init(&msg);
    bool came = zmq_msg_recv(&msg, back, ZMQ_DONTWAIT) >= 0;
    zmq_msg_copy(&to, name);
    if (came && zmq_msg_send(&to, front, ZMQ_SNDMORE) >= 0)
        zmq_msg_send(&msg, front, 0);
    zmq_msg_close(&to);
    zmq_msg_close(&msg);
    return came;
}

static void relay(struct storm *s, void *front, void *back, struct flood_frames *out)
{
    zmq_pollitem_t items[] = {{.socket = front, .events = ZMQ_POLLIN},
                              {.socket = back, .events = ZMQ_POLLIN}};
    uint64_t end = storm_now_ns() + (uint64_t)s->recover_ms * 1000000u;
    zmq_msg_t name;
    zmq_msg_init(&name);
    while (storm_look(s) && !(out->ready && out->trajectory) && storm_now_ns() < end) {
        zmq_poll(items, 2, 5);
        bool moved = true;
        while (moved) {
            moved = relay_to_learner(front, back, &name, out);
            moved |= relay_to_actor(front, back, &name);
        }
    }
    zmq_msg_close(&name);
}

bool flood_listen(struct storm *s, int part, struct flood_frames *out)
{
    char there[sizeof s->learner_reach];
    void *context = zmq_ctx_new();
    memcpy(there, s->learner_reach, sizeof there);
    snprintf(s->learner_reach, sizeof s->learner_reach, "ipc://%.100s/relay", s->dir);
    void *front = flood_socket(context, ZMQ_ROUTER, s->learner_reach, true);
    void *back = flood_socket(context, ZMQ_DEALER, there, false);
    *out = (struct flood_frames){0};
    storm_kill(s, part); /* its next life comes here */
    if (front && back)
        relay(s, front, back, out);
    memcpy(s->learner_reach, there, sizeof there);
    if (front)
        zmq_close(front);
    if (back)
        zmq_close(back);
    zmq_ctx_term(context);
    storm_kill(s, part);
    if (!out->ready || !out->trajectory)
        return storm_fail(s, "no trajectory came through the relay");
    return storm_recover(s);
}

void flood_frames_free(struct flood_frames *f)
{
    free(f->ready);
    free(f->trajectory);
}

/* --- what is said --------------------------------------------------------------------------- */

/* A stranger calls itself one of the real actors. */
static struct frame_head of_intruder(struct flood *f, const struct intruder *c,
                                     enum frame_type type)
{
    struct frame_head h = f->head;
    h.type = (uint16_t)type;
    h.actor_id = c->joined ? c->id : rng_below(&f->rng, STORM_ACTORS);
    h.incarnation = c->joined ? c->incarnation : rng_u32(&f->rng);
    return h;
}

/* What lies behind the header in f->out; the whole length. */
static size_t seal_out(struct flood *f, struct frame_head h, size_t meta, size_t bulk)
{
    h.meta_len = (uint32_t)meta;
    h.bulk_len = (uint32_t)bulk;
    frame_seal(f->out, &h, crc32c(0, f->out + FRAME_HEADER, meta + bulk));
    return FRAME_HEADER + meta + bulk;
}

/* A real trajectory under this head; without its arrays where they are too much for a stranger. */
static size_t put_trajectory(struct flood *f, const struct intruder *c, struct frame_head h)
{
    struct frame real;
    frame_parse(&real, f->frames->trajectory, f->frames->trajectory_len);
    bool whole = c->joins || c->said + f->frames->trajectory_len <= STRANGER_BYTES;
    size_t bulk = whole ? real.head.bulk_len : 0;
    memcpy(f->out + FRAME_HEADER, real.meta, real.head.meta_len + bulk);
    return seal_out(f, h, real.head.meta_len, bulk);
}

static size_t put_heartbeat(struct flood *f, struct frame_head h, uint64_t produced)
{
    Onic__Wire__Account own = ONIC__WIRE__ACCOUNT__INIT;
    Onic__Wire__Heartbeat m = ONIC__WIRE__HEARTBEAT__INIT;
    own.incarnation = h.incarnation;
    own.produced = produced;
    m.own = &own;
    return seal_out(f, h, onic__wire__heartbeat__pack(&m, f->out + FRAME_HEADER), 0);
}

/* The checksum of a header that was changed. */
static void seal_header(uint8_t *out)
{
    uint32_t crc = crc32c(0, out, 60);
    for (int i = 0; i < 4; i++)
        out[60 + i] = (uint8_t)(crc >> (8 * i));
}

/* A number that never ends, then anything. */
static size_t put_garbled_meta(struct flood *f, const struct intruder *c)
{
    static const enum frame_type types[] = {FRAME_HELLO, FRAME_HEARTBEAT, FRAME_SKIP, FRAME_READY};
    enum frame_type type = types[rng_below(&f->rng, sizeof types / sizeof *types)];
    size_t n = 12 + rng_below(&f->rng, 500);
    memset(f->out + FRAME_HEADER, 0xff, 12);
    for (size_t i = 12; i < n; i++)
        f->out[FRAME_HEADER + i] = (uint8_t)rng_u32(&f->rng);
    return seal_out(f, of_intruder(f, c, type), n, 0);
}

/* A trajectory whose fields cannot be: no numbers, numbers of 1e38, too few. */
static size_t put_wrong_fields(struct flood *f, struct intruder *c)
{
    struct frame_head h = of_intruder(f, c, FRAME_TRAJECTORY);
    struct frame real;
    h.seq = ++c->seq;
    size_t meta, bulk, n = put_trajectory(f, c, h);
    frame_parse(&real, f->out, n);
    meta = real.head.meta_len;
    bulk = real.head.bulk_len;
    switch (rng_below(&f->rng, 4)) {
    case 0:
        memset(f->out + FRAME_HEADER + meta, 0xff, bulk);
        break;
    case 1:
        memset(f->out + FRAME_HEADER + meta, 0x7e, bulk);
        break;
    case 2:
        bulk = bulk ? rng_below(&f->rng, (uint32_t)bulk) : 0;
        break;
    default:
        memset(f->out + FRAME_HEADER, 0xff, meta < 12 ? meta : 12);
    }
    return seal_out(f, h, meta, bulk);
}

static size_t put_other_session(struct flood *f, struct intruder *c)
{
    struct frame_head h = of_intruder(f, c, FRAME_TRAJECTORY);
    uint32_t what = rng_below(&f->rng, 3);
    h.seq = 1;
    h.run_id[3] ^= what == 0;
    h.epoch += what == 1;
    h.incarnation += what == 2 ? 1 + rng_below(&f->rng, 9) : 0;
    return put_trajectory(f, c, h);
}

/* Bytes that are no frame any more. */
static size_t put_damaged(struct flood *f, struct intruder *c, enum wrong kind)
{
    struct frame_head h = of_intruder(f, c, FRAME_TRAJECTORY);
    size_t n = rng_below(&f->rng, 2) ? put_trajectory(f, c, h)
                                     : put_heartbeat(f, of_intruder(f, c, FRAME_HEARTBEAT), 0);
    uint32_t at;
    switch (kind) {
    case WRONG_CUT:
        return rng_below(&f->rng, (uint32_t)n);
    case WRONG_BIT:
        at = rng_below(&f->rng, (uint32_t)n * 8);
        f->out[at / 8] ^= (uint8_t)(1 << (at % 8));
        return n;
    case WRONG_VERSION:
        f->out[4] = (uint8_t)(FRAME_MAJOR + 1 + rng_below(&f->rng, 200));
        seal_header(f->out);
        return n;
    default: /* WRONG_LENGTH */
        f->out[48 + rng_below(&f->rng, 8)] ^= (uint8_t)(1 + rng_below(&f->rng, 255));
        seal_header(f->out);
        return n;
    }
}

static size_t put_wrong(struct flood *f, struct intruder *c, enum wrong kind)
{
    struct frame_head h;
    size_t n;
    switch (kind) {
    case WRONG_GARBAGE:
        n = rng_below(&f->rng, 300);
        for (size_t i = 0; i < n; i++)
            f->out[i] = (uint8_t)rng_u32(&f->rng);
        return n;
    case WRONG_TYPE:
        h = of_intruder(f, c, (enum frame_type)(40 + rng_below(&f->rng, 20)));
        return seal_out(f, h, 0, 0);
    case WRONG_META:
        return put_garbled_meta(f, c);
    case WRONG_CLAIM:
        h = of_intruder(f, c, FRAME_HEARTBEAT);
        return put_heartbeat(f, h, 1ull << (20 + rng_below(&f->rng, 44)));
    case WRONG_FIELDS:
        return put_wrong_fields(f, c);
    case WRONG_ORDER:
        h = of_intruder(f, c, FRAME_TRAJECTORY);
        h.seq = rng_below(&f->rng, 2) ? 0 : 1000 + rng_u32(&f->rng);
        return put_trajectory(f, c, h);
    case WRONG_SESSION:
        return put_other_session(f, c);
    default:
        return put_damaged(f, c, kind);
    }
}

/* --- connections ----------------------------------------------------------------------------- */

static void connect_anew(struct flood *f, struct intruder *c)
{
    if (c->socket)
        zmq_close(c->socket);
    c->socket = flood_socket(f->context, ZMQ_DEALER, f->storm->learner_reach, false);
    c->joined = false;
    c->since_ns = storm_now_ns();
}

/* Not what only says that a frame was of another version. */
static bool ends_session(const struct frame *f, const struct intruder *c)
{
    if (f->head.type != FRAME_REJECT || f->head.actor_id != c->id ||
        f->head.incarnation != c->incarnation)
        return false;
    Onic__Wire__Reject *m = onic__wire__reject__unpack(NULL, f->head.meta_len, f->meta);
    bool version = m && m->text.len > 9 && memcmp(m->text.data, "protocol:", 9) == 0;
    if (m)
        onic__wire__reject__free_unpacked(m, NULL);
    return !version;
}

/* Reads until a frame of that type, which is kept in *h; being sent away ends what was joined. */
static bool flood_await(struct flood *f, struct intruder *c, enum frame_type type,
                        struct frame_head *h)
{
    for (;;) {
        zmq_msg_t msg;
        struct frame got;
        zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, c->socket, 0) < 0)
            return false;
        bool fine = frame_parse(&got, zmq_msg_data(&msg), zmq_msg_size(&msg)) == FRAME_FINE;
        bool away = fine && c->joined && ends_session(&got, c);
        *h = got.head;
        zmq_msg_close(&msg);
        if (!fine)
            return false;
        if (away) {
            c->joined = false;
            c->since_ns = storm_now_ns();
            f->sums.sent_away++;
        }
        if (h->type == type && (type != FRAME_HELLO_REQUIRED || h->actor_id == NOBODY))
            return true;
        if (h->type != FRAME_REJECT)
            continue;
        if (type != FRAME_HELLO_REQUIRED)
            return true; /* instead of what was asked for */
    }
}

static void say_hello(struct flood *f, struct intruder *c)
{
    Onic__Wire__Hello m = ONIC__WIRE__HELLO__INIT;
    struct frame_head h = {.type = FRAME_HELLO, .actor_id = (uint32_t)FRAME_ID_NONE};
    m.role = WIRE_ROLE_ACTOR;
    m.actor_id = -1;
    zmq_send(c->socket, f->out,
             seal_out(f, h, onic__wire__hello__pack(&m, f->out + FRAME_HEADER), 0), 0);
}

/* READY of the real actor under another name. */
static bool answer_welcome(struct flood *f, struct intruder *c)
{
    struct frame_head got;
    struct frame real;
    if (!flood_await(f, c, FRAME_WELCOME, &got))
        return storm_fail(f->storm, "a HELLO was not answered");
    if (got.type != FRAME_WELCOME) {
        f->sums.put_off++;
        return true;
    }
    memcpy(f->head.run_id, got.run_id, sizeof got.run_id);
    f->head.epoch = got.epoch;
    c->id = got.actor_id;
    c->incarnation = got.incarnation;
    c->seq = 0;
    c->joined = true;
    f->sums.joins++;
    memcpy(f->out, f->frames->ready, f->frames->ready_len);
    frame_parse(&real, f->frames->ready, f->frames->ready_len);
    zmq_send(c->socket, f->out,
             seal_out(f, of_intruder(f, c, FRAME_READY), real.head.meta_len, real.head.bulk_len),
             0);
    return true;
}

static bool all_join(struct flood *f)
{
    struct frame_head got;
    for (int i = 0; i < f->n; i++) {
        struct intruder *c = &f->intruders[i];
        if (!c->joined && storm_now_ns() - c->since_ns > (uint64_t)STRANGER_MS * 1000000u)
            connect_anew(f, c);
        c->asked = c->joins && !c->joined;
        if (c->asked)
            say_hello(f, c);
    }
    for (int i = 0; i < f->n; i++)
        if (f->intruders[i].asked && !answer_welcome(f, &f->intruders[i]))
            return false;
    for (int i = 0; i < f->n; i++) {
        struct intruder *c = &f->intruders[i];
        if (c->asked && c->joined && (!flood_await(f, c, FRAME_CREDIT, &got) || !c->joined))
            return storm_fail(f->storm, "an intruder's READY is refused");
    }
    return true;
}

static void say_batch(struct flood *f, struct intruder *c)
{
    c->said = 0;
    for (int i = 0; i < BATCH; i++) {
        enum wrong kind = (enum wrong)rng_below(&f->rng, WRONGS);
        size_t n = kind == WRONG_PARTS ? put_heartbeat(f, of_intruder(f, c, FRAME_HEARTBEAT), 0)
                                       : put_wrong(f, c, kind);
        for (uint32_t more = kind == WRONG_PARTS ? 1 + rng_below(&f->rng, 3) : 0; more; more--)
            zmq_send(c->socket, f->out, n, ZMQ_SNDMORE);
        zmq_send(c->socket, f->out, n, 0);
        c->said += n;
        f->sums.sent++;
    }
    struct frame_head h = f->head;
    h.type = FRAME_HEARTBEAT;
    h.actor_id = NOBODY;
    zmq_send(c->socket, f->out, put_heartbeat(f, h, 0), 0);
    f->sums.asked++;
}

bool flood_round(struct flood *f)
{
    struct frame_head got;
    if (!all_join(f))
        return false;
    for (int i = 0; i < f->n; i++)
        say_batch(f, &f->intruders[i]);
    for (int i = 0; i < f->n; i++)
        if (!flood_await(f, &f->intruders[i], FRAME_HELLO_REQUIRED, &got)) {
            f->sums.unsure += BATCH + 1;
            connect_anew(f, &f->intruders[i]);
        }
    return true;
}

struct flood *flood_open(struct storm *s, const struct flood_frames *frames, int connections,
                         int joined, uint64_t seed)
{
    struct flood *f = xcalloc(1, sizeof *f);
    struct frame real;
    frame_parse(&real, frames->ready, frames->ready_len);
    *f = (struct flood){.storm = s,
                        .frames = frames,
                        .rng = rng_stream(seed, "flood", 0, 0, 0),
                        .context = zmq_ctx_new(),
                        .intruders = xcalloc((size_t)connections, sizeof *f->intruders),
                        .n = connections,
                        .out = xcalloc(1, OUT_MAX)};
    ONIC_ASSERT(frames->trajectory_len <= OUT_MAX && frames->ready_len <= OUT_MAX);
    memcpy(f->head.run_id, real.head.run_id, sizeof real.head.run_id);
    f->head.epoch = real.head.epoch;
    for (int i = 0; i < connections; i++) {
        f->intruders[i].joins = i < joined;
        connect_anew(f, &f->intruders[i]);
    }
    return f;
}

struct flood_sums flood_sums(const struct flood *f)
{
    return f->sums;
}

void flood_close(struct flood *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->n; i++)
        zmq_close(f->intruders[i].socket);
    zmq_ctx_term(f->context);
    free(f->intruders);
    free(f->out);
    free(f);
}
