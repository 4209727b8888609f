/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_LEARNER_STATE_H
#define ONIC_COMMON_WIRE_ROLLOUT_LEARNER_STATE_H

/* learner_state.h - what the files of the learner's side share. Private to common/wire.
 *
 * learner_link.c      API: life, queue, publishing, status     (training thread)
 * learner_accounts.c  accounts of the actors and the ledger    (both threads, under the lock)
 * learner_ingest.c    the trajectory socket                    (ingest thread)
 * learner_conduct.c   actors that send nonsense                (ingest thread)
 * learner_join.c      HELLO and BYE                            (ingest thread)
 * learner_ready.c     READY                                    (ingest thread)
 * learner_compare.c   what an actor and the others differ in   (ingest thread)
 * learner_send.c      frames to actors                         (ingest thread)
 * learner_save.c      the checkpoint blob                      (training thread, under the lock)
 *
 * One lock. It guards everything below but what is marked; the ingest thread alone adds peers and
 * uses the socket. */

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/audit.h"
#include "common/base/bounds.h"
#include "common/wire/frame/sock.h"
#include "common/wire/rollout/learner_link.h"
#include "common/wire/rollout/received.h"
#include "common/wire/weights/server.h"

enum {
    LEASE_MS = 10000,
    UPLOAD_MS = 120000,      /* the same for a message that is still coming in */
    UPLOAD_CREDIT_MS = 2000, /* between two signs of life to whoever sends one */
    BUILD_LEASE_MS = 120000, /* between WELCOME and READY: loading a game may take as long */
    FORGET_MS = 60000, /* silent for so long: what it holds is booked as lost{actor_unknown} */
    BOOK_BITS = 1024,  /* trajectories of one actor that may be accepted and not yet booked */
    PEERS_MAX = BOUND_ACTORS,
    CONDUCTS = 1024,
    HELLO_RATE = 500,       /* new sessions a second; the rest are asked to come again */
    HELLO_BYTES = 80 << 10, /* of a connection that has not joined: HELLO has one meta part */
    READY_BYTES = 256 << 10 /* then, until it has said READY with its two texts */
};

enum peer_state {
    PEER_CLOSED, /* the incarnation is over, its account settled */
    PEER_ABSENT, /* open account, nobody there: lease lost, or known from a checkpoint only */
    PEER_JOINED, /* WELCOME sent */
    PEER_RUNNING /* READY accepted: gets credit */
};

/* One actor number. Its current (or last) incarnation has an account: the sequence numbers
 *   1..booked, and those set in `bits` beyond it     trained on, or dropped and counted
 *   ..settled_seq                                             settled on the wire: acknowledged
 *   ..produced                                       made by the actor, as far as known */
struct peer {
    uint32_t id;
    enum peer_state state;
    uint64_t incarnation;
    bool revoked;
    int64_t quarantined_until_ms; /* the number is given to nobody before */
    int refused;                  /* READYs within a minute */
    int64_t refused_ms;
    bool accused; /* by the training thread: its session ends at the next tick */
    struct sock_route route;
    int64_t last_rx_ms;
    int64_t credited_ms;   /* such a sign, or a look whether its connection is there */
    int64_t challenged_ms; /* somebody else asked for this number; 0 = nobody */
    char host[64];
    uint32_t pid;

    struct trajectory_shape shape; /* of its READY */
    uint64_t steps_each;           /* of this account; 0 = it has not said */
    size_t frame_bytes;            /* what one credit costs */

    uint64_t produced, settled_seq, booked, credit_until;
    uint64_t bits[BOOK_BITS / 64]; /* bit i: seq booked + 1 + i is booked */
    uint64_t given_up; /* produced - settled_seq, booked as lost{actor_unknown} while absent */

    uint64_t recent_used, recent_stale; /* trajectories trained on, and too old for it; halved when
                                           they are many */
    int invalid_run;
    int bad_minute;
    int64_t bad_minute_ms;

    uint64_t env_steps, cpu_ms;               /* as reported by this incarnation */
    int64_t opened_ms;                        /* its account here, */
    uint64_t cpu_ms_opened;                   /* and what it had reported by then */
    uint64_t env_steps_before, cpu_ms_before; /* earlier incarnations */
    uint64_t steps_accepted;                  /* over all incarnations */

    uint64_t next_index;         /* g of the next trajectory, all incarnations */
    uint64_t booked_index;       /* next g as the weights know it */
    uint8_t *snap, *snap_booked; /* [snap_bytes] after g - 1; NULL = none */
    size_t snap_bytes, snap_booked_bytes;
};

/* What a connection did within a minute that costs the others something. */
struct conduct {
    uint64_t route; /* sock_crowd_route; 0 = free */
    int64_t minute_ms, held_until_ms;
    int refused; /* READYs */
    int numbers; /* that it was given */
};

struct ledger_counts {
    uint64_t consumed, consumed_twice, dropped[LEDGER_DROPS], lost[LEDGER_LOSTS];
    uint64_t closed_produced;    /* by incarnations whose account is closed */
    uint64_t closed_outstanding; /* of those: accepted, not yet booked */
};

