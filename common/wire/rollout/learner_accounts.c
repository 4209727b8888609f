/* SPDX-License-Identifier: MIT */
/* learner_accounts.c - who has produced what, and where each trajectory went; see learner_state.h.
 *
 * The ledger's identity is a check only if its sides are counted apart. `produced` comes from the
 * actors: what they say they have made. `in_flight` comes from the accounts: produced minus settled
 * of every open incarnation, plus what closed ones left in the queue. consumed, dropped and lost
 * are counted where they happen. A trajectory that is forgotten, or booked twice, makes the
 * identity fail.
 *
 * A checkpoint holds, for each actor, the numbers that the weights were trained on: `booked` and
 * the bits beyond it, not `settled_seq`, because what waits in the queue when the learner dies is
 * lost although it was acknowledged. When an actor of an earlier learner life comes back it says
 * how far it was acknowledged; the numbers in between are lost{rollback}. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/rollout/lag.h"
#include "common/wire/rollout/learner_state.h"

enum {
    PRUNE_EVERY_MS = 1000,
    PRUNE_REFUSED_MS = 60000,
    STALE_FEW = 3, /* trajectories that are too old; fewer are nothing to speak of */
    STALE_WINDOW = 32,
    STALE_LOG_MS = 600000
};

struct peer *peer_find(struct wire_learner *w, uint32_t id)
{
    if (id >= PEERS_MAX || w->peer_of_id[id] < 0)
        return NULL;
    return w->peers[w->peer_of_id[id]];
}

struct peer *peer_add(struct wire_learner *w, uint32_t id)
{
    if (w->npeers == w->peers_cap) {
        w->peers_cap = w->peers_cap ? w->peers_cap * 2 : 16;
        w->peers = xrealloc(w->peers, (size_t)w->peers_cap * sizeof *w->peers);
    }
    struct peer *p = xcalloc(1, sizeof *p);
    p->id = id;
    p->incarnation = w->forgotten[id];
    w->nforgotten -= w->forgotten[id] != 0;
    w->peer_of_id[id] = w->npeers;
    w->peers[w->npeers++] = p;
    return p;
}

struct peer *peer_recall(struct wire_learner *w, uint32_t id)
{
    struct peer *p = peer_find(w, id);
    if (p || id >= PEERS_MAX || !w->forgotten[id])
        return p;
    w->some_to_prune = true; /* whoever asks may be refused */
    return peer_add(w, id);
}

static void swap_peers(struct wire_learner *w, int a, int b)
{
    struct peer *p = w->peers[a];
    w->peers[a] = w->peers[b];
    w->peers[b] = p;
    w->peer_of_id[w->peers[a]->id] = a;
    w->peer_of_id[p->id] = b;
}

/* Numbers that somebody had once are many where actors come and go, or send nonsense on purpose. */
void peer_sort(struct wire_learner *w, struct peer *p)
{
    int at = w->peer_of_id[p->id];
    bool open = p->state != PEER_CLOSED;
    if (open && at >= w->nopen)
        swap_peers(w, at, w->nopen++);
    else if (!open && at < w->nopen)
        swap_peers(w, at, --w->nopen);
}

bool peer_left_nothing(const struct peer *p)
{
    return p->state == PEER_CLOSED && p->steps_accepted == 0 && p->next_index == 0;
}

/* In this life it is not forgotten that it was refused a moment ago. */
static bool may_be_pruned(const struct peer *p, int64_t now)
{
    return now >= p->quarantined_until_ms &&
           (!p->refused || now - p->refused_ms > PRUNE_REFUSED_MS);
}

static void free_peer(struct peer *p)
{
    free(p->snap);
    free(p->snap_booked);
    free(p);
}

/* What it said of its own steps and processor time stays in the sums. */
static void prune_peer(struct wire_learner *w, struct peer *p)
{
    int at = w->peer_of_id[p->id];
    w->forgotten[p->id] = p->incarnation;
    w->nforgotten++;
    w->forgotten_steps += p->env_steps_before;
    w->forgotten_cpu_ms += p->cpu_ms_before;
    w->peers[at] = w->peers[--w->npeers];
    w->peer_of_id[w->peers[at]->id] = at;
    w->peer_of_id[p->id] = -1;
    free_peer(p);
}

void peers_prune(struct wire_learner *w, int64_t now)
{
    if (!w->some_to_prune || now - w->pruned_ms < PRUNE_EVERY_MS)
        return;
    w->pruned_ms = now;
    w->some_to_prune = false;
    for (int i = w->npeers - 1; i >= w->nopen; i--) {
        struct peer *p = w->peers[i];
        if (peer_left_nothing(p) && may_be_pruned(p, now))
            prune_peer(w, p);
        else
            w->some_to_prune |= peer_left_nothing(p);
    }
}

