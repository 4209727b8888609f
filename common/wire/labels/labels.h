/* SPDX-License-Identifier: MIT */
#ifndef ONIC_COMMON_WIRE_LABELS_LABELS_H
#define ONIC_COMMON_WIRE_LABELS_LABELS_H

/* labels.h - questions out, labels in: learner (client) and reward server.
 *
 * Questions are bytes (question.h), labels a struct label. At least once and idempotent: a question
 * has one key (label identity + bytes), the client asks again what was not answered, the server
 * answers known keys from its durable store. Neither side ever waits for the other. Rules A1-A8 of
 * common/wire/README.md. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/label.h"

struct wire_keys;

/* What the server says of itself at connection. */
struct wire_labels_identity {
    /* label identity: annotator, model, goal version, parameters, vote; "" until known */
    char identity[192];
    unsigned kinds; /* bit set 1 << enum question_kind: what it answers */
    char annotator[32], model[64], goal[64], goal_version[40];
};

/* Numbers an annotator keeps of itself: requests, tokens, cost. */
enum { WIRE_LABELS_NUMBERS_MAX = 32 };
struct wire_labels_number {
    char name[32];
    double value;
};

/* --- client: one per learner, used by one thread ----------------------------------------- */
struct wire_labels_client;

/* address "" is refused. Connects lazily; create never waits. keys: NULL = none; they outlive
 * it. */
int wire_labels_client_create(struct wire_labels_client **out, const char *address,
                              void *zmq_context, struct wire_keys *keys, struct onic_err *err);
void wire_labels_client_free(struct wire_labels_client *c);
/* Queues a question unless it is already asked or answered in this life (262144 are remembered,
 * then all but the open ones are forgotten); newest first, bounded (4096 outstanding, the rest
 * waits; the oldest waiting one is dropped and counted). Returns true when it was new. Longer ones
 * than QUESTION_MAX are cut. A question is repeated after 15 s without an
 * answer; when 4096 are open and newer ones wait, the oldest open one is set aside (its answer
 * is still taken, and it is asked again when it is put again). */
bool wire_labels_client_ask(struct wire_labels_client *c, const char *question, size_t len);
/* The caller does not have the answer any more: it is asked again when it is put again. */
void wire_labels_client_forget(struct wire_labels_client *c, const char *question, size_t len);
/* For a caller that waits for every answer: nothing is dropped, no question set aside or held back
 * for others. */
void wire_labels_client_wait_for_all(struct wire_labels_client *c, bool all);
/* Sends and receives; never waits longer than timeout_ms (0 for the training loop). Questions go
 * out at most every 100 ms, or when a message or the window of open questions is full. */
void wire_labels_client_poll(struct wire_labels_client *c, int timeout_ms);
/* Next received answer, its question borrowed until the next call; false when none. Each question
 * is answered once; further answers are dropped here. When the server's label identity changes,
 * everything is forgotten, answers that were not fetched included, and may be asked again: look at
 * wire_labels_client_identity. */
bool wire_labels_client_next(struct wire_labels_client *c, struct label *out);
const struct wire_labels_identity *wire_labels_client_identity(const struct wire_labels_client *c);

struct wire_labels_client_status {
    bool connected;
    uint64_t asked_total, labels_total, abstained_total, dropped_total, resent_total;
    int outstanding, waiting;
    uint64_t server_backlog; /* as last reported */
    double server_labels_per_s;
    uint64_t server_labels_total, server_asked_twice, server_maybe_paid_twice;
    int64_t last_seen_ms;  /* clock_ms of the last message of the server; 0 = never */
    char waiting_for[160]; /* "" when healthy */
    char annotator[160];   /* what the annotator says of itself, "" = ready */
    struct wire_labels_number own[WIRE_LABELS_NUMBERS_MAX]; /* its numbers, as last reported */
    int nown;
    /* The server's label store (label_counts) as it was when this connection began, before any
     * label came over it; store 0 = not told. told rises with each connection. */
    uint64_t store, store_last_id;
    unsigned told;
};
void wire_labels_client_status(const struct wire_labels_client *c,
                               struct wire_labels_client_status *out);
/* Asks a connected server for what it reports in its heartbeats (which come every 2 s), and waits
 * for it, at most timeout_ms. */
void wire_labels_client_refresh(struct wire_labels_client *c, int timeout_ms);

/* --- server: socket of the reward server, driven by its libuv loop ----------------------- */
struct wire_labels_server;

/* keys: NULL = none; they outlive the server. Learners may connect and ask, observers may connect.
 */
struct wire_labels_ask {
    uint64_t client;      /* handle to answer to */
    const char *question; /* borrowed until the next wire_labels_server_recv */
    size_t question_len;
};

int wire_labels_server_create(struct wire_labels_server **out, const char *listen,
                              void *zmq_context, bool allow_insecure, struct wire_keys *keys,
                              const struct wire_labels_identity *self, struct onic_err *err);
void wire_labels_server_free(struct wire_labels_server *s);
const char *wire_labels_server_address(const struct wire_labels_server *s);
/* ZMQ_FD, edge-triggered: readable means "something may have happened", once. Call
 * wire_labels_server_recv until it returns false whenever it fires, and also after
 * wire_labels_server_send and on every tick: sending may swallow the edge. */
int wire_labels_server_fd(const struct wire_labels_server *s);
/* The next question; false when there is none now, or when so many messages before it were none
 * that something else may have its turn: it waits then. Handles HELLO, heartbeats and STATUS
 * queries inside. */
bool wire_labels_server_recv(struct wire_labels_server *s, struct wire_labels_ask *out);
bool wire_labels_server_waits(const struct wire_labels_server *s);
/* Sends labels (durable ones only) to one client, or to all (client 0). False: that client is gone
 * or full; it asks again. */
bool wire_labels_server_send(struct wire_labels_server *s, uint64_t client,
                             const struct label *labels, int n);
/* Numbers reported to clients in heartbeats and to `onic labels count`. */
struct wire_labels_server_numbers {
    uint64_t labels_total, abstained_total, backlog, in_flight, asked_twice, maybe_paid_twice,
        evicted;
    double labels_per_s;
    char status[160]; /* of the annotator, "" = ready */
    struct wire_labels_number own[WIRE_LABELS_NUMBERS_MAX];
    int nown;
};
void wire_labels_server_numbers(struct wire_labels_server *s,
                                const struct wire_labels_server_numbers *n);
/* Which store it has, and the number of its newest label: told before labels are, so never behind
 * what a client has. */
void wire_labels_server_store(struct wire_labels_server *s, uint64_t store, uint64_t last_id);
/* Messages that say nothing; who sends ten of them within a minute is cut. */
uint64_t wire_labels_server_bad(const struct wire_labels_server *s);
/* Heartbeats and timeouts; call every 500 ms or so. */
void wire_labels_server_tick(struct wire_labels_server *s);

#endif /* ONIC_COMMON_WIRE_LABELS_LABELS_H */
