/* SPDX-License-Identifier: MIT */
/* learner_join.c - HELLO and BYE; see learner_state.h and rules R4, R8-R10.
 *
 * A HELLO comes from a new process (incarnation 0) or from one that has lost contact (incarnation >
 * 0). Incarnation numbers rise over the whole life of a run, the learner epoch in their upper half,
 * so "who came later" is a comparison: a smaller number than the current one belongs to a process
 * that was replaced and is fenced; a larger one was given by a learner life that the restored
 * checkpoint does not know.
 *
 * What a HELLO says of an incarnation counts only with its secret (place.h): numbers can be
 * guessed. A process that shows the secret of the newest incarnation comes back, or follows it.
 *
 * A number that is alive is not given away. Whether it is alive is not guessed: the second process
 * is answered only when the holder has been heard after it asked (REJECT), when its connection is
 * gone (a killed process), or when its lease has run out (WELCOME). A number whose holder is not
 * there is kept for a moment for whoever shows its secret; then anybody may have it, for the
 * holder's machine may be gone with the secret. */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/data/trajectory_block.h"
#include "common/wire/rollout/learner_state.h"
#include "common/wire/rollout/place.h"
#include "session.pb-c.h"

enum { RESTART_MS = 3000 /* longer than two heartbeats; a killed actor is back sooner */ };

/* Of one actor, ten times what any has been seen to play and send; seconds of a life that its
 * metrics may not tell of any more. */
static const double STEPS_PER_S = 1e8, TRAJECTORIES_PER_S = 1e4, LOST_SLACK_S = 60;

static void keep_name(struct wire_learner *w, struct peer *p, const struct sock_route *from,
                      const Onic__Wire__Hello *m)
{
    if (!sock_route_equal(&p->route, from))
        peer_left(w, p);
    sock_know(w->socket, from, READY_BYTES);
    p->route = *from;
    p->last_rx_ms = clock_ms();
    p->pid = m->pid;
    meta_text(p->host, sizeof p->host, &m->host);
}

static struct place place_of(const struct wire_learner *w, uint32_t id, uint64_t incarnation)
{
    struct place p = {.actor_id = id, .incarnation = incarnation};
    memcpy(p.run_id, w->p.run_id, sizeof p.run_id);
    return p;
}

/* False: its connection is gone. */
static bool join_welcome(struct wire_learner *w, struct peer *p)
{
    Onic__Wire__Welcome m = ONIC__WIRE__WELCOME__INIT;
    m.weights_address = meta_bytes(w->weights_address);
    m.window = (uint32_t)w->p.window;
    m.deterministic = w->p.deterministic;
    m.rounds = (uint32_t)w->p.deterministic_rounds;
    m.next_index = p->next_index;
    m.env_steps = p->steps_accepted;
    m.config_bytes = w->p.config_len;
    m.actor_id = p->id;
    m.incarnation = p->incarnation;
    m.max_policy_lag = w->p.max_policy_lag;
    uint8_t secret[PLACE_SECRET_BYTES];
    struct place place = place_of(w, p->id, p->incarnation);
    place_secret(w->p.place_key, &place, secret);
    m.secret = (ProtobufCBinaryData){sizeof secret, secret};
    struct sock_bulk resume = {0};
    if (w->p.deterministic && p->snap)
        resume = (struct sock_bulk){.data = p->snap, .len = p->snap_bytes};
    m.resume_bytes = resume.len;
    struct frame_head h = wire_learner_head(w, FRAME_WELCOME, p);
    struct sock_bulk config = {.data = w->config, .len = w->p.config_len};
    if (wire_learner_send_to(w, &p->route, &h, &m.base, config, resume) == SOCK_GONE)
        return false;
    if (atomic_load(&w->draining))
        wire_learner_send(w, p, FRAME_DRAIN, NULL);
    return true;
}

/* --- a new process ----------------------------------------------------------------------- */

/* The actor that this connection is already. */
static struct peer *peer_of_route(const struct wire_learner *w, const struct sock_route *from)
{
    for (int i = 0; i < w->nopen; i++)
        if (peer_alive(w->peers[i]) && sock_route_equal(&w->peers[i]->route, from))
            return w->peers[i];
    return NULL;
}

/* One connection is one actor: otherwise one of them could take all the numbers there are. True: it
 * asked for a second one and has been told. */
