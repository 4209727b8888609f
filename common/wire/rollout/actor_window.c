/* SPDX-License-Identifier: MIT */
/* actor_window.c - the trajectories an actor may have unsettled, sent and sent again; see
 * actor_state.h.
 *
 * A finished trajectory stays in its block until the learner has settled it, and the very bytes
 * that were written by the rollout are sent: libzmq gets a pointer and a reference count, the
 * checksum is computed once. The header in front changes when a block is sent again to another
 * learner life; if libzmq still reads the first message then, the second one is a copy.
 *
 * produced >= sent >= acked. Going back is setting sent = acked; a trajectory that became too old
 * meanwhile is replaced by a SKIP of its number, so the learner never waits for it. */
#include <string.h>

#include "common/base/trace.h"
#include "common/data/ledger.h"
#include "common/wire/rollout/actor_state.h"
#include "common/wire/rollout/lag.h"
#include "common/wire/rollout/seal.h"
#include "session.pb-c.h"

static struct trajectory_block *free_block(const struct wire_actor *w)
{
    for (int i = 0; i <= w->window; i++) {
        struct trajectory_block *b = w->blocks[i];
        if (!b || b->taken || atomic_load(&b->refs) > 0)
            continue;
        uint64_t seq = b->t.seq;
        if (seq == 0 || seq <= w->acked)
            return b;
    }
    return NULL;
}

/* Weights so far behind the newest that what they play may be too old to be trained on; the newest
 * are being pulled. */
static bool behind(const struct wire_actor *w, uint64_t version)
{
    return w->weights_version > version + 1 &&
           w->weights_version - 1 - version > wire_lag_slack(w->max_policy_lag);
}

bool wire_actor_may_start(const struct wire_actor *w)
{
    uint64_t version;
    if (w->state != LINK_RUNNING || w->suspended || w->draining || w->final_rc ||
        w->produced + (uint64_t)w->taken + 1 > w->credit_until ||
        !wire_weights_pull_get(w->pull, &version) || behind(w, version))
        return false;
    uint64_t index = w->next_index_base + w->produced + (uint64_t)w->taken;
    if (w->deterministic && version != index / (uint64_t)w->rounds)
        return false;
    return free_block(w) != NULL;
}

struct trajectory *wire_actor_take(struct wire_actor *w)
{
    struct trajectory_block *b = free_block(w);
    if (!b)
        return NULL;
    b->taken = true;
    b->t.seq = 0;
    w->taken++;
    trajectory_clear(&b->t);
    return &b->t;
}

void wire_actor_put(struct wire_actor *w, struct trajectory *t)
{
    struct trajectory_block *b = t->storage;
    ONIC_ASSERT(b->taken);
    b->taken = false;
    w->taken--;
    t->actor_id = w->id;
    t->incarnation = w->incarnation;
    t->seq = ++w->produced;
    trace(MADE, .actor = w->id, .incarnation = w->incarnation, .seq = t->seq,
          .version = t->weights_version);
    t->env_steps_before = w->steps_base + w->steps_put;
    w->steps_put += (uint64_t)w->shape.T * (uint64_t)w->shape.E;
    w->steps_since = 0;
    trajectory_seal(b);
    w->unacked[t->seq % UNACKED_RING] = b;
    ledger_page_update(w->page, w->produced, w->acked, w->steps_put);
    wire_actor_flush(w);
}

void wire_actor_progress(struct wire_actor *w, uint64_t env_steps)
{
    w->steps_since = env_steps;
    ledger_page_update(w->page, w->produced, w->acked, w->steps_put + env_steps);
}

void wire_actor_settled(struct wire_actor *w, uint64_t ack)
{
    if (ack <= w->acked)
        return;
    w->acked = ack;
    if (w->sent < ack)
        w->sent = ack;
    ledger_page_update(w->page, w->produced, w->acked, w->steps_put + w->steps_since);
}

static void message_gone(void *data, void *hint)
{
    (void)data;
    struct trajectory_block *b = hint;
    atomic_fetch_sub(&b->refs, 1);
}

static bool send_block(struct wire_actor *w, struct trajectory_block *b)
{
    struct frame_head h = {.type = FRAME_TRAJECTORY,
                           .actor_id = w->id,
                           .epoch = w->epoch,
                           .incarnation = w->incarnation,
                           .seq = b->t.seq,
                           .meta_len = b->meta_len,
                           .bulk_len = b->bulk_len};
    memcpy(h.run_id, w->run_id, sizeof h.run_id);
    zmq_msg_t msg;
    if (w->copy || atomic_load(&b->refs) > 0) {
        ONIC_ASSERT(zmq_msg_init_size(&msg, b->frame_len) == 0);
        uint8_t *p = zmq_msg_data(&msg);
        memcpy(p + FRAME_HEADER, b->frame + FRAME_HEADER, b->frame_len - FRAME_HEADER);
        frame_seal(p, &h, b->body_crc);
    } else {
        frame_seal(b->frame, &h, b->body_crc);
        atomic_fetch_add(&b->refs, 1);
        ONIC_ASSERT(zmq_msg_init_data(&msg, b->frame, b->frame_len, message_gone, b) == 0);
    }
    return sock_send(w->socket, NULL, &msg) == SOCK_SENT;
}

static bool send_skip(struct wire_actor *w, uint64_t seq)
{
    Onic__Wire__Skip m = ONIC__WIRE__SKIP__INIT;
    m.from = m.to = seq;
    m.reason = LEDGER_DROP_STALE_ACTOR;
    return wire_actor_send(w, FRAME_SKIP, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
}

void wire_actor_flush(struct wire_actor *w)
{
    while (w->state == LINK_RUNNING && w->sent < w->produced && w->sent < w->credit_until) {
        struct trajectory_block *b = w->unacked[(w->sent + 1) % UNACKED_RING];
        bool stale = w->weights_version > b->t.weights_version + 1 &&
                     w->weights_version - 1 - b->t.weights_version > w->max_policy_lag;
        if (!(stale ? send_skip(w, b->t.seq) : send_block(w, b)))
            return;
        w->sent++;
        trace(SENT, .actor = w->id, .incarnation = w->incarnation, .seq = w->sent, .n = w->epoch,
              .version = b->t.weights_version, .reason = stale);
    }
}
