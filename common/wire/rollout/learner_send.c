/* SPDX-License-Identifier: MIT */
/* learner_send.c - frames from the learner to its actors; ingest thread, see learner_state.h.
 *
 * Every answer is cumulative and may be lost: CREDIT says how far everything is settled, how far
 * the actor may go, the weights version, and whether to go back. */
#include <string.h>

#include "common/base/trace.h"
#include "common/wire/rollout/learner_state.h"
#include "session.pb-c.h"

struct frame_head wire_learner_head(const struct wire_learner *w, enum frame_type type,
                                    const struct peer *p)
{
    struct frame_head h = {
        .type = (uint16_t)type, .epoch = w->p.epoch, .actor_id = (uint32_t)FRAME_ID_NONE};
    memcpy(h.run_id, w->p.run_id, sizeof h.run_id);
    if (p) {
        h.actor_id = p->id;
        h.incarnation = p->incarnation;
    }
    return h;
}

enum sock_sent wire_learner_send_to(struct wire_learner *w, const struct sock_route *to,
                                    const struct frame_head *h, const ProtobufCMessage *meta,
                                    struct sock_bulk a, struct sock_bulk b)
{
    zmq_msg_t msg;
    sock_build(&msg, h, meta, a, b);
    enum sock_sent sent = sock_send(w->socket, to, &msg);
    if (sent == SOCK_FULL)
        w->status.hwm_hit++;
    return sent;
}

bool wire_learner_send(struct wire_learner *w, struct peer *p, enum frame_type type,
                       const ProtobufCMessage *meta)
{
    struct frame_head h = wire_learner_head(w, type, p);
    zmq_msg_t msg;
    sock_build(&msg, &h, meta, (struct sock_bulk){0}, (struct sock_bulk){0});
    enum sock_sent sent = sock_send(w->socket, &p->route, &msg);
    if (sent == SOCK_FULL)
        w->status.hwm_hit++;
    else if (sent != SOCK_SENT)
        trace(UNREACHABLE, .actor = p->id, .incarnation = p->incarnation);
    return sent == SOCK_SENT;
}

static void send_reject(struct wire_learner *w, const struct sock_route *to,
                        const struct frame_head *of, enum wire_reject code, const char *text)
{
    Onic__Wire__Reject m = ONIC__WIRE__REJECT__INIT;
    m.code = code;
    m.text = meta_bytes(text);
    struct frame_head h = wire_learner_head(w, FRAME_REJECT, NULL);
    h.actor_id = of->actor_id;
    h.incarnation = of->incarnation;
    wire_learner_send_to(w, to, &h, &m.base, (struct sock_bulk){0}, (struct sock_bulk){0});
    if (code != WIRE_REJECT_RETRY)
        w->status.rejected++;
}

void wire_learner_audit(enum audit_event event, const struct peer *p, const char *reason)
{
    struct audit_who who = {.role = "actor",
                            .address = p->route.peer,
                            .key = p->route.key,
                            .actor = p->id,
                            .host = p->host,
                            .pid = p->pid};
    audit_write(event, &who, reason);
}

void wire_learner_put_out(struct wire_learner *w, struct peer *p, const char *text)
{
    struct frame_head of = wire_learner_head(w, FRAME_REJECT, p);
    send_reject(w, &p->route, &of, WIRE_REJECT_REVOKED, text);
    wire_learner_audit(AUDIT_QUARANTINED, p, text);
}

void wire_learner_reject(struct wire_learner *w, const struct sock_route *to,
                         const struct frame_head *of, enum wire_reject code, const char *text)
{
    bool numbered = of->actor_id != (uint32_t)FRAME_ID_NONE && of->incarnation;
    struct audit_who who = {.role = "actor",
                            .address = to->peer,
                            .key = to->key,
                            .actor = numbered ? (int64_t)of->actor_id : -1};
    send_reject(w, to, of, code, text);
    audit_write(code == WIRE_REJECT_KEY ? AUDIT_KEY : AUDIT_REFUSED, &who, text);
}

static Onic__Wire__Credit credit_of(const struct wire_learner *w, const struct peer *p)
{
    Onic__Wire__Credit m = ONIC__WIRE__CREDIT__INIT;
    m.ack = p->settled_seq;
    m.credit_until = p->credit_until;
    m.weights_version = atomic_load(&w->version_plus_1);
    return m;
}

bool wire_learner_is_there(struct wire_learner *w, const struct peer *p)
{
    Onic__Wire__Credit m = credit_of(w, p);
    struct frame_head h = wire_learner_head(w, FRAME_CREDIT, p);
    return wire_learner_send_to(w, &p->route, &h, &m.base, (struct sock_bulk){0},
                                (struct sock_bulk){0}) != SOCK_GONE;
}

bool wire_learner_credit(struct wire_learner *w, struct peer *p, bool go_back)
{
    Onic__Wire__Credit m = credit_of(w, p);
    m.go_back = go_back;
    trace(GRANTED, .actor = p->id, .incarnation = p->incarnation, .seq = m.credit_until,
          .version = m.ack);
    return wire_learner_send(w, p, FRAME_CREDIT, &m.base);
}
