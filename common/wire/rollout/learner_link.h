/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_ROLLOUT_LEARNER_LINK_H
#define ONIC_COMMON_WIRE_ROLLOUT_LEARNER_LINK_H

/* learner_link.h - the learner's side of the trajectory and weights planes: two threads of its own.
 *
 * The ingest thread owns the trajectory socket: HELLO/WELCOME/READY, leases, credits, acks, checks
 * of every field, dedup by (actor, incarnation, seq), the ledger. Checked trajectories go into a
 * bounded queue that the training thread reads. The weights thread serves versioned snapshots in
 * checked chunks. Rules R1-R11, W1-W6: common/wire/README.md. */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/ledger.h"
#include "common/data/trajectory.h"

struct wire_learner;
struct wire_keys;

struct wire_learner_params {
    const char *listen;         /* trajectory address; "tcp://host:*" binds a free port */
    const char *weights_listen; /* "" = the port after listen's (free: free), path + .weights */
    void *zmq_context;          /* NULL = own */
    uint8_t run_id[16];
    uint8_t place_key[32];   /* of the run, the same in all its lives; known to nobody else */
    uint32_t epoch;          /* of this learner life; fsynced by the caller before */
    double lost_s;           /* how long lives of this run went on after the books to be loaded */
    const char *config_text; /* YAML for WELCOME: env.*, policy.*, train.rollout, ... */
    size_t config_len;
    /* expected; "" env_text = accept the first actor's and hold the others to it */
    const char *env_text, *net_text;
    size_t weights_floats;
    double weights_bytes_per_s; /* sent by the weights port at most; 0 = any number */
    /* T, obs_bytes, actions, state_size, nstats; E = 0: any up to BOUND_ENVS */
    struct trajectory_shape shape;
    struct obs_spec obs;       /* what an observation is made of; no fields: not known */
    int window;                /* W */
    int max_queued;            /* trajectories in the queue towards training */
    size_t inflight_bytes_max; /* cap of all credit */
    uint64_t max_policy_lag;   /* weights versions between acting and training, at most */
    /* environment steps that an update takes, at least: how many trajectories may be under way for
     * none to become older than that (not when deterministic); 0 = any number */
    uint64_t batch_steps;
    /* what the policy's values can be at most, in either direction; 0 = not known */
    float value_most;
    bool deterministic;
    int deterministic_actors; /* actors per round when deterministic */
    /* R: trajectories of one actor per weights version when deterministic, >= 1 */
    int deterministic_rounds;
    bool allow_insecure;
    struct wire_keys *keys; /* NULL = none; outlive the link */
};

/* Open files that a learner needs for so many actors. */
unsigned long long wire_learner_files(int actors);

/* Binds both sockets and starts the threads. Actors are heard from the first publish, take, status
 * or drain on, so that wire_learner_load can come before. ONIC_ECONFIG: address not usable, or
 * beyond loopback without allow_insecure; ONIC_ECANTCREATE: address in use. */
int wire_learner_create(struct wire_learner **out, const struct wire_learner_params *p,
                        struct onic_err *err);
void wire_learner_free(struct wire_learner *w);
const char *wire_learner_address(const struct wire_learner *w); /* as bound, port filled in */
const char *wire_learner_weights_address(const struct wire_learner *w); /* the same */

/* Training thread. Takes a checked trajectory out of the queue; the caller owns it and gives it
 * back with wire_learner_release when its memory is no longer read. ONIC_ETIMEDOUT, ONIC_ESTOPPED.
 */
int wire_learner_take(struct wire_learner *w, struct trajectory **out, int timeout_ms);
void wire_learner_release(struct wire_learner *w, struct trajectory *t);
/* The frame of a taken trajectory as it came, for kept.h; valid until the release. */
const void *wire_learner_frame(const struct trajectory *t, size_t *len);
/* g of a taken trajectory: 0, 1, 2 ... over all incarnations of its actor, roll-backs undone. */
uint64_t wire_learner_index(const struct trajectory *t);
/* Books a taken trajectory in the ledger: trained on, or dropped with a reason. Once each. */
void wire_learner_consumed(struct wire_learner *w, const struct trajectory *t);
void wire_learner_dropped(struct wire_learner *w, const struct trajectory *t,
                          enum ledger_drop reason);

