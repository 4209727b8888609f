/* SPDX-License-Identifier: MIT */
/* learner_ingest.c - the trajectory socket's thread; see learner_state.h.
 *
 * A frame is parsed and its checksum verified outside the lock, a trajectory's fields too: only
 * this thread changes what a peer said at READY. The lock is held for the books.
 *
 * A frame of another epoch, incarnation or connection is never booked (R4); its sender is told to
 * say HELLO, or that it has been replaced (R10). */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/data/trajectory_block.h"
#include "common/wire/rollout/learner_state.h"
#include "session.pb-c.h"

enum {
    WARN_MS = 60000,
    CUT_OFF_MS = 3000 /* of silence; longer than between two heartbeats */
};

/* --- what is no frame --------------------------------------------------------------------- */

static void bad_frame(struct wire_learner *w, const struct sock_route *from, enum frame_bad bad,
                      const struct frame *f)
{
    pthread_mutex_lock(&w->lock);
    w->status.rx_bad++;
    w->rx_bad[bad]++;
    if (log_every_ms(&w->log_ms, 1000))
        log_warn("a message was thrown away", kv("reason", frame_bad_name(bad)),
                 kv("from", from->peer));
    if (bad == FRAME_BAD_VERSION) {
        char text[160];
        snprintf(text, sizeof text,
                 "protocol: actor %d.%d, learner %d.%d; use the same release on both sides",
                 f->head.major, f->head.minor, FRAME_MAJOR, FRAME_MINOR);
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_INCOMPATIBLE, text);
    }
    for (int i = 0; i < w->nopen; i++)
        if (peer_alive(w->peers[i]) && sock_route_equal(&w->peers[i]->route, from)) {
            wire_learner_warned(w, w->peers[i], frame_bad_name(bad));
            break;
        }
    pthread_mutex_unlock(&w->lock);
}

/* Larger than anything that is sent at that point; p NULL: before HELLO was answered. */
static bool is_oversized(struct wire_learner *w, struct peer *p, const struct frame *f)
{
    size_t bytes = FRAME_HEADER + (size_t)f->head.meta_len + f->head.bulk_len;
    size_t most = !p ? HELLO_BYTES : READY_BYTES;
    if (p && p->state == PEER_RUNNING && trajectory_bytes_max(&p->shape) > most)
        most = trajectory_bytes_max(&p->shape);
    if (bytes <= most)
        return false;
    wire_learner_bad(w, p, FRAME_BAD_LENGTH, "a message larger than any of its trajectories");
    return true;
}

/* --- who is it --------------------------------------------------------------------------- */

/* The peer whose current session this frame belongs to, or NULL after telling the sender what is
 * wrong. */
static struct peer *ingest_session(struct wire_learner *w, const struct sock_route *from,
                                   const struct frame *f)
{
    const struct frame_head *h = &f->head;
    struct peer *p = peer_find(w, h->actor_id);
    bool ours = h->epoch == w->p.epoch && memcmp(h->run_id, w->p.run_id, 16) == 0;
    if (ours && p && p->incarnation == h->incarnation && peer_alive(p) &&
        sock_route_equal(&p->route, from)) {
        p->last_rx_ms = clock_ms();
        /* READY is answered whatever it is, for its sender waits */
        return h->type != FRAME_READY && is_oversized(w, p, f) ? NULL : p;
    }
    if (ours && p && (p->incarnation > h->incarnation || p->state == PEER_CLOSED) &&
        h->type != FRAME_BYE) {
        w->status.fenced++;
        char text[200];
        snprintf(text, sizeof text,
                 "actor %u is now another process (host %s, pid %u); this one ends", p->id, p->host,
                 p->pid);
        if (p->incarnation == h->incarnation)
            snprintf(text, sizeof text, "the learner has ended this session of actor %u", p->id);
        wire_learner_reject(w, from, h, WIRE_REJECT_FENCED, text);
        return NULL;
    }
    if (h->type == FRAME_BYE &&
        (!p || p->state == PEER_CLOSED)) { /* said twice, or to a learner that rolled back */
        struct frame_head answer = wire_learner_head(w, FRAME_BYE_ACK, NULL);
        answer.actor_id = h->actor_id;
        answer.incarnation = h->incarnation;
        wire_learner_send_to(w, from, &answer, NULL, (struct sock_bulk){0}, (struct sock_bulk){0});
        return NULL;
    }
    w->status.old_epoch++;
    struct frame_head answer = wire_learner_head(w, FRAME_HELLO_REQUIRED, NULL);
    answer.actor_id = h->actor_id;
    answer.incarnation = h->incarnation;
    wire_learner_send_to(w, from, &answer, NULL, (struct sock_bulk){0}, (struct sock_bulk){0});
    return NULL;
}