struct wire_learner {
    struct wire_learner_params p; /* strings below */
    char *config, *env_text, *net_text;
    bool env_known;
    void *context;
    bool own_context;
    void *socket; /* ingest thread */
    char address[SOCK_ADDRESS_MAX];
    int64_t kept_bound_ms;
    char weights_address[SOCK_ADDRESS_MAX]; /* as actors are told */
    bool exposed;
    bool keyed; /* the trajectory socket lets in keys of p.keys only */
    struct wire_weights_server *weights;
    int wake_fd;
    pthread_t thread;
    bool running;
    atomic_bool stop, draining, open; /* open: the books are loaded, actors may be heard */
    atomic_ullong version_plus_1;     /* 0 = nothing published */
    struct meta_arena *arena;         /* ingest thread */
    int64_t created_ms, warned_ms, log_ms, crowd_log_ms, claim_log_ms, key_log_ms, stale_log_ms,
        unfit_log_ms, report_log_ms;

    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct peer *
        *peers; /* [npeers], those with an open account first: only they are gone through */
    int npeers, nopen, peers_cap;
    int32_t *peer_of_id; /* [PEERS_MAX] index into peers, -1 = none */
    /* [PEERS_MAX] the last incarnation of a number that peers has no more (peers_prune) */
    uint64_t *forgotten;
    bool some_to_prune;
    int64_t pruned_ms;
    int nforgotten; /* of these, those that peers has not */
    uint64_t forgotten_steps, forgotten_cpu_ms;
    struct conduct conduct[CONDUCTS]; /* of the newest connections */
    uint32_t next_incarnation;
    int actors_max;    /* open files allow so many at once */
    double hello_room; /* HELLOs that may be admitted now: HELLO_RATE a second, as many in a row */
    int64_t hello_ms;
    bool has_shape; /* shape of the first READY, others are held to it */
    struct trajectory_shape shape;
    struct received *queue_head, *queue_tail, *pool;
    int queued;
    bool stopped, starved; /* starved: some actor was refused credit for want of room */
    bool announce;         /* a new version: tell everybody */
    bool drain_told;
    size_t credit_bytes;
    /* load (load_of): granted and not settled; accepted and not booked; trained on since weights
     * were published */
    uint64_t credit_load, unbooked_load, unpublished_load;
    int turn; /* of peers, the first that was left without credit: the next room is its */
    struct ledger_counts trajectories, steps;
    /* what was played with these versions is not trained on: the weights were rolled back. None
     * while both are 0 */
    uint64_t undone_after, undone_to;
    struct wire_learner_status status; /* the counters of it */
    uint64_t rx_bad[FRAME_BADS];
};

/* learner_link.c: as wire_learner_create, for a caller that is both threads: the ingest thread's
 * part of it is wire_learner_turn. */
int wire_learner_open(struct wire_learner **out, const struct wire_learner_params *p,
                      struct onic_err *err);

/* learner_accounts.c; all under the lock */
struct peer *peer_find(struct wire_learner *w, uint32_t id);
struct peer *peer_add(struct wire_learner *w, uint32_t id);
/* The same as peer_find for a number that somebody had once, whether or not it was forgotten. */
struct peer *peer_recall(struct wire_learner *w, uint32_t id);
/* Nothing that it ever sent was accepted: there is nothing to keep of it but its last incarnation,
 * so that whoever had it stays fenced. */
bool peer_left_nothing(const struct peer *p);
/* By the ingest thread, between two messages: forgets all such. */
void peers_prune(struct wire_learner *w, int64_t now);
/* After its account was opened or closed. */
void peer_sort(struct wire_learner *w, struct peer *p);
bool peer_alive(const struct peer *p);
uint64_t peer_outstanding(const struct peer *p); /* accepted, not yet booked */
/* The next sequence number is settled on the wire: accepted for training, or booked at once with a
 * reason. */
void peer_accept(struct wire_learner *w, struct peer *p);
void peer_settle_dropped(struct wire_learner *w, struct peer *p, enum ledger_drop reason);
/* The same as lost{rollback}: it was played with weights that are undone. */
void peer_settle_undone(struct wire_learner *w, struct peer *p);
bool peer_is_booked(const struct peer *p, uint64_t seq);
void peer_book(struct peer *p, uint64_t seq);
/* Everything up to `acked` was acknowledged by a learner life that this checkpoint does not know:
 * lost{rollback}. */
void peer_roll_back(struct wire_learner *w, struct peer *p, uint64_t acked);
/* Ends the account: what was produced but never settled is booked as `lost`, or as `dropped` when
 * lost is LEDGER_LOSTS. */
void peer_close(struct wire_learner *w, struct peer *p, enum ledger_lost lost,
                enum ledger_drop dropped);
void peer_open(struct wire_learner *w, struct peer *p, uint64_t incarnation);
/* Its connection is that of a stranger again. */
void peer_left(struct wire_learner *w, const struct peer *p);
void peer_give_up(struct wire_learner *w, struct peer *p);
void peer_take_back(struct wire_learner *w, struct peer *p);
/* As when nobody was heard yet. What was accepted has been taken and booked; what was bound and
 * published stays. */
