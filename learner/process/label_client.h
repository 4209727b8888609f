/* SPDX-License-Identifier: MIT */
#ifndef ONIC_LEARNER_PROCESS_LABEL_CLIENT_H
#define ONIC_LEARNER_PROCESS_LABEL_CLIENT_H

/* label_client.h - questions about batches to the reward server, its labels to the reward model.
 *
 * Training never waits for a label: asking and looking take microseconds, and without a server the
 * run goes on with what is known. The exception is a deterministic run, where the labels of a batch
 * are part of the result: there the loop polls until label_client_pending says that every question
 * has its answer. Training thread. */

#include <stdbool.h>

#include "common/checkpoint/checkpoint.h"
#include "common/metrics/metrics.h"
#include "common/wire/labels/labels.h"
#include "learner/reward/mix.h"
#include "learner/train/batch.h"

struct label_client;
struct label_options;
struct wire_keys;

struct label_client_params {
    struct wire_keys *keys; /* NULL = none; outlive the client */
    const char *address; /* of the reward server; "": only remembers what earlier lives received */
    int pairs_waiting;   /* the model draws no question while so many wait for an answer */
    double label_drift;  /* reward.label_drift, label_sources.h */
    double actor_share;  /* reward.actor_share, actor_keys.h */
    const struct label_options *options; /* that labels are given with (label_options.h) */
};

/* Everything is copied. */
int label_client_create(struct label_client **out, const struct label_client_params *p,
                        struct onic_err *err);
void label_client_free(struct label_client *a); /* NULL is allowed */

/* Asks for the captions of the batch that have no label, or what the model draws. */
void label_client_ask(struct label_client *a, struct reward_mix *mix, const struct batch *b);
/* Sends, receives, and hands labels to the model; waits at most timeout_ms. ONIC_ECONFIG when
 * the annotator does not answer the model's kind of question, ONIC_EINCOMPATIBLE when the server
 * labels by another identity (annotator, goal, model ...) than the labels this run already holds. A
 * run that holds none takes whatever identity the server has now. */
int label_client_poll(struct label_client *a, struct reward_mix *mix, int timeout_ms,
                      struct onic_err *err);
/* ONIC_EINCOMPATIBLE when the labels this run holds were given by another identity than this one.
 */
int label_client_check_identity(const struct label_client *a, const char *identity,
                                struct onic_err *err);
/* Labels that the reward model has been given, in all lives. */
uint64_t label_client_labels(const struct label_client *a);
/* True while a question has no answer. */
bool label_client_pending(const struct label_client *a);
/* Deterministic runs: labels wait inside until label_client_apply hands over those that were asked,
 * in the order of their questions. */
void label_client_hold(struct label_client *a, bool hold);
void label_client_apply(struct label_client *a, struct reward_mix *mix);

/* What labels the captions now, "" fields until known; NULL without a server. Borrowed. */
const struct wire_labels_identity *label_client_identity(const struct label_client *a);
/* One sentence when something is wrong with the server, "" when healthy or without one. */
const char *label_client_waiting_for(struct label_client *a);
/* Why the reward model was told nothing in this life although something was asked: "no label in
 * this life: ..." with the last thing that was wrong; "" when a label came, or nothing was asked.
 */
const char *label_client_fruitless(struct label_client *a);
void label_client_report(struct label_client *a, struct metrics *m); /* annot/... */
/* Labels of this life: below, above and at 0.5. */
void annotate_sides(const struct label_client *a, uint64_t *low, uint64_t *high, uint64_t *ties);

/* Up to which label of which store a run has heard (rule A7). */
struct label_heard {
    uint64_t store;   /* label_counts.store; 0 = not known */
    uint64_t last_id; /* 0 = of none */
};
int label_client_heard(const struct checkpoint_file *from, struct label_heard *out,
                       struct onic_err *err);

/* How often labels of this run were withdrawn (`onic labels distrust`) before its labels came, as
 * its checkpoint has it. */
uint64_t label_client_distrusts(const struct label_client *a);
/* The run holds no label any more: it asks anew, and what is left in the store answers. */
void label_client_relearn(struct label_client *a, uint64_t distrusts);

/* The reward model is about to forget labels that came since a checkpoint: whoever was told of them
 * is asked anew, in a connection of its own (rule A3). Before label_client_load. */
int label_client_restart(struct label_client *a, struct onic_err *err);

void label_client_save(const struct label_client *a, struct checkpoint *to);
int label_client_load(struct label_client *a, const struct checkpoint_file *from,
                      struct onic_err *err);

#endif /* ONIC_LEARNER_PROCESS_LABEL_CLIENT_H */