/* True: the key is off the list since its connection was let in. The sender is told, and whatever
 * it was is not heard any more. */
static bool is_shut_out(struct wire_learner *w, const struct sock_route *from,
                        const struct frame_head *h)
{
    char text[KEY_PLACE_MAX + 120], place[KEY_PLACE_MAX];
    if (!w->keyed || wire_keys_allow(w->p.keys, 1u << KEY_ACTOR, from->key))
        return false;
    wire_keys_place(w->p.keys, KEY_ACTOR, place);
    snprintf(text, sizeof text, "not authorised: the key %s is no longer in %s of the learner",
             from->key, place);
    pthread_mutex_lock(&w->lock);
    if (log_every_ms(&w->key_log_ms, 1000))
        log_warn("a connection is not heard any more: its key was taken off the list",
                 kv("key", from->key), kv("list", (const char *)place));
    wire_learner_reject(w, from, h, WIRE_REJECT_KEY, text);
    pthread_mutex_unlock(&w->lock);
    return true;
}

/* --- trajectories ------------------------------------------------------------------------ */

static struct received *from_pool(struct wire_learner *w)
{
    struct received *r = w->pool;
    if (r)
        w->pool = r->next;
    else
        r = xcalloc(1, sizeof *r);
    r->booked = false;
    r->next = NULL;
    return r;
}

static void to_pool(struct wire_learner *w, struct received *r)
{
    r->next = w->pool;
    w->pool = r;
}

static void accept_snapshot(struct peer *p, const struct received *r)
{
    if (!r->t.snapshot)
        return;
    size_t n = (size_t)r->t.shape.E * r->t.shape.snapshot_bytes;
    if (p->snap_bytes != n) {
        p->snap = xrealloc(p->snap, n);
        p->snap_bytes = n;
    }
    memcpy(p->snap, r->t.snapshot, n);
}

static bool wrong_version(const struct wire_learner *w, const struct peer *p,
                          const struct trajectory *t, char why[160])
{
    if (!w->p.deterministic)
        return false;
    uint64_t want = p->next_index / (uint64_t)w->p.deterministic_rounds;
    if (t->weights_version == want)
        return false;
    snprintf(why, 160, "trajectory %llu of this actor was played with weights %llu, must be %llu",
             (unsigned long long)p->next_index, (unsigned long long)t->weights_version,
             (unsigned long long)want);
    return true;
}

/* seq is settled_seq + 1 and r is decoded; `bad` names a wrong field or is NULL. True when r went
 * into the queue. */
static bool ingest_settle(struct wire_learner *w, struct peer *p, struct received *r,
                          const char *bad, const char *why)
{
    uint64_t current = atomic_load(&w->version_plus_1);
    if (bad) {
        peer_settle_dropped(w, p, LEDGER_DROP_INVALID);
        p->invalid_run++;
        if (log_every_ms(&w->log_ms, 1000))
            log_warn("an invalid trajectory was dropped", kv("actor", p->id), kv("field", bad),
                     kv("why", why));
        wire_learner_warned(w, p, why);
        return false;
    }
    p->invalid_run = 0;
    if (current &&
        r->t.weights_version >= current) /* made under weights that a crash has taken back */
        r->t.weights_version = current - 1;
    if (r->t.weights_version > w->undone_after && r->t.weights_version <= w->undone_to) {
        peer_settle_undone(w, p);
        return false;
    }
    if (current && current - 1 - r->t.weights_version > w->p.max_policy_lag) {
        peer_settle_dropped(w, p, LEDGER_DROP_STALE);
        return false;
    }
    w->status.captions_dropped += r->t.captions_dropped;
    w->status.episodes_dropped += r->t.episodes_dropped;
    r->index = p->next_index++;
    accept_snapshot(p, r);
    peer_accept(w, p);
    trace(ACCEPTED, .actor = p->id, .incarnation = p->incarnation, .seq = p->settled_seq,
          .version = r->t.weights_version);
    w->unbooked_load += load_of(w, p->steps_each);
    if (w->queue_tail)
        w->queue_tail->next = r;
    else
        w->queue_head = r;
    w->queue_tail = r;
    w->queued++;
    w->status.last_rx_ms = clock_ms();
    pthread_cond_signal(&w->arrived);
    return true;
}