/* The same as lost{rollback}, for weights are about to be rolled back. */
void wire_learner_undone(struct wire_learner *w, const struct trajectory *t);
/* Ends the session of an actor that sent numbers which nobody can train on, and keeps its number
 * out of use for a minute (rule R7). Whoever has the number by now with another incarnation is not
 * meant. */
void wire_learner_accuse(struct wire_learner *w, uint32_t actor, uint64_t incarnation);

/* Publishes a snapshot (copied) as `version`; current and previous are kept. */
void wire_learner_publish(struct wire_learner *w, const float *weights, uint64_t version);

/* Ledger and per-actor accounts for the checkpoint, and back (between create and the first publish,
 * take, status or drain). ONIC_EDAMAGED, ONIC_EINCOMPATIBLE. Consumed-but-not-yet-checkpointed work
 * becomes lost{rollback} after a crash. The blob is opaque, versioned, checked. */
void wire_learner_save(struct wire_learner *w, struct buf *out);
int wire_learner_load(struct wire_learner *w, const void *blob, size_t len, struct onic_err *err);
/* actors_cpu_s of the books that were loaded; nobody is heard because of it. */
double wire_learner_loaded_cpu_s(struct wire_learner *w);
/* The weights are again those of a checkpoint with these books (wire_learner_save), of version
 * `good`: what was trained on since then becomes lost{rollback}, and so does what comes from now on
 * and was played with versions above `good`, up to `last`. The accounts go on. *trajectories: how
 * many were undone. ONIC_EDAMAGED, ONIC_EINCOMPATIBLE: then nothing has changed. */
int wire_learner_undo(struct wire_learner *w, const void *blob, size_t len, uint64_t good,
                      uint64_t last, uint64_t *trajectories, struct onic_err *err);
/* consistent copy, in_flight filled in */
void wire_learner_ledger(struct wire_learner *w, struct ledger *out);

/* Deterministic runs: global index g of an actor's trajectory (over all incarnations) must be acted
 * with weights version floor(g / R); the latest accepted snapshot of each actor is kept, saved by
 * wire_learner_save, and given to that actor id's next incarnation in WELCOME as its resume blob
 * together with its next g. */

struct wire_learner_status {
    int actors_connected, actors_running;
    int queued;          /* trajectories waiting for training */
    double actors_cpu_s; /* CPU seconds of all actors, all incarnations */
    uint64_t env_steps;  /* steps reported by actors */
    uint64_t rx_bad, duplicates, out_of_order, old_epoch, fenced, rejected, hwm_hit;
    uint64_t weights_rx_bad; /* as rx_bad, of the weights port */
    double weights_fanout_s; /* wire_weights_server_fanout_s */
    uint64_t cut;            /* connections of both planes (sock_crowd.h) */
    uint64_t unproved;       /* HELLOs of an incarnation whose secret they did not show */
    uint64_t hello_limited;  /* HELLOs that were asked to come again: 500 a second are admitted */
    /* captions and finished episodes that found no room in their trajectory */
    uint64_t captions_dropped, episodes_dropped;
    int64_t last_rx_ms;    /* clock_ms of the last accepted trajectory; 0 = none yet */
    char waiting_for[160]; /* one sentence: what the plane waits for, "" when data flows */
};
void wire_learner_status(struct wire_learner *w, struct wire_learner_status *out);

/* An actor number as it is now. */
struct wire_learner_actor {
    uint32_t id, pid;
    uint64_t incarnation;
    const char *state;                      /* "running", "joined", "absent" or "gone" */
    char host[64];                          /* as it says itself */
    double silent_s;                        /* since it was heard last; NAN: not in this life */
    double cpu_s;                           /* all incarnations, as is env_steps */
    uint64_t env_steps, produced, unbooked; /* trajectories of this one: made; accepted, in hand */
};
/* The first max actor numbers of this run in the order in which they came, and in *all how many
 * there are; returns how many were written. Any thread. */
int wire_learner_actors(struct wire_learner *w, struct wire_learner_actor *out, int max, int *all);

/* Drain: DRAIN to all, no credit, wait for BYE of all (or timeout), stop the threads. What is
 * queued can still be taken. */
void wire_learner_drain(struct wire_learner *w, int timeout_ms);

#endif /* ONIC_COMMON_WIRE_ROLLOUT_LEARNER_LINK_H */
