/* SPDX-License-Identifier: MIT */
/* learner_save.c - ledger and accounts in the checkpoint, and back (R8); see learner_state.h.
 *
 * Little-endian fields one behind the other, CRC32C at the end:
 *   "ONLS", version, next incarnation, counts of trajectories, counts of steps, number of actors,
 * then per actor id, open?, incarnation, produced, booked, bits, steps each, steps and CPU, g,
 * snapshot. `settled_seq` is not saved: what was acknowledged and not booked when the learner died
 * is lost, see learner_accounts.c. What closed incarnations had in the queue is lost for certain
 * and becomes lost{rollback} when the blob is read. */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/trace.h"
#include "common/base/xmalloc.h"
#include "common/wire/frame/crc32c.h"
#include "common/wire/rollout/learner_state.h"

enum {
    SAVE_VERSION = 1,
    INCARNATION_GAP = 4096 /* numbers given after the checkpoint are not given again */
};

static void put64(struct buf *b, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_append(b, bytes, sizeof bytes);
}

struct cursor {
    const uint8_t *p, *end;
    bool bad;
};

static uint64_t get64(struct cursor *c)
{
    uint64_t v = 0;
    if (c->end - c->p < 8) {
        c->bad = true;
        return 0;
    }
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)c->p[i] << (8 * i);
    c->p += 8;
    return v;
}

static void learner_save_put_counts(struct buf *b, const struct ledger_counts *c)
{
    put64(b, c->consumed);
    put64(b, c->consumed_twice);
    for (int i = 0; i < LEDGER_DROPS; i++)
        put64(b, c->dropped[i]);
    for (int i = 0; i < LEDGER_LOSTS; i++)
        put64(b, c->lost[i]);
    put64(b, c->closed_produced);
    put64(b, c->closed_outstanding);
}

static void get_counts(struct cursor *in, struct ledger_counts *c)
{
    c->consumed = get64(in);
    c->consumed_twice = get64(in);
    for (int i = 0; i < LEDGER_DROPS; i++)
        c->dropped[i] = get64(in);
    for (int i = 0; i < LEDGER_LOSTS; i++)
        c->lost[i] = get64(in);
    c->closed_produced = get64(in);
    c->lost[LEDGER_LOST_ROLLBACK] += get64(in);
    c->closed_outstanding = 0;
}

static void put_peer(struct buf *b, const struct peer *p)
{
    put64(b, p->id);
    put64(b, p->state != PEER_CLOSED);
    put64(b, p->incarnation);
    put64(b, p->produced);
    put64(b, p->booked);
    for (int i = 0; i < BOOK_BITS / 64; i++)
        put64(b, p->bits[i]);
    put64(b, p->given_up);
    put64(b, p->steps_each);
    put64(b, p->env_steps);
    put64(b, p->cpu_ms);
    put64(b, p->env_steps_before);
    put64(b, p->cpu_ms_before);
    put64(b,
          p->steps_accepted - (p->state == PEER_CLOSED ? 0 : peer_outstanding(p) * p->steps_each));
    put64(b, p->booked_index);
    put64(b, p->snap_booked_bytes);
    buf_append(b, p->snap_booked, p->snap_booked_bytes);
}

void wire_learner_save(struct wire_learner *w, struct buf *out)
{
    size_t start = out->len;
    pthread_mutex_lock(&w->lock);
    buf_append(out, "ONLS", 4);
    put64(out, SAVE_VERSION);
    put64(out, w->next_incarnation);
    learner_save_put_counts(out, &w->trajectories);
    learner_save_put_counts(out, &w->steps);
    uint64_t peers = 0;
    for (int i = 0; i < w->npeers; i++)
        peers += !peer_left_nothing(w->peers[i]);
    put64(out, peers);
    for (int i = 0; i < w->npeers; i++)
        if (!peer_left_nothing(w->peers[i]))
            put_peer(out, w->peers[i]);
    uint32_t check = crc32c(0, out->data + start, out->len - start);
    trace(SAVED, .seq = check, .version = out->len - start);
    pthread_mutex_unlock(&w->lock);
    put64(out, check);
}