/* Decodes without the lock, which is held else. Takes over msg when it returns true. */
static bool ingest_next(struct wire_learner *w, struct peer *p, const struct frame *f,
                        zmq_msg_t *msg)
{
    char why[160] = "";
    struct received *r = from_pool(w);
    pthread_mutex_unlock(&w->lock);
    const char *bad = received_read(r, w->arena, f, &p->shape, &w->p.obs, w->p.value_most, why);
    pthread_mutex_lock(&w->lock);
    if (!bad && wrong_version(w, p, &r->t, why))
        bad = "weights_version";
    if (!ingest_settle(w, p, r, bad, why)) {
        to_pool(w, r);
        return false;
    }
    r->t.storage = r;
    zmq_msg_init(&r->msg);
    zmq_msg_move(&r->msg, msg);
    return true;
}

static void ingest_grant(struct wire_learner *w, struct peer *p, bool go_back)
{
    peer_grant(w, p);
    wire_learner_credit(w, p, go_back);
}

/* True: the next number was trained on, or dropped, before the learner was restored; it is settled
 * and not booked again, whatever comes under it now. */
static bool ingest_repeated(struct wire_learner *w, struct peer *p)
{
    if (!peer_is_booked(p, p->settled_seq + 1))
        return false;
    w->status.duplicates++;
    peer_accept(w, p);
    trace(REPEATED, .actor = p->id, .incarnation = p->incarnation, .seq = p->settled_seq);
    return true;
}

/* Of a peer that is running, in any order. Takes over msg when it returns true. */
static bool ingest_ordered(struct wire_learner *w, struct peer *p, const struct frame *f,
                           zmq_msg_t *msg)
{
    uint64_t seq = f->head.seq;
    if (seq != p->settled_seq + 1 || seq > p->credit_until) {
        if (seq <= p->settled_seq)
            w->status.duplicates++;
        else
            w->status.out_of_order++;
        wire_learner_credit(w, p, seq > p->settled_seq + 1);
        return false;
    }
    if (ingest_repeated(w, p)) {
        ingest_grant(w, p, false);
        return false;
    }
    bool kept = ingest_next(w, p, f, msg);
    if (peer_alive(p))
        ingest_grant(w, p, false);
    return kept;
}

/* Takes over msg when it returns true. */
static bool ingest_trajectory(struct wire_learner *w, const struct sock_route *from,
                              const struct frame *f, zmq_msg_t *msg)
{
    pthread_mutex_lock(&w->lock);
    struct peer *p = ingest_session(w, from, f);
    bool running = p && p->state == PEER_RUNNING;
    if (p && !running) /* sent before its READY came; it comes again */
        w->status.out_of_order++;
    bool kept = running && ingest_ordered(w, p, f, msg);
    pthread_mutex_unlock(&w->lock);
    return kept;
}

/* --- the other messages ------------------------------------------------------------------ */

static void heartbeat(struct wire_learner *w, struct peer *p, const struct frame *f)
{
    const Onic__Wire__Heartbeat *m =
        meta_unpack(w->arena, &onic__wire__heartbeat__descriptor, f->meta, f->head.meta_len);
    if (!m || !m->own) {
        wire_learner_bad(w, p, FRAME_BAD_META, "a HEARTBEAT that cannot be read");
        return;
    }
    if (!wire_learner_believes(w, p, m->own->produced))
        return;
    if (m->own->produced > p->produced)
        p->produced = m->own->produced;
    wire_learner_reported(w, p, m->own->env_steps, m->own->cpu_ms);
    if (p->state == PEER_RUNNING)
        ingest_grant(w, p, false);
}