static bool is_another(struct wire_learner *w, const struct sock_route *from, const struct frame *f,
                       int64_t wanted)
{
    const struct peer *p = peer_of_route(w, from);
    char text[200];
    if (!p || wanted == (int64_t)p->id || (wanted < 0 && p->state == PEER_JOINED))
        return false;
    snprintf(text, sizeof text,
             "this connection is actor %u already; another actor needs a connection of its own",
             p->id);
    wire_learner_reject(w, from, &f->head, WIRE_REJECT_DUPLICATE, text);
    return true;
}

/* For whoever shows its secret: a process that is started again, or one that has not found a
 * restarted learner yet. In lock-step nobody comes back to another life of the learner. */
static bool is_kept(const struct wire_learner *w, const struct peer *p, int64_t now)
{
    bool heard = p->route.len > 0; /* in this life of the learner */
    int64_t kept_ms = heard ? RESTART_MS : w->p.deterministic ? 0 : LEASE_MS;
    return p->state != PEER_CLOSED && now - p->last_rx_ms < kept_ms;
}

/* A number is of the key that joined it first, until that actor has left or its key is off the
 * list: a key that may play does not thereby replace other actors. */
static bool belongs_to_another(const struct wire_learner *w, const struct peer *p,
                               const struct sock_route *from)
{
    return w->keyed && p && p->state != PEER_CLOSED && p->route.key[0] &&
           strcmp(p->route.key, from->key) != 0 &&
           wire_keys_allow(w->p.keys, 1u << KEY_ACTOR, p->route.key);
}

static void refuse_other_key(struct wire_learner *w, const struct peer *p,
                             const struct sock_route *from, const struct frame *f)
{
    char text[400];
    snprintf(text, sizeof text,
             "not authorised: actor number %u belongs to the key %s (host %s), not to %s; give "
             "this one another --actors.id, or none",
             p->id, p->route.key, p->host, from->key);
    if (log_every_ms(&w->key_log_ms, 1000))
        log_warn("an actor number of another key was asked for", kv("actor", p->id),
                 kv("owner", p->route.key), kv("asker", from->key));
    wire_learner_reject(w, from, &f->head, WIRE_REJECT_KEY, text);
}

/* A number for somebody who asked for none: the one given to this connection already (its WELCOME
 * was slow), else the lowest whose account is closed or that nobody has. */
static int free_id(struct wire_learner *w, const struct sock_route *from)
{
    int64_t now = clock_ms();
    for (int i = 0; i < w->nopen; i++)
        if (w->peers[i]->state == PEER_JOINED && sock_route_equal(&w->peers[i]->route, from))
            return (int)w->peers[i]->id;
    int end = w->p.deterministic ? w->p.deterministic_actors : PEERS_MAX;
    for (int id = 0; id < end; id++) {
        struct peer *p = peer_find(w, (uint32_t)id);
        if (!p || (p->state == PEER_CLOSED && now >= p->quarantined_until_ms))
            return id;
    }
    for (int id = 0; id < end; id++) {
        struct peer *p = peer_find(w, (uint32_t)id);
        if (is_kept(w, p, now) || belongs_to_another(w, p, from))
            continue;
        if (!peer_alive(p) || !wire_learner_credit(w, p, false))
            return id; /* nobody is there, or its connection is gone */
    }
    return -1;
}

/* What a life of the learner that is gone can have acknowledged of one actor's after the
 * checkpoint: it lasted for so long, and no actor is faster than this. */
static uint64_t acknowledged_at_most(const struct wire_learner *w, uint64_t steps_each)
{
    double per_s = STEPS_PER_S / (double)(steps_each ? steps_each : 1);
    per_s = per_s < TRAJECTORIES_PER_S ? per_s : TRAJECTORIES_PER_S;
    return (uint64_t)(per_s * (LOST_SLACK_S + w->p.lost_s)) + BOUND_WINDOW;
}

/* Whether an actor can have had such an account. Of the current incarnation, if it has been heard
 * in this life of the learner, it is known what was granted and settled; of any other one, how much
 * time there was. What cannot be would balance in the ledger all the same. */