void books_forget(struct wire_learner *w)
{
    for (int i = 0; i < w->npeers; i++) {
        w->peer_of_id[w->peers[i]->id] = -1;
        w->forgotten[w->peers[i]->id] = 0;
        free_peer(w->peers[i]);
    }
    if (w->nforgotten)
        memset(w->forgotten, 0, PEERS_MAX * sizeof *w->forgotten);
    w->npeers = w->nopen = w->nforgotten = w->turn = 0;
    w->forgotten_steps = w->forgotten_cpu_ms = 0;
    w->next_incarnation = 0;
    w->has_shape = w->starved = w->some_to_prune = false;
    w->credit_bytes = 0;
    w->credit_load = w->unbooked_load = w->unpublished_load = 0;
    w->undone_after = w->undone_to = 0;
    memset(&w->trajectories, 0, sizeof w->trajectories);
    memset(&w->steps, 0, sizeof w->steps);
    memset(w->conduct, 0, sizeof w->conduct);
    memset(&w->status, 0, sizeof w->status);
    memset(w->rx_bad, 0, sizeof w->rx_bad);
}

bool peer_alive(const struct peer *p)
{
    return p->state == PEER_JOINED || p->state == PEER_RUNNING;
}

static uint64_t booked_out_of_order(const struct peer *p)
{
    uint64_t n = 0;
    for (int i = 0; i < BOOK_BITS / 64; i++)
        n += (uint64_t)__builtin_popcountll(p->bits[i]);
    return n;
}

uint64_t peer_outstanding(const struct peer *p)
{
    return p->settled_seq - p->booked - booked_out_of_order(p);
}

/* --- the account ------------------------------------------------------------------------- */

bool peer_is_booked(const struct peer *p, uint64_t seq)
{
    if (seq <= p->booked)
        return true;
    uint64_t i = seq - p->booked - 1;
    return i < BOOK_BITS && (p->bits[i / 64] >> (i % 64) & 1);
}

/* Moves the watermark over the bits that follow it. */
static void advance_booked(struct peer *p)
{
    while (p->bits[0] & 1) {
        int run = ~p->bits[0] ? __builtin_ctzll(~p->bits[0]) : 64;
        p->booked += (uint64_t)run;
        for (int i = 0; i < BOOK_BITS / 64; i++) {
            uint64_t next = i + 1 < BOOK_BITS / 64 ? p->bits[i + 1] : 0;
            p->bits[i] = run == 64 ? next : p->bits[i] >> run | next << (64 - run);
        }
    }
}

void peer_book(struct peer *p, uint64_t seq)
{
    uint64_t i = seq - p->booked - 1;
    ONIC_ASSERT(seq > p->booked && i < BOOK_BITS); /* credit keeps the distance below BOOK_BITS */
    p->bits[i / 64] |= 1ull << (i % 64);
    advance_booked(p);
}

/* All numbers up to seq are settled for good. */
static void book_up_to(struct peer *p, uint64_t seq)
{
    while (p->booked < seq) {
        p->bits[0] |= 1;
        advance_booked(p);
    }
}

uint64_t load_of(const struct wire_learner *w, uint64_t steps)
{
    uint64_t batch = w->p.batch_steps;
    if (!batch || !steps)
        return 0;
    uint64_t of_update = (batch + steps - 1) / steps; /* trajectories: a batch is whole ones */
    return (batch + of_update - 1) / of_update;
}

uint64_t lag_room(const struct wire_learner *w)
{
    return (w->p.max_policy_lag - wire_lag_slack(w->p.max_policy_lag) + 1) * w->p.batch_steps;
}

static void uncredit(struct wire_learner *w, struct peer *p)
{
    if (p->credit_until < p->settled_seq)
        return;
    uint64_t n = p->credit_until - p->settled_seq;
    w->credit_bytes -= (size_t)n * p->frame_bytes;
    w->credit_load -= n * load_of(w, p->steps_each);
}

static void recredit(struct wire_learner *w, struct peer *p)
{
    if (p->credit_until < p->settled_seq)
        p->credit_until = p->settled_seq;
    uint64_t n = p->credit_until - p->settled_seq;
    w->credit_bytes += (size_t)n * p->frame_bytes;
    w->credit_load += n * load_of(w, p->steps_each);
}

void peer_revoke_credit(struct wire_learner *w, struct peer *p)
{
    uncredit(w, p);
    p->credit_until = p->settled_seq;
}

