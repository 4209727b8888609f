/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_ACTOR_LINK_H
#define ONIC_COMMON_WIRE_ROLLOUT_ACTOR_LINK_H

/* actor_link.h - the actor's side of the trajectory and weights planes.
 *
 * States: CONNECTING -> HELLO_SENT -> WELCOMED (configuration known) -> RUNNING -> DRAINING ->
 * DONE, and SUSPENDED while the learner is silent. Everything happens inside wire_actor_poll,
 * called by the thread that steps the environments, so a loop that hangs stops the heartbeat. While
 * an environment takes long, within limits, it is called by whoever waits for it
 * (actor/envs/progress.h, actor/watch.h): one thread at a time, with a lock between them.
 * Unacknowledged trajectories (at most the credit window) stay here and are sent again to a
 * restarted learner. Rules R1-R11, W1-W6: common/wire/README.md. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/trajectory.h"
#include "common/policy/obs_spec.h"

struct wire_actor;
struct wire_keys;

struct wire_actor_params {
    const char *learner;   /* ipc://, tcp://, inproc:// */
    void *zmq_context;     /* NULL = own; inproc tests share the learner's */
    int actor_id;          /* -1 = assigned */
    const char *state_dir; /* ledger page; NULL or "" = none */
    /* YAML text of what the user fixed by hand (flags, environment, file); may be "" */
    const char *fixed_options;
    int orphan_timeout_s;   /* 0 = never */
    struct wire_keys *keys; /* NULL = none; outlive the link */
};

/* Creates sockets and connects; nobody needs to listen yet. */
int wire_actor_create(struct wire_actor **out, const struct wire_actor_params *p,
                      struct onic_err *err);
void wire_actor_free(struct wire_actor *w);

/* Waits for WELCOME. On ONIC_OK: *config_text (YAML, borrowed until free), *deterministic, *seed;
 * actor id and incarnation are known. ONIC_EAGAIN: call again (signals can be looked at in
 * between); after 10 s without an answer it logs one sentence. ONIC_ETIMEDOUT: orphan timeout, or
 * another run answers. ONIC_EINCOMPATIBLE: REJECT with the learner's sentence. ONIC_EAUTH: the
 * learner does not let in this actor's key, or wants one. ONIC_EFENCED: the
 * actor number is in use by a living process (host and pid are named). */
struct wire_welcome {
    const char *config_text;
    size_t config_len;
    uint32_t actor_id;
    uint64_t incarnation;
    bool deterministic;
    /* opaque resume blob of this actor id (deterministic runs), NULL when none */
    const uint8_t *resume;
    size_t resume_len;
};
int wire_actor_welcome(struct wire_actor *w, int timeout_ms, struct wire_welcome *out,
                       struct onic_err *err);

/* Says what this actor has built; the learner compares and gives credit or REJECT
 * (ONIC_EINCOMPATIBLE, each differing field with both values). env_text and net_text: lines "name:
 * value", compared line by line. */
struct wire_ready {
    struct trajectory_shape shape;
    const char *env_text; /* id, observation spec, actions, statistics names, step limit ... */
    const char *net_text; /* policy_text */
    size_t weights_floats;
};
int wire_actor_ready(struct wire_actor *w, const struct wire_ready *r, struct onic_err *err);

/* Reads what has arrived, sends heartbeats, resends, pulls weights. timeout_ms: how long it may
 * wait when there is nothing to do; 0 never waits. ONIC_OK, or a final state: ONIC_ESTOPPED
 * (drained by the learner: finish and leave), ONIC_EAUTH (its key is not let in), ONIC_EFENCED
 * (another process has this number now), ONIC_EINCOMPATIBLE (REJECT: what differs), ONIC_EINTERNAL
 * (what this one sent was nonsense), ONIC_ETIMEDOUT (orphan timeout, another run at this address,
 * or, in a deterministic run, a restarted learner: restart the actor). Final states stay.
 * Call it at least every second while environments step: it is the heartbeat. Between WELCOME and
 * READY as well, where building them takes long. */
int wire_actor_poll(struct wire_actor *w, int timeout_ms, struct onic_err *err);

/* The newest complete, checked weights [weights_floats] and their version; NULL until the first
 * pull is complete. The pointer is stable until the next wire_actor_poll: copy at a rollout
 * boundary. */
const float *wire_actor_weights(const struct wire_actor *w, uint64_t *version);

/* True when a rollout may start: credit for one more trajectory, weights present, and
 * (deterministic) the weights version that this rollout must use has arrived. */
bool wire_actor_may_start(const struct wire_actor *w);

/* A block to fill, from the pool (at most window + 1); never NULL after wire_actor_may_start
 * returned true. */
struct trajectory *wire_actor_take(struct wire_actor *w);
/* Hands a finished block over: assigned the next seq, counted as produced, sent when credit allows.
 */
void wire_actor_put(struct wire_actor *w, struct trajectory *t);

/* Steps taken since the last put, for the ledger page (crash accounting) and heartbeats. */
void wire_actor_progress(struct wire_actor *w, uint64_t env_steps);

/* Drain: flush for at most timeout_ms, BYE(ledger), wait for BYE_ACK for at most 2 s. Always
 * ONIC_OK: what could not be settled is logged and stays on the ledger page. */
int wire_actor_leave(struct wire_actor *w, int timeout_ms, struct onic_err *err);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_ACTOR_LINK_H */
