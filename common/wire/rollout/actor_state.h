/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_ACTOR_STATE_H
#define ONIC_COMMON_WIRE_ROLLOUT_ACTOR_STATE_H

/* actor_state.h - what the files of the actor's side share. Private to common/wire; one thread.
 *
 * actor_link.c     API: life, joining, leaving
 * actor_session.c  what the learner says, heartbeats, silence
 * actor_window.c   trajectories: taken, put, sent and sent again
 * actor_send.c     one frame */

#include "common/base/bounds.h"
#include "common/data/trajectory_block.h"
#include "common/wire/frame/sock.h"
#include "common/wire/rollout/actor_link.h"
#include "common/wire/rollout/ledger_page.h"
#include "common/wire/weights/pull.h"

enum {
    HELLO_EVERY_MS = 1000,
    HEARTBEAT_EVERY_MS = 2000,
    SILENCE_MS = 3000,   /* then HELLO */
    SUSPEND_MS = 10000,  /* then no new rollout */
    RECREATE_MS = 30000, /* a suspended actor makes new sockets */
    COMPLAIN_MS = 8000,  /* users are promised 10 s */
    TROUBLE_MS = 1000,   /* sooner, where it is known what is wrong */
    COMPLAIN_AGAIN_MS = 60000
};

enum actor_link_state {
    LINK_CONNECTING, /* HELLO could not be sent yet */
    LINK_HELLO,      /* HELLO sent, no WELCOME */
    LINK_WELCOMED,   /* environments are being built, or READY sent and not answered */
    LINK_RUNNING
};

struct wire_actor {
    char learner[SOCK_ADDRESS_MAX];
    char *state_dir, *fixed_options;
    int wanted_id, orphan_timeout_s;
    struct wire_keys *keys;
    void *context;
    /* copy: inproc hands our memory to the other side, so messages are copied */
    bool own_context, copy;
    void *socket;
    struct meta_arena *arena;
    struct wire_weights_pull *pull;
    char weights_address[SOCK_ADDRESS_MAX]; /* as WELCOME names it */
    struct ledger_page *page;
    struct ledger_page_content previous;
    struct ledger_page_held held; /* what HELLO shows */
    char host[64];

    enum actor_link_state state;
    bool suspended, draining, bye_acked;
    int final_rc;
    struct onic_err final_err;
    int64_t stood_still_ms; /* clock_stood_still_ms at polled_ms */
    unsigned attempts;      /* sockets made */
    int64_t created_ms, polled_ms, heard_ms, hello_ms, heartbeat_ms, recreated_ms, complained_ms,
        complained_weights_ms, log_ms;
    bool hello_sent_once, heard_once;
    bool other_key; /* a new socket may find the learner's key */

    uint8_t run_id[16];
    uint32_t id, epoch;
    uint64_t incarnation;
    bool welcomed_once;
    char *config;
    size_t config_len;
    uint8_t *resume;
    size_t resume_len;
    int window, rounds;
    bool deterministic;
    uint64_t next_index_base, steps_base, max_policy_lag;

    bool ready_once;
    struct trajectory_shape shape;
    char *env_text, *net_text;
    size_t weights_floats;

    struct trajectory_block *blocks[BOUND_WINDOW + 1];  /* [window + 1] */
    struct trajectory_block *unacked[BOUND_WINDOW + 1]; /* of seq s at s % (BOUND_WINDOW + 1) */
    /* weights_version + 1; 0 = none */
    uint64_t produced, acked, sent, credit_until, weights_version;
    int taken;
    /* environment steps in finished trajectories, and after the last one */
    uint64_t steps_put, steps_since;
};

enum { UNACKED_RING = BOUND_WINDOW + 1 };

/* actor_session.c */
void wire_actor_read(struct wire_actor *w);      /* every message that has come */
void wire_actor_keep_time(struct wire_actor *w); /* HELLO, heartbeat, silence, orphan */
void wire_actor_send_ready(struct wire_actor *w);
void wire_actor_send_bye(struct wire_actor *w);
int wire_actor_open_socket(struct wire_actor *w, struct onic_err *err);
/* actor_window.c */
/* The learner needs nothing up to `ack` any more. */
void wire_actor_settled(struct wire_actor *w, uint64_t ack);
void wire_actor_flush(struct wire_actor *w); /* sends what credit allows */
/* actor_send.c: false when the socket does not take it now */
bool wire_actor_send(struct wire_actor *w, enum frame_type type, const ProtobufCMessage *meta,
                     struct sock_bulk a, struct sock_bulk b);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_ACTOR_STATE_H */