static void set_settled(struct wire_learner *w, struct peer *p, uint64_t seq)
{
    uncredit(w, p);
    p->settled_seq = seq;
    if (p->produced < seq)
        p->produced = seq;
    recredit(w, p);
}

void peer_accept(struct wire_learner *w, struct peer *p)
{
    set_settled(w, p, p->settled_seq + 1);
    p->steps_accepted += p->steps_each;
}

static bool wastes_most(const struct peer *p)
{
    return p->recent_stale >= STALE_FEW && p->recent_stale > p->recent_used;
}

/* An actor that is slower than the others by many updates plays, sends and is acknowledged like
 * them, and takes no part in the run. */
static void note_age(struct wire_learner *w, struct peer *p, bool stale)
{
    *(stale ? &p->recent_stale : &p->recent_used) += 1;
    if (stale && wastes_most(p) && log_every_ms(&w->stale_log_ms, STALE_LOG_MS)) {
        int actors = 0;
        for (int i = 0; i < w->nopen; i++)
            actors += peer_alive(w->peers[i]) && wastes_most(w->peers[i]);
        log_warn("most of what an actor plays is too old to be trained on when it comes, and is "
                 "thrown away: it is too slow for this run. A smaller env.count or train.rollout "
                 "makes its trajectories shorter, a larger train.batch or train.max_policy_lag "
                 "gives them more time",
                 kv("actor", p->id), kv("host", (const char *)p->host),
                 kv("too_old", p->recent_stale), kv("of_last", p->recent_stale + p->recent_used),
                 kv("actors_like_it", actors - 1), kv("train.max_policy_lag", w->p.max_policy_lag));
    }
    if (p->recent_used + p->recent_stale < STALE_WINDOW)
        return;
    p->recent_used /= 2;
    p->recent_stale /= 2;
}

void peer_settle_dropped(struct wire_learner *w, struct peer *p, enum ledger_drop reason)
{
    set_settled(w, p, p->settled_seq + 1);
    trace(DROPPED, .actor = p->id, .incarnation = p->incarnation, .seq = p->settled_seq, .n = 1,
          .reason = (uint16_t)(TRACE_DROP + reason));
    peer_book(p, p->settled_seq);
    w->trajectories.dropped[reason]++;
    w->steps.dropped[reason] += p->steps_each;
    if (reason == LEDGER_DROP_STALE || reason == LEDGER_DROP_STALE_ACTOR)
        note_age(w, p, true);
}

static void count_lost(struct wire_learner *w, enum ledger_lost reason, uint64_t n,
                       uint64_t steps_each)
{
    w->trajectories.lost[reason] += n;
    w->steps.lost[reason] += n * steps_each;
}

void peer_settle_undone(struct wire_learner *w, struct peer *p)
{
    set_settled(w, p, p->settled_seq + 1);
    trace(DROPPED, .actor = p->id, .incarnation = p->incarnation, .seq = p->settled_seq, .n = 1,
          .reason = TRACE_LOST + LEDGER_LOST_ROLLBACK);
    peer_book(p, p->settled_seq);
    count_lost(w, LEDGER_LOST_ROLLBACK, 1, p->steps_each);
}

void peer_roll_back(struct wire_learner *w, struct peer *p, uint64_t acked)
{
    if (acked <= p->settled_seq)
        return;
    uint64_t missing = 0;
    trace(ROLLED_BACK, .actor = p->id, .incarnation = p->incarnation, .seq = acked);
    for (uint64_t s = p->settled_seq + 1; s <= acked; s++) {
        if (s - p->booked > BOOK_BITS) { /* far beyond anything this account knows */
            missing += acked - s + 1;
            break;
        }
        missing += !peer_is_booked(p, s);
    }
    set_settled(w, p, acked);
    if (acked - p->booked >= BOOK_BITS) {
        p->booked = acked;
        memset(p->bits, 0, sizeof p->bits);
    } else {
        book_up_to(p, acked);
    }
    count_lost(w, LEDGER_LOST_ROLLBACK, missing, p->steps_each);
}

void peer_give_up(struct wire_learner *w, struct peer *p)
{
    uint64_t n = p->produced - p->settled_seq;
    p->given_up = n;
    count_lost(w, LEDGER_LOST_ACTOR_UNKNOWN, n, p->steps_each);
}

void peer_take_back(struct wire_learner *w, struct peer *p)
{
    w->trajectories.lost[LEDGER_LOST_ACTOR_UNKNOWN] -= p->given_up;
    w->steps.lost[LEDGER_LOST_ACTOR_UNKNOWN] -= p->given_up * p->steps_each;
    p->given_up = 0;
}

