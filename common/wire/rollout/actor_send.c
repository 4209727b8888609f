/* SPDX-License-Identifier: MIT */
/* actor_send.c - one frame from an actor to its learner; see actor_state.h. */
#include <string.h>

#include "common/wire/rollout/actor_state.h"

static struct frame_head actor_send_head_of(const struct wire_actor *w, enum frame_type type)
{
    struct frame_head h = {.type = (uint16_t)type,
                           .actor_id = w->welcomed_once ? w->id : (uint32_t)FRAME_ID_NONE,
                           .epoch = w->epoch,
                           .incarnation = w->incarnation};
    memcpy(h.run_id, w->welcomed_once ? w->run_id : w->previous.run_id, sizeof h.run_id);
    return h;
}

bool wire_actor_send(struct wire_actor *w, enum frame_type type, const ProtobufCMessage *meta,
                     struct sock_bulk a, struct sock_bulk b)
{
    struct frame_head h = actor_send_head_of(w, type);
    zmq_msg_t msg;
    sock_build(&msg, &h, meta, a, b);
    return sock_send(w->socket, NULL, &msg) == SOCK_SENT;
}