static void get_peer(struct wire_learner *w, struct cursor *in)
{
    uint64_t id = get64(in);
    if (in->bad || id >= PEERS_MAX || peer_find(w, (uint32_t)id)) {
        in->bad = true;
        return;
    }
    struct peer *p = peer_add(w, (uint32_t)id);
    p->state = get64(in) ? PEER_ABSENT : PEER_CLOSED;
    peer_sort(w, p);
    p->incarnation = get64(in);
    p->produced = get64(in);
    p->booked = get64(in);
    for (int i = 0; i < BOOK_BITS / 64; i++)
        p->bits[i] = get64(in);
    p->given_up = get64(in);
    p->steps_each = get64(in);
    p->env_steps = get64(in);
    p->cpu_ms = get64(in);
    p->env_steps_before = get64(in);
    p->cpu_ms_before = get64(in);
    p->steps_accepted = get64(in);
    p->next_index = p->booked_index = get64(in);
    uint64_t n = get64(in);
    if (in->bad || n > (uint64_t)(in->end - in->p) || p->booked > p->produced) {
        in->bad = true;
        return;
    }
    p->opened_ms = clock_ms();
    p->cpu_ms_opened = p->cpu_ms;
    p->settled_seq = p->credit_until = p->booked;
    memcpy(p->host, "unknown", sizeof "unknown");
    p->last_rx_ms = clock_ms();
    if (n) {
        p->snap = memcpy(xmalloc(n), in->p, n);
        p->snap_booked = memcpy(xmalloc(n), in->p, n);
        p->snap_bytes = p->snap_booked_bytes = n;
    }
    in->p += n;
}

/* *in: behind the version, without the checksum. */
static int open_blob(struct cursor *in, const void *blob, size_t len, struct onic_err *err)
{
    *in = (struct cursor){.p = blob, .end = (const uint8_t *)blob + len};
    if (len < 20 || memcmp(blob, "ONLS", 4) != 0)
        return err_set(err, ONIC_EDAMAGED, "the checkpoint's ledger is not one: wrong magic");
    struct cursor tail = {.p = in->end - 8, .end = in->end};
    if (get64(&tail) != crc32c(0, blob, len - 8))
        return err_set(err, ONIC_EDAMAGED, "the checkpoint's ledger is damaged: checksum differs");
    in->p += 4;
    in->end -= 8;
    uint64_t version = get64(in);
    if (version != SAVE_VERSION)
        return err_set(err, ONIC_EINCOMPATIBLE,
                       "the checkpoint's ledger has format %llu, this build reads %d",
                       (unsigned long long)version, SAVE_VERSION);
    return ONIC_OK;
}

int wire_learner_load(struct wire_learner *w, const void *blob, size_t len, struct onic_err *err)
{
    struct cursor in;
    int rc = open_blob(&in, blob, len, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&w->lock);
    trace(RESTORED, .seq = crc32c(0, blob, len - 8), .version = len - 8);
    books_forget(w);
    w->next_incarnation = (uint32_t)get64(&in) + INCARNATION_GAP;
    get_counts(&in, &w->trajectories);
    get_counts(&in, &w->steps);
    uint64_t n = get64(&in);
    for (uint64_t i = 0; i < n && !in.bad; i++)
        get_peer(w, &in);
    if (in.bad || in.p != in.end) {
        books_forget(w);
        rc = err_set(err, ONIC_EDAMAGED,
                     "the checkpoint's ledger is damaged: it ends in the middle");
    }
    pthread_mutex_unlock(&w->lock);
    return rc;
}

/* What was trained on after `then` is lost; returns how much that is. */
static uint64_t undo_counts(struct ledger_counts *now, const struct ledger_counts *then)
{
    uint64_t undone = now->consumed > then->consumed ? now->consumed - then->consumed : 0;
    now->consumed -= undone;
    now->lost[LEDGER_LOST_ROLLBACK] += undone;
    return undone;
}

int wire_learner_undo(struct wire_learner *w, const void *blob, size_t len, uint64_t good,
                      uint64_t last, uint64_t *trajectories, struct onic_err *err)
{
    struct cursor in;
    struct ledger_counts of_trajectories, of_steps;
    int rc = open_blob(&in, blob, len, err);
    if (rc)
        return rc;
    get64(&in); /* next incarnation */
    get_counts(&in, &of_trajectories);
    get_counts(&in, &of_steps);
    if (in.bad)
        return err_set(err, ONIC_EDAMAGED,
                       "the checkpoint's ledger is damaged: it ends in the middle");
    pthread_mutex_lock(&w->lock);
    trace(UNDONE, .seq = crc32c(0, blob, len - 8), .version = last);
    *trajectories = undo_counts(&w->trajectories, &of_trajectories);
    undo_counts(&w->steps, &of_steps);
    /* an earlier roll-back may have gone back further than this one; what was played since with
     * versions up to a later checkpoint is good */
    if (w->undone_to == 0 || good < w->undone_after || good > w->undone_to)
        w->undone_after = good;
    w->undone_to = last;
    pthread_mutex_unlock(&w->lock);
    return ONIC_OK;
}