void peer_left(struct wire_learner *w, const struct peer *p)
{
    if (w->socket && p->route.len)
        sock_forget(w->socket, &p->route);
}

void peer_close(struct wire_learner *w, struct peer *p, enum ledger_lost lost,
                enum ledger_drop dropped)
{
    if (p->state == PEER_CLOSED)
        return;
    peer_take_back(w, p);
    trace(CLOSED, .actor = p->id, .incarnation = p->incarnation, .seq = p->produced,
          .version = p->settled_seq,
          .reason = (uint16_t)(lost != LEDGER_LOSTS ? TRACE_LOST + lost : TRACE_DROP + dropped));
    uint64_t open = p->produced - p->settled_seq;
    if (lost != LEDGER_LOSTS) {
        count_lost(w, lost, open, p->steps_each);
    } else {
        w->trajectories.dropped[dropped] += open;
        w->steps.dropped[dropped] += open * p->steps_each;
    }
    uint64_t outstanding = peer_outstanding(p);
    w->trajectories.closed_outstanding += outstanding;
    w->steps.closed_outstanding += outstanding * p->steps_each;
    w->trajectories.closed_produced += p->produced;
    w->steps.closed_produced += p->produced * p->steps_each;
    peer_revoke_credit(w, p);
    peer_left(w, p);
    p->state = PEER_CLOSED;
    w->some_to_prune = true;
    peer_sort(w, p);
    p->env_steps_before += p->env_steps;
    p->cpu_ms_before += p->cpu_ms;
    p->env_steps = p->cpu_ms = 0;
}

void peer_open(struct wire_learner *w, struct peer *p, uint64_t incarnation)
{
    ONIC_ASSERT(p->state == PEER_CLOSED);
    p->incarnation = incarnation;
    p->produced = p->settled_seq = p->booked = p->credit_until = p->given_up = 0;
    p->steps_each = 0; /* as its READY will say */
    p->opened_ms = clock_ms();
    p->cpu_ms_opened = 0;
    memset(p->bits, 0, sizeof p->bits);
    p->revoked = p->accused = false;
    p->invalid_run = p->bad_minute = 0;
    p->recent_used = p->recent_stale = 0;
    p->challenged_ms = 0;
    p->state = PEER_JOINED;
    peer_sort(w, p);
    trace(OPENED, .actor = p->id, .incarnation = incarnation);
}

void books_unknown_account(struct wire_learner *w, uint64_t produced, uint64_t acked,
                           uint64_t steps_each)
{
    w->trajectories.closed_produced += produced;
    w->steps.closed_produced += produced * steps_each;
    count_lost(w, LEDGER_LOST_ROLLBACK, acked, steps_each);
    count_lost(w, LEDGER_LOST_ACTOR, produced - acked, steps_each);
}

/* --- booking ----------------------------------------------------------------------------- */

static void keep_snapshot(struct peer *p, const struct received *r)
{
    if (!r->t.snapshot || r->index + 1 <= p->booked_index)
        return;
    size_t n = (size_t)r->t.shape.E * r->t.shape.snapshot_bytes;
    if (p->snap_booked_bytes != n) {
        p->snap_booked = xrealloc(p->snap_booked, n);
        p->snap_booked_bytes = n;
    }
    memcpy(p->snap_booked, r->t.snapshot, n);
}

static void trace_booking(const struct trajectory *t, struct booking how)
{
    if (how.as == BOOK_CONSUMED)
        trace(CONSUMED, .actor = t->actor_id, .incarnation = t->incarnation, .seq = t->seq,
              .version = t->weights_version);
    else
        trace(DROPPED, .actor = t->actor_id, .incarnation = t->incarnation, .seq = t->seq,
              .reason = (uint16_t)(how.as == BOOK_UNDONE ? TRACE_LOST + LEDGER_LOST_ROLLBACK
                                                         : TRACE_DROP + (int)how.reason));
}

static void count_booking(struct wire_learner *w, struct booking how, uint64_t steps)
{
    if (how.as == BOOK_UNDONE) {
        count_lost(w, LEDGER_LOST_ROLLBACK, 1, steps);
        return;
    }
    bool consumed = how.as == BOOK_CONSUMED;
    *(consumed ? &w->trajectories.consumed : &w->trajectories.dropped[how.reason]) += 1;
    *(consumed ? &w->steps.consumed : &w->steps.dropped[how.reason]) += steps;
}