static void ingest_skip(struct wire_learner *w, struct peer *p, const struct frame *f)
{
    const Onic__Wire__Skip *m =
        meta_unpack(w->arena, &onic__wire__skip__descriptor, f->meta, f->head.meta_len);
    bool known = m && m->reason < LEDGER_DROPS;
    if (!known || m->to > p->settled_seq + BOUND_WINDOW) {
        if (wire_learner_bad(w, p, FRAME_BAD_META, "a SKIP that cannot be") || !known)
            return;
    }
    if (p->state != PEER_RUNNING) {
        w->status.out_of_order++;
        return;
    }
    bool go_back = m->from > p->settled_seq + 1;
    w->status.out_of_order += go_back || m->to > p->credit_until;
    if (!go_back && m->to <= p->credit_until)
        while (p->settled_seq < m->to)
            if (!ingest_repeated(w, p))
                peer_settle_dropped(w, p, (enum ledger_drop)m->reason);
    ingest_grant(w, p, go_back);
}

static void ingest_control(struct wire_learner *w, const struct sock_route *from,
                           const struct frame *f)
{
    if (f->head.type == FRAME_HELLO) {
        if (!is_oversized(w, NULL, f))
            wire_learner_hello(w, from, f);
        return;
    }
    struct peer *p = ingest_session(w, from, f);
    if (!p)
        return;
    switch (f->head.type) {
    case FRAME_READY:
        wire_learner_ready(w, p, f);
        break;
    case FRAME_HEARTBEAT:
        heartbeat(w, p, f);
        break;
    case FRAME_SKIP:
        ingest_skip(w, p, f);
        break;
    case FRAME_BYE:
        wire_learner_bye(w, p, f);
        break;
    default:
        wire_learner_bad(w, p, FRAME_BAD_TYPE, "a message that no actor sends");
    }
}

static bool ingest_receive_one(struct wire_learner *w)
{
    struct sock_route route;
    zmq_msg_t msg;
    enum sock_got got = sock_recv(w->socket, &route, &msg);
    if (got == SOCK_NOTHING)
        return false;
    if (got != SOCK_FRAME) {
        bad_frame(w, &route, sock_got_bad(got), NULL);
        return true;
    }
    struct frame f = {0};
    enum frame_bad bad = frame_parse(&f, zmq_msg_data(&msg), zmq_msg_size(&msg));
    bool kept = false;
    if (is_shut_out(w, &route, &f.head)) {
        zmq_msg_close(&msg);
        return true;
    }
    if (bad != FRAME_FINE) {
        bad_frame(w, &route, bad, &f);
    } else if (f.head.type == FRAME_TRAJECTORY) {
        kept = ingest_trajectory(w, &route, &f, &msg);
    } else {
        pthread_mutex_lock(&w->lock);
        ingest_control(w, &route, &f);
        pthread_mutex_unlock(&w->lock);
    }
    if (!kept)
        zmq_msg_close(&msg);
    return true;
}

/* --- time -------------------------------------------------------------------------------- */

/* True: a trajectory that takes long over its link is on the way, and heartbeats behind it. Its
 * actor is told that it is heard, or it would begin a connection anew and the trajectory with it.
 */
static bool uploads(struct wire_learner *w, struct peer *p, int64_t now)
{
    struct sock_crowd_flow flow;
    int64_t silent = now - p->last_rx_ms;
    if (p->state != PEER_RUNNING || silent < UPLOAD_CREDIT_MS || silent > UPLOAD_MS ||
        !sock_flow(w->socket, &p->route, &flow) || flow.received_ms > LEASE_MS)
        return false;
    if (flow.received_ms < UPLOAD_CREDIT_MS && log_every_ms(&p->credited_ms, UPLOAD_CREDIT_MS))
        wire_learner_credit(w, p, false);
    return true;
}

/* Before READY an actor may be silent for long, and its place is counted: who was cut, or killed,
 * while it loaded a game would keep it from another one for as long. */
static bool peer_is_cut_off(struct wire_learner *w, struct peer *p, int64_t silent)
{
    return p->state == PEER_JOINED && silent > CUT_OFF_MS &&
           log_every_ms(&p->credited_ms, UPLOAD_CREDIT_MS) && !wire_learner_is_there(w, p);
}