static bool account_holds(struct wire_learner *w, const struct peer *p,
                          const Onic__Wire__Account *a)
{
    bool same = a->incarnation == p->incarnation, heard = same && p->route.len;
    bool sound = a->acked <= a->produced && a->produced - a->acked <= BOUND_WINDOW &&
                 a->steps_each <= (uint64_t)BOUND_STEPS * BOUND_ENVS &&
                 (a->steps_each || !a->produced); /* they would be of no size in the books */
    uint64_t known = heard ? p->settled_seq : same ? p->booked : 0;
    uint64_t more = sound && a->acked > known ? a->acked - known : 0;
    uint64_t each = same && p->steps_each ? p->steps_each : a->steps_each; /* of the books */
    if (sound && more <= (heard ? 0 : acknowledged_at_most(w, each)))
        return !heard || peer_claim_holds(w, p, a->produced);
    wire_learner_bad(w, NULL, FRAME_BAD_META, "");
    if (log_every_ms(&w->claim_log_ms, 1000))
        log_warn("an actor claims more trajectories than it was granted; it is not believed",
                 kv("actor", p->id), kv("claimed", (double)a->produced),
                 kv("settled", (int64_t)known));
    return false;
}

/* The previous incarnation as its ledger page tells it; NULL, or 0: none is known. held: of which
 * the teller has shown the secret; it knows of none that came after. */
static void settle_previous(struct wire_learner *w, struct peer *p, const Onic__Wire__Account *page,
                            uint64_t held)
{
    bool known =
        page && page->incarnation && page->incarnation <= held && account_holds(w, p, page);
    if (p->state != PEER_CLOSED) {
        if (known && page->incarnation == p->incarnation) {
            peer_take_back(w, p); /* in the size that they were given up in */
            if (!p->steps_each)
                p->steps_each = page->steps_each;
            if (page->produced > p->produced)
                p->produced = page->produced;
            wire_learner_reported(w, p, page->env_steps, p->cpu_ms);
            peer_roll_back(w, p, page->acked);
            peer_close(w, p, LEDGER_LOST_ACTOR, 0);
            return;
        }
        peer_close(w, p, LEDGER_LOST_ACTOR_UNKNOWN, 0);
    }
    if (!known || page->incarnation <= p->incarnation)
        return;
    trace(UNKNOWN, .actor = p->id, .incarnation = page->incarnation, .seq = page->produced,
          .version = page->acked);
    books_unknown_account(w, page->produced, page->acked, page->steps_each);
}

/* May the number of p be given to somebody new? Otherwise the asker has been told, or is left to
 * ask again. */
static bool may_take_over(struct wire_learner *w, struct peer *p, const struct sock_route *from,
                          const struct frame *f, bool shown)
{
    int64_t now = clock_ms();
    char text[300];
    if (p->state == PEER_CLOSED || sock_route_equal(&p->route, from))
        return true;
    if (!peer_alive(p) || !wire_learner_send(w, p, FRAME_HELLO_REQUIRED, NULL)) {
        if (shown || !is_kept(w, p, now)) /* nobody is there, or its connection is gone */
            return true;
        snprintf(text, sizeof text,
                 "actor number %u is kept for its last process (host %s, pid %u) for some seconds; "
                 "asking again",
                 p->id, p->host, p->pid);
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
        return false;
    }
    if (p->challenged_ms == 0 || now - p->challenged_ms > LEASE_MS) {
        p->challenged_ms = now; /* the holder has been asked to speak */
        return false;
    }
    if (p->last_rx_ms <= p->challenged_ms)
        return false;
    snprintf(text, sizeof text,
             "actor number %u is in use by a process that is alive (host %s, pid %u); give this "
             "one another "
             "--actors.id, or none",
             p->id, p->host, p->pid);
    wire_learner_reject(w, from, &f->head, WIRE_REJECT_DUPLICATE, text);
    return false;
}

/* True: the number sent nonsense a moment ago, and the asker has been told to come again. */
static bool is_quarantined(struct wire_learner *w, const struct peer *p,
                           const struct sock_route *from, const struct frame *f)
{
    int64_t left = p->quarantined_until_ms - clock_ms();
    char text[200];
    if (left <= 0)
        return false;
    snprintf(text, sizeof text,
             "actor number %u sent nonsense and is kept out for another %lld s; asking again",
             p->id, (long long)left / 1000 + 1);
    wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
    return true;
}

/* An older incarnation's secret is that of somebody who had the number before: it says nothing of
 * who has it now. */
static bool shows_newest(const struct wire_learner *w, const struct peer *p, uint32_t id,
                         const Onic__Wire__Hello *m)
{
    struct place held = place_of(w, id, m->held);
    return (!p || m->held >= p->incarnation) && place_is_shown(w->p.place_key, &held, &m->secret);
}