void books_trajectory(struct wire_learner *w, struct received *r, struct booking how)
{
    const struct trajectory *t = &r->t;
    uint64_t steps = (uint64_t)t->shape.T * (uint64_t)t->shape.E;
    struct peer *p = peer_find(w, t->actor_id);
    bool consumed = how.as == BOOK_CONSUMED;
    if (r->booked) {
        trace(CONSUMED, .actor = t->actor_id, .incarnation = t->incarnation, .seq = t->seq,
              .version = t->weights_version);
        w->trajectories.consumed_twice++;
        w->steps.consumed_twice += steps;
        return;
    }
    r->booked = true;
    trace_booking(t, how);
    w->unbooked_load -= load_of(w, steps);
    w->unpublished_load += consumed ? load_of(w, steps) : 0;
    if (p->state != PEER_CLOSED && p->incarnation == t->incarnation) {
        peer_book(p, t->seq);
    } else {
        w->trajectories.closed_outstanding--;
        w->steps.closed_outstanding -= steps;
    }
    keep_snapshot(p, r);
    if (r->index + 1 > p->booked_index)
        p->booked_index = r->index + 1;
    count_booking(w, how, steps);
    if (consumed || (how.as == BOOK_DROPPED && how.reason == LEDGER_DROP_STALE))
        note_age(w, p, !consumed);
}

static void sums_of(const struct ledger_counts *c, struct ledger_sums *out)
{
    out->produced = c->closed_produced;
    out->in_flight = c->closed_outstanding;
    out->consumed = c->consumed;
    out->consumed_twice = c->consumed_twice;
    memcpy(out->dropped, c->dropped, sizeof out->dropped);
    memcpy(out->lost, c->lost, sizeof out->lost);
}

void books_ledger(struct wire_learner *w, struct ledger *out)
{
    sums_of(&w->trajectories, &out->trajectories);
    sums_of(&w->steps, &out->steps);
    for (int i = 0; i < w->nopen; i++) {
        const struct peer *p = w->peers[i];
        uint64_t open = p->produced - p->booked - booked_out_of_order(p) - p->given_up;
        out->trajectories.produced += p->produced;
        out->trajectories.in_flight += open;
        out->steps.produced += p->produced * p->steps_each;
        out->steps.in_flight += open * p->steps_each;
    }
}

/* --- credit ------------------------------------------------------------------------------ */

/* Running actors that may not play: the others get no second trajectory while room is short. */
static uint64_t load_of_idle(const struct wire_learner *w, const struct peer *but)
{
    uint64_t load = 0;
    for (int i = 0; i < w->nopen; i++) {
        const struct peer *p = w->peers[i];
        if (p != but && p->state == PEER_RUNNING && p->credit_until <= p->settled_seq)
            load += load_of(w, p->steps_each);
    }
    return load;
}

/* Whether one more trajectory of p, begun with weights up to wire_lag_slack behind those that are
 * published, will be trained on within max_policy_lag versions: by then all that is under way now
 * has been, and what was trained on without being published counts too. */
static bool young_enough(const struct wire_learner *w, const struct peer *p)
{
    if (!w->p.batch_steps || w->p.deterministic)
        return true;
    uint64_t ahead = w->credit_load + w->unbooked_load + w->unpublished_load;
    if (p->credit_until > p->settled_seq)
        ahead += load_of_idle(w, p);
    return ahead < lag_room(w);
}

bool peer_claim_holds(struct wire_learner *w, const struct peer *p, uint64_t produced)
{
    /* of any life of this run: train.window may have been another one */
    if (produced <= p->produced || produced - p->settled_seq <= BOUND_WINDOW)
        return true;
    w->status.rx_bad++;
    w->rx_bad[FRAME_BAD_META]++;
    if (log_every_ms(&w->claim_log_ms, 1000))
        log_warn("an actor claims more trajectories than it was granted; it is not believed",
                 kv("actor", p->id), kv("claimed", (double)produced),
                 kv("settled", (int64_t)p->settled_seq));
    return false;
}

bool peer_grant(struct wire_learner *w, struct peer *p)
{
    uint64_t before = p->credit_until;
    uint64_t want = p->settled_seq + (uint64_t)w->p.window;
    if (p->state != PEER_RUNNING || atomic_load(&w->draining))
        return false;
    if (want > p->booked + BOOK_BITS)
        want = p->booked + BOOK_BITS;
    bool full = w->queued >= w->p.max_queued && !w->p.deterministic;
    while (p->credit_until < want && !full && young_enough(w, p) &&
           (w->credit_bytes == 0 || w->credit_bytes + p->frame_bytes <= w->p.inflight_bytes_max)) {
        p->credit_until++;
        w->credit_bytes += p->frame_bytes;
        w->credit_load += load_of(w, p->steps_each);
    }
    if (p->credit_until < want)
        w->starved = true;
    return p->credit_until != before;
}