void books_forget(struct wire_learner *w);
/* An account that was never seen here: all of it happened after the checkpoint. */
void books_unknown_account(struct wire_learner *w, uint64_t produced, uint64_t acked,
                           uint64_t steps_each);
/* How a trajectory of the queue ends. */
struct booking {
    enum { BOOK_CONSUMED, BOOK_DROPPED, BOOK_UNDONE } as;
    enum ledger_drop reason; /* BOOK_DROPPED */
};
void books_trajectory(struct wire_learner *w, struct received *r, struct booking how);
void books_ledger(struct wire_learner *w, struct ledger *out);
/* raises the credit if it may; true when it changed */
bool peer_grant(struct wire_learner *w, struct peer *p);
/* Whether p can have produced so many trajectories: never more than it was granted. What cannot be
 * is counted as a bad frame, and must not enter the ledger, which would balance all the same. */
bool peer_claim_holds(struct wire_learner *w, const struct peer *p, uint64_t produced);
/* What a trajectory of so many environment steps takes of an update, of which batch_steps is all.
 * One that is larger than a batch is an update of its own. */
uint64_t load_of(const struct wire_learner *w, uint64_t steps);
/* Load that may be under way for one more trajectory to be young enough after it. */
uint64_t lag_room(const struct wire_learner *w);
/* takes back what was granted and not used */
void peer_revoke_credit(struct wire_learner *w, struct peer *p);

/* learner_ingest.c */
void *wire_learner_ingest(void *arg);
/* What it does whenever something has come, and now and then. */
void wire_learner_turn(struct wire_learner *w);

/* learner_conduct.c; under the lock. One more message that says nothing, of p (NULL: of a
 * stranger), is counted. True: it was one too many, p's session has ended. */
bool wire_learner_bad(struct wire_learner *w, struct peer *p, enum frame_bad bad, const char *why);
/* The same of one that is counted already. */
bool wire_learner_warned(struct wire_learner *w, struct peer *p, const char *why);
/* Its session ends at once. */
void wire_learner_revoke(struct wire_learner *w, struct peer *p, const char *why);
/* Its READY is refused, and its session has ended. Some within a minute, of this number or of this
 * connection, and both are kept out for a minute. */
void wire_learner_refused(struct wire_learner *w, struct peer *p);
/* Whether this connection may have one more number now; if not, why is in text. */
bool wire_learner_may_join(struct wire_learner *w, const struct sock_route *from, char text[200]);
void wire_learner_joins(struct wire_learner *w, const struct sock_route *from);
/* What p says of its own steps and processor time, as far as it can be: it goes into sums
 * that are kept for the whole run. */
void wire_learner_reported(struct wire_learner *w, struct peer *p, uint64_t env_steps,
                           uint64_t cpu_ms);
/* peer_claim_holds, and what does not is a bad message of p. */
bool wire_learner_believes(struct wire_learner *w, struct peer *p, uint64_t produced);

/* learner_send.c; under the lock */
struct frame_head wire_learner_head(const struct wire_learner *w, enum frame_type type,
                                    const struct peer *p);
bool wire_learner_send(struct wire_learner *w, struct peer *p, enum frame_type type,
                       const ProtobufCMessage *meta);
enum sock_sent wire_learner_send_to(struct wire_learner *w, const struct sock_route *to,
                                    const struct frame_head *h, const ProtobufCMessage *meta,
                                    struct sock_bulk a, struct sock_bulk b);
/* A line of the audit about an actor that is known; reason: of this moment. */
void wire_learner_audit(enum audit_event event, const struct peer *p, const char *reason);
/* The end of its session, which it is told. */
void wire_learner_put_out(struct wire_learner *w, struct peer *p, const char *text);
/* Somebody is told why not, and the audit too. */
void wire_learner_reject(struct wire_learner *w, const struct sock_route *to,
                         const struct frame_head *of, enum wire_reject code, const char *text);
bool wire_learner_credit(struct wire_learner *w, struct peer *p, bool go_back);
/* Whether its connection is: libzmq knows when something is to be sent. */
bool wire_learner_is_there(struct wire_learner *w, const struct peer *p);

/* learner_join.c */
void wire_learner_hello(struct wire_learner *w, const struct sock_route *from,
                        const struct frame *f);
void wire_learner_bye(struct wire_learner *w, struct peer *p, const struct frame *f);

/* learner_ready.c */
void wire_learner_ready(struct wire_learner *w, struct peer *p, const struct frame *f);

/* learner_compare.c: appends "field: actor x, learner y; " for everything that differs. */
struct ready_claim {
    struct trajectory_shape shape;
    uint64_t weights_floats;
    const char *env, *net;
    size_t env_len, net_len;
};
void wire_learner_compare(const struct wire_learner *w, const struct ready_claim *actor,
                          struct buf *out);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_LEARNER_STATE_H */