/* Its account begins. */
static void new_actor(struct wire_learner *w, struct peer *p, const struct sock_route *from,
                      const Onic__Wire__Hello *m)
{
    peer_open(w, p, (uint64_t)w->p.epoch << 32 | ++w->next_incarnation);
    keep_name(w, p, from, m);
    if (!join_welcome(w, p)) { /* nobody has heard of this incarnation, and its sender asks anew */
        peer_close(w, p, LEDGER_LOST_ACTOR, 0);
        return;
    }
    wire_learner_joins(w, from);
    if (w->keyed)
        log_info("actor joined", kv("actor", p->id), kv("host", p->host), kv("pid", p->pid),
                 kv("key", p->route.key));
    else
        log_info("actor joined", kv("actor", p->id), kv("host", p->host), kv("pid", p->pid));
    wire_learner_audit(AUDIT_JOINED, p, "it asked for a number");
}

static void new_process(struct wire_learner *w, const struct sock_route *from,
                        const struct frame *f, const Onic__Wire__Hello *m)
{
    int id = m->actor_id >= 0 ? m->actor_id : free_id(w, from);
    char text[200];
    if (id >= PEERS_MAX || (w->p.deterministic && id >= w->p.deterministic_actors)) {
        snprintf(text, sizeof text, "actors.id: actor %d, learner 0..%d", id,
                 w->p.deterministic ? w->p.deterministic_actors - 1 : PEERS_MAX - 1);
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_INCOMPATIBLE, text);
        return;
    }
    if (id < 0) {
        snprintf(text, sizeof text, "all %d actors of this deterministic run are there",
                 w->p.deterministic_actors);
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
        return;
    }
    struct peer *p = peer_recall(w, (uint32_t)id);
    bool shown = shows_newest(w, p, (uint32_t)id, m);
    if (!shown && belongs_to_another(w, p, from)) {
        refuse_other_key(w, p, from, f);
        return;
    }
    if (p && is_quarantined(w, p, from, f))
        return;
    if (p && p->state == PEER_JOINED &&
        sock_route_equal(&p->route, from)) { /* WELCOME was slow: said twice */
        join_welcome(w, p);
        return;
    }
    if (!wire_learner_may_join(w, from, text)) {
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
        return;
    }
    if (!p)
        p = peer_add(w, (uint32_t)id);
    else if (m->actor_id >= 0 && !may_take_over(w, p, from, f, shown))
        return;
    settle_previous(w, p, shown ? m->previous : NULL, m->held);
    new_actor(w, p, from, m);
}

/* --- a process that comes back ----------------------------------------------------------- */

static void come_back(struct wire_learner *w, const struct sock_route *from, const struct frame *f,
                      const Onic__Wire__Hello *m)
{
    const struct frame_head *h = &f->head;
    if (memcmp(h->run_id, w->p.run_id, 16) != 0 || (w->p.deterministic && h->epoch != w->p.epoch)) {
        wire_learner_reject(
            w, from, h, WIRE_REJECT_OTHER_RUN,
            memcmp(h->run_id, w->p.run_id, 16) != 0
                ? "another run answers at this address now; restart the actor to join it"
                : "the learner was restarted; restart the actor to resume exactly");
        return;
    }
    struct peer *p = peer_recall(w, h->actor_id);
    if (belongs_to_another(w, p, from)) {
        refuse_other_key(w, p, from, f);
        return;
    }
    if (p && (p->incarnation > h->incarnation ||
              (p->incarnation == h->incarnation && p->state == PEER_CLOSED))) {
        char text[200];
        snprintf(text, sizeof text,
                 "actor %u is now another process (host %s, pid %u); this one ends", p->id, p->host,
                 p->pid);
        w->status.fenced++;
        wire_learner_reject(w, from, h, p->revoked ? WIRE_REJECT_REVOKED : WIRE_REJECT_FENCED,
                            text);
        return;
    }
    struct place held = place_of(w, h->actor_id, h->incarnation);
    if (m->held != h->incarnation || !place_is_shown(w->p.place_key, &held, &m->secret)) {
        w->status.unproved++;
        wire_learner_reject(w, from, h, WIRE_REJECT_OTHER_RUN,
                            "the learner does not know this session as one that it has given; "
                            "restart the actor to join it");
        return;
    }
    if (h->actor_id >= PEERS_MAX || !m->own || m->own->incarnation != h->incarnation) {
        wire_learner_bad(w, NULL, FRAME_BAD_META, "");
        return;
    }
    if (!p)
        p = peer_add(w, h->actor_id);
    if (!account_holds(w, p, m->own)) {
        wire_learner_reject(w, from, h, WIRE_REJECT_OTHER_RUN,
                            "the learner cannot have acknowledged as much as this session says; "
                            "restart the actor to join it");
        return;
    }
    if (p->incarnation !=
        h->incarnation) { /* WELCOME came from a life that the checkpoint does not know */
        settle_previous(w, p, m->previous, m->held);
        peer_open(w, p, h->incarnation);
    }
    peer_take_back(w, p); /* in the size that they were given up in */
    if (!p->steps_each)
        p->steps_each = m->own->steps_each;
    if (m->own->produced > p->produced)
        p->produced = m->own->produced;
    peer_roll_back(w, p, m->own->acked);
    bool was_away = !peer_alive(p);
    p->state = PEER_JOINED;
    trace(BACK, .actor = p->id, .incarnation = p->incarnation, .seq = p->produced,
          .version = m->own->acked);
    wire_learner_reported(w, p, m->own->env_steps, m->own->cpu_ms);
    keep_name(w, p, from, m);
    if (was_away)
        log_info("actor is back", kv("actor", p->id), kv("host", p->host), kv("pid", p->pid));
    if (was_away)
        wire_learner_audit(AUDIT_BACK, p, "it showed the secret of its number");
    join_welcome(w, p);
}