static void lose(struct wire_learner *w, struct peer *p, int64_t silent, const char *why)
{
    char text[300];
    snprintf(text, sizeof text,
             "actor %u (host %s, pid %u) lost: %s after %.1f s; last seq %llu, %llu in flight",
             p->id, p->host, p->pid, why, (double)silent * 1e-3, (unsigned long long)p->settled_seq,
             (unsigned long long)(p->produced - p->settled_seq));
    log_warn(text, kv("actor", p->id));
    wire_learner_audit(AUDIT_LOST, p, text);
    peer_revoke_credit(w, p);
    peer_left(w, p);
    p->state = PEER_ABSENT;
    trace(ABSENT, .actor = p->id, .incarnation = p->incarnation);
}

static void check_lease(struct wire_learner *w, struct peer *p, int64_t now)
{
    int64_t silent = now - p->last_rx_ms;
    if (!uploads(w, p, now) && peer_alive(p) &&
        silent > (p->state == PEER_JOINED ? BUILD_LEASE_MS : LEASE_MS))
        lose(w, p, silent, "lease expired");
    else if (peer_is_cut_off(w, p, silent))
        lose(w, p, silent, "its connection ended before it was ready, seen");
    if (p->state == PEER_ABSENT && p->given_up == 0 && silent > FORGET_MS &&
        p->produced > p->settled_seq)
        peer_give_up(w, p);
}

/* Room for too few goes round. announce: tell everybody of the new version. */
static void grant_in_turn(struct wire_learner *w, bool announce)
{
    int first = w->turn, left_out = -1;
    for (int k = 0; k < w->nopen; k++) {
        int i = (first + k) % w->nopen;
        struct peer *p = w->peers[i];
        if (p->state != PEER_RUNNING)
            continue;
        if (peer_grant(w, p) || announce)
            wire_learner_credit(w, p, false);
        if (left_out < 0 && p->credit_until <= p->settled_seq)
            left_out = i;
    }
    if (left_out >= 0)
        w->turn = left_out;
}

static void ingest_tick(struct wire_learner *w)
{
    pthread_mutex_lock(&w->lock);
    int64_t now = clock_ms();
    bool announce = w->announce, draining = atomic_load(&w->draining) && !w->drain_told;
    bool retry = w->starved && w->queued < w->p.max_queued;
    w->announce = false;
    if (retry)
        w->starved = false;
    w->drain_told |= draining;
    for (int i = w->nopen - 1; i >= 0; i--) { /* the place of one that ends is the last one's */
        struct peer *p = w->peers[i];
        check_lease(w, p, now);
        if (p->accused && peer_alive(p))
            wire_learner_revoke(w, p, "numbers from which no finite gradient can be made");
        p->accused = false;
        if (draining && peer_alive(p))
            wire_learner_send(w, p, FRAME_DRAIN, NULL);
    }
    if (announce || retry)
        grant_in_turn(w, announce);
    peers_prune(w, now);
    if (w->exposed && now - w->warned_ms > WARN_MS) {
        w->warned_ms = now;
        log_warn("listening beyond this machine without encryption or authentication "
                 "(security.allow_insecure)",
                 kv("address", w->address));
    }
    pthread_mutex_unlock(&w->lock);
}

void wire_learner_turn(struct wire_learner *w)
{
    for (int i = 0; i < SOCK_MESSAGES_PER_TURN && ingest_receive_one(w); i++)
        ;
    ingest_tick(w);
    sock_keep_bound(w->socket, w->address, &w->kept_bound_ms);
}

void *wire_learner_ingest(void *arg)
{
    struct wire_learner *w = arg;
    while (!atomic_load(&w->stop)) {
        if (!atomic_load(&w->open)) {
            poll(&(struct pollfd){.fd = w->wake_fd, .events = POLLIN}, 1, 100);
            continue;
        }
        zmq_pollitem_t items[] = {{.socket = w->socket, .events = ZMQ_POLLIN},
                                  {.fd = w->wake_fd, .events = ZMQ_POLLIN}};
        zmq_poll(items, 2, 100);
        if (items[1].revents) {
            uint64_t n;
            ONIC_ASSERT(read(w->wake_fd, &n, sizeof n) == (ssize_t)sizeof n);
        }
        wire_learner_turn(w);
    }
    return NULL;
}