/* A flood of HELLOs, from a restarted learner's thousand actors or from something broken, must not
 * keep trajectories waiting. Refused before anything is booked. */
static bool admitted(struct wire_learner *w, const struct sock_route *from, const struct frame *f)
{
    int64_t now = clock_ms();
    char text[200];
    w->hello_room += (double)(now - w->hello_ms) * HELLO_RATE * 1e-3;
    w->hello_room = w->hello_room < HELLO_RATE ? w->hello_room : HELLO_RATE;
    w->hello_ms = now;
    if (w->hello_room < 1.0) {
        w->status.hello_limited++;
        snprintf(text, sizeof text, "the learner admits %d actors a second; asking again",
                 HELLO_RATE);
        wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
        return false;
    }
    w->hello_room -= 1.0;
    int alive = 0;
    for (int i = 0; i < w->nopen; i++)
        alive += peer_alive(w->peers[i]) && !sock_route_equal(&w->peers[i]->route, from);
    if (alive < w->actors_max)
        return true;
    snprintf(text, sizeof text,
             "the learner's limit of open files leaves room for %d actors; raise it there "
             "(ulimit -n)",
             w->actors_max);
    if (log_every_ms(&w->log_ms, 1000))
        log_warn(text);
    wire_learner_reject(w, from, &f->head, WIRE_REJECT_RETRY, text);
    return false;
}

void wire_learner_hello(struct wire_learner *w, const struct sock_route *from,
                        const struct frame *f)
{
    const Onic__Wire__Hello *m =
        meta_unpack(w->arena, &onic__wire__hello__descriptor, f->meta, f->head.meta_len);
    if (!m || m->role != WIRE_ROLE_ACTOR) {
        wire_learner_bad(w, peer_of_route(w, from), FRAME_BAD_META, "a HELLO that cannot be read");
        return;
    }
    if (!admitted(w, from, f))
        return;
    if (is_another(w, from, f, f->head.incarnation ? (int64_t)f->head.actor_id : m->actor_id))
        return;
    if (f->head.incarnation)
        come_back(w, from, f, m);
    else
        new_process(w, from, f, m);
}

/* --- BYE --------------------------------------------------------------------------------- */

void wire_learner_bye(struct wire_learner *w, struct peer *p, const struct frame *f)
{
    const Onic__Wire__Bye *m =
        meta_unpack(w->arena, &onic__wire__bye__descriptor, f->meta, f->head.meta_len);
    if (!m || !m->own) {
        wire_learner_bad(w, p, FRAME_BAD_META, "a BYE that cannot be read");
        return;
    }
    if (!wire_learner_believes(w, p, m->own->produced))
        return;
    if (m->own->produced > p->produced)
        p->produced = m->own->produced;
    wire_learner_reported(w, p, m->own->env_steps, m->own->cpu_ms);
    wire_learner_send(w, p, FRAME_BYE_ACK, NULL);
    wire_learner_audit(AUDIT_LEFT, p, "it said goodbye");
    peer_close(w, p, LEDGER_LOSTS, LEDGER_DROP_DRAIN);
    log_info("actor left", kv("actor", p->id), kv("trajectories", (int64_t)p->produced),
             kv("unsent", (int64_t)(p->produced - p->settled_seq)));
}
